// The GPU's losses against the CPU's, which have their own proof.
#include <cmath>
#include <cstdint>
#include <limits>

#include "ATen/ATen.h"
#include "losses/kd.h"
#include "tests/testing/cuda.h"

namespace distill {
namespace {

struct Result {
  LossTerms terms;
  at::Tensor gradient;
};

Result Evaluate(const at::Tensor& student, const at::Tensor& teacher,
                const at::Tensor& labels, const KdOptions& options) {
  Result result;
  const at::Tensor leaf = student.detach().clone().requires_grad_(true);
  result.terms = KdLoss(leaf, teacher, labels, options);
  result.terms.total.backward();
  result.gradient = leaf.grad();
  return result;
}

class KdGpuTest : public testing::GpuTest {};

TEST_F(KdGpuTest, AgreesWithTheCpu) {
  at::manual_seed(1);
  // One warp a row up to 1024 classes, one block beyond.
  for (int64_t classes : {2, 10, 100, 1024, 1025, 5000}) {
    for (int64_t batch : {1, 5, 64, 300}) {
      const at::Tensor s = 3 * at::randn({batch, classes});
      const at::Tensor t = 3 * at::randn({batch, classes});
      at::Tensor labels = at::randint(classes, {batch}, at::kLong);
      if (batch > 1) labels[1] = kNoLabel;
      for (double alpha : {0.0, 0.5, 1.0}) {
        for (double temperature : {1.0, 5.0}) {
          KdOptions options;
          options.alpha = alpha;
          options.temperature = temperature;
          const Result cpu = Evaluate(s, t, labels, options);
          const Result gpu =
              Evaluate(s.cuda(), t.cuda(), labels.cuda(), options);
          const double total = cpu.terms.total.item<double>();
          EXPECT_NEAR(gpu.terms.total.item<double>(), total, 1e-5 * (1 + total))
              << classes << " classes, batch " << batch << ", alpha " << alpha;
          EXPECT_EQ(gpu.terms.soft.defined(), cpu.terms.soft.defined());
          EXPECT_EQ(gpu.terms.hard.defined(), cpu.terms.hard.defined());
          const double difference =
              (gpu.gradient.cpu() - cpu.gradient).abs().max().item<double>();
          EXPECT_LT(difference, 1e-5 / static_cast<double>(batch) * temperature)
              << classes << " classes, batch " << batch << ", alpha " << alpha;
        }
      }
    }
  }
}

TEST_F(KdGpuTest, TheSameInputGivesTheSameBits) {
  for (int64_t classes : {10, 2000}) {
    const at::Tensor s = at::randn({300, classes}).cuda();
    const at::Tensor t = at::randn({300, classes}).cuda();
    const at::Tensor labels = at::randint(classes, {300}, at::kLong).cuda();
    const Result first = Evaluate(s, t, labels, KdOptions());
    for (int i = 0; i < 5; ++i) {
      const Result again = Evaluate(s, t, labels, KdOptions());
      EXPECT_TRUE(at::equal(again.terms.total, first.terms.total));
      EXPECT_TRUE(at::equal(again.gradient, first.gradient));
    }
  }
}

TEST_F(KdGpuTest, TakesEveryDtype) {
  const at::Tensor s = at::randn({8, 10}, at::kDouble);
  const at::Tensor t = at::randn({8, 10}, at::kDouble);
  const at::Tensor labels = at::randint(10, {8}, at::kLong);
  const KdOptions options;
  const double exact = KdLoss(s, t, labels, options).total.item<double>();
  for (at::ScalarType dtype :
       {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    const double tolerance = dtype == at::kDouble  ? 1e-12
                             : dtype == at::kFloat ? 1e-5
                                                   : 0.1;
    const Result found = Evaluate(s.to(dtype).cuda(), t.to(dtype).cuda(),
                                  labels.cuda(), options);
    EXPECT_NEAR(found.terms.total.item<double>(), exact, tolerance) << dtype;
    EXPECT_EQ(found.gradient.scalar_type(), dtype);
  }
}

TEST_F(KdGpuTest, ANaNIsSeen) {
  at::Tensor s = at::zeros({4, 10});
  s[3][7] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor labels = at::zeros({4}, at::kLong);
  const LossTerms terms =
      KdLoss(s.cuda(), at::randn({4, 10}).cuda(), labels.cuda(), KdOptions());
  EXPECT_TRUE(std::isnan(terms.total.item<double>()));
}

}  // namespace
}  // namespace distill
