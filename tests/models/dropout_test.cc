#include "models/dropout.h"

#include <cmath>

#include "ATen/ATen.h"
#include "base/random.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

at::Tensor Step(int64_t step) { return at::full({}, step, at::kLong); }

TEST(DropoutTest, MasksAreTheSameFromLibTorchsOperations) {
  for (double rate : {0.0, 0.2, 0.5, 0.999}) {
    for (int64_t step : {0, 1, 937, 1 << 30}) {
      for (uint64_t key : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
        EXPECT_TRUE(at::equal(
            internal::DropoutMaskOnCpu(1001, rate, key, step),
            internal::DropoutMaskComposed(1001, rate, key, Step(step))))
            << rate << " " << step << " " << key;
      }
    }
  }
}

TEST(DropoutTest, IsSplitMix64s) {
  uint64_t of_key = 77, start = 0;
  for (int step = 0; step <= 3; ++step) start = internal::SplitMix64(of_key);
  const at::Tensor mask = internal::DropoutMaskOnCpu(64, 0.5, 77, 3);
  for (int64_t i = 0; i < 64; ++i) {
    const bool kept = internal::SplitMix64(start) >> 63 == 1;
    EXPECT_EQ(mask[i].item<float>(), kept ? 2 : 0);
  }
}

TEST(DropoutTest, DropsItsShareAndKeepsTheMean) {
  for (double rate : {0.1, 0.5, 0.9}) {
    const int64_t count = 100000;
    const at::Tensor y = Dropout(at::ones({100, 1000}), rate, 5, Step(3));
    // Five deviations of a binomial share.
    const double bound =
        5 * std::sqrt(rate * (1 - rate) / static_cast<double>(count));
    EXPECT_NEAR(y.eq(0).to(at::kDouble).mean().item<double>(), rate, bound);
    EXPECT_NEAR(y.to(at::kDouble).mean().item<double>(), 1, bound / (1 - rate));
  }
}

TEST(DropoutTest, StepsAndKeysHaveMasksOfTheirOwn) {
  const at::Tensor x = at::ones({1000});
  const at::Tensor y = Dropout(x, 0.5, 1, Step(0));
  EXPECT_TRUE(at::equal(Dropout(x, 0.5, 1, Step(0)), y));
  for (const at::Tensor& other :
       {Dropout(x, 0.5, 1, Step(1)), Dropout(x, 0.5, 2, Step(0))}) {
    // Independent masks of 1,000 agree in 500 +- 16.
    const double same = other.eq(y).to(at::kDouble).mean().item<double>();
    EXPECT_NEAR(same, 0.5, 0.1);
  }
}

TEST(DropoutTest, GradientsFlowThroughWhatIsLeft) {
  const at::Tensor x = at::ones({50}).requires_grad_(true);
  const at::Tensor y = Dropout(x, 0.5, 1, Step(0));
  y.sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), y.detach()));
}

TEST(DropoutTest, RefusesOtherRatesAndSteps) {
  const at::Tensor x = at::ones({5});
  EXPECT_THROW(Dropout(x, 1, 0, Step(0)), c10::Error);
  EXPECT_THROW(Dropout(x, -0.1, 0, Step(0)), c10::Error);
  EXPECT_THROW(Dropout(x, std::nan(""), 0, Step(0)), c10::Error);
  EXPECT_THROW(Dropout(x, 0.5, 0, at::zeros({1}, at::kLong)), c10::Error);
  EXPECT_THROW(Dropout(x, 0.5, 0, at::zeros({})), c10::Error);
}

}  // namespace
}  // namespace distill
