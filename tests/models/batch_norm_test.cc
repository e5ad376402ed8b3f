#include "models/batch_norm.h"

#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/graph.h"
#include "models/kernel_choice.h"

namespace distill {
namespace {

BatchNormState MakeState(int64_t channels, at::ScalarType dtype) {
  Random random(1, "test state");
  BatchNormState state;
  state.weight =
      (UniformTensor({channels}, 1, random) + 1.5).to(dtype).requires_grad_();
  state.bias = UniformTensor({channels}, 1, random).to(dtype).requires_grad_();
  state.running_mean = UniformTensor({channels}, 1, random).to(dtype);
  state.running_var = (UniformTensor({channels}, 0.5, random) + 1).to(dtype);
  return state;
}

struct Found {
  at::Tensor out, grad_x, grad_add;
  BatchNormState state;
};

// (The kernel's function has more arguments.)
at::Tensor Kernel(const at::Tensor& x, const BatchNormState& state,
                  const at::Tensor& add, bool relu, bool training) {
  return BatchNorm(x, state, add, relu, training);
}

// Values and gradients; `x` and `add` ([..] undefined) come in any dtype.
template <typename Norm>
Found Compute(const Norm& norm, const at::Tensor& images,
              const at::Tensor& added, const at::Tensor& weights,
              at::ScalarType state_dtype, bool relu, bool training) {
  Found found;
  found.state = MakeState(images.size(3), state_dtype);
  const at::Tensor x = images.detach().clone().requires_grad_(training);
  at::Tensor add;
  if (added.defined()) add = added.detach().clone().requires_grad_(training);
  const at::AutoGradMode grad(training);
  found.out = norm(x, found.state, add, relu, training);
  if (training) {
    (found.out * weights.to(found.out.scalar_type())).sum().backward();
    found.grad_x = x.grad();
    if (add.defined()) found.grad_add = add.grad();
  }
  return found;
}

void ExpectNear(const at::Tensor& found, const at::Tensor& expected,
                double tolerance, const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  const double largest = expected.abs().max().item<double>();
  EXPECT_LE((found.to(at::kDouble) - expected).abs().max().item<double>(),
            tolerance * (1 + largest))
      << what;
}

class BatchNormTest : public ::testing::TestWithParam<
                          std::tuple<kernels::Isa, int64_t, at::ScalarType>> {
 protected:
  void SetUp() override {
    if (!kernels::IsaSupported(std::get<0>(GetParam()))) {
      GTEST_SKIP() << kernels::IsaName(std::get<0>(GetParam()));
    }
    SetIsa(std::get<0>(GetParam()));
  }
  void TearDown() override { SetIsa(kernels::BestIsa()); }
};

TEST_P(BatchNormTest, GivesWhatLibTorchGivesInDouble) {
  const auto [isa, channels, dtype] = GetParam();
  // Rows that no period divides, and more numbers than a part has.
  for (const std::vector<int64_t>& size :
       {std::vector<int64_t>{3, 5, 7}, {40, 31, 33}}) {
    Random random(channels, "test images");
    std::vector<int64_t> sizes = size;
    sizes.push_back(channels);
    // A mean that is large beside the deviation: sums of squares would lose it.
    const at::Tensor x = (UniformTensor(sizes, 1, random) + 20).to(dtype);
    const at::Tensor add = UniformTensor(sizes, 1, random).to(dtype);
    const at::Tensor weights = UniformTensor(sizes, 1, random).to(dtype);
    for (const bool relu : {false, true}) {
      for (const bool adds : {false, true}) {
        for (const bool training : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << kernels::IsaName(isa) << " " << channels << " "
                       << dtype << " relu " << relu << " add " << adds
                       << " training " << training);
          const at::Tensor added = adds ? add : at::Tensor();
          const at::Tensor exact = adds ? add.to(at::kDouble) : at::Tensor();
          // An output that rounding moves across 0 has another gradient: none
          // comes from there.
          const at::Tensor before =
              Compute(BatchNormComposed, x.to(at::kDouble), exact,
                      weights.to(at::kDouble), at::kDouble, false, training)
                  .out;
          const at::Tensor given = weights.masked_fill(
              before.detach().abs() < (dtype == at::kFloat ? 1e-4 : 0.05), 0);
          const Found found =
              Compute(Kernel, x, added, given, at::kFloat, relu, training);
          const Found expected =
              Compute(BatchNormComposed, x.to(at::kDouble), exact,
                      given.to(at::kDouble), at::kDouble, relu, training);
          EXPECT_EQ(found.out.scalar_type(), dtype);
          // One rounding of bfloat16 is 2^-9. A float32 mean of 20 has an error
          // of 1e-6, of a deviation of 0.6.
          const double value = dtype == at::kFloat ? 1e-5 : 4e-3;
          ExpectNear(found.out, expected.out, value, "out");
          ExpectNear(found.state.running_mean, expected.state.running_mean,
                     1e-6, "mean");
          ExpectNear(found.state.running_var, expected.state.running_var, 1e-5,
                     "variance");
          if (!training) continue;
          const double gradient = dtype == at::kFloat ? 1e-4 : 1e-2;
          ExpectNear(found.grad_x, expected.grad_x, gradient, "grad_x");
          if (adds) {
            ExpectNear(found.grad_add, expected.grad_add, value, "grad_add");
          }
          ExpectNear(found.state.weight.grad(), expected.state.weight.grad(),
                     gradient, "weight");
          ExpectNear(found.state.bias.grad(), expected.state.bias.grad(),
                     gradient, "bias");
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BatchNormTest,
    ::testing::Combine(::testing::ValuesIn(kernels::kAllIsas),
                       ::testing::Values(1, 3, 16, 24, 64),
                       ::testing::Values(at::kFloat, at::kBFloat16)));

TEST(BatchNormTest, TheBitsAreThoseOfAnyNumberOfThreads) {
  Random random(3, "test images");
  const at::Tensor x = UniformTensor({40, 31, 33, 24}, 1, random);
  const at::Tensor weights = UniformTensor({40, 31, 33, 24}, 1, random);
  const int before = at::get_num_threads();
  std::vector<Found> found;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    found.push_back(Compute(Kernel, x, {}, weights, at::kFloat, true, true));
  }
  at::set_num_threads(before);
  for (const Found& other : found) {
    EXPECT_TRUE(at::equal(other.out, found[0].out));
    EXPECT_TRUE(at::equal(other.grad_x, found[0].grad_x));
    EXPECT_TRUE(
        at::equal(other.state.weight.grad(), found[0].state.weight.grad()));
    EXPECT_TRUE(at::equal(other.state.running_var, found[0].state.running_var));
  }
}

TEST(BatchNormTest, NaNStaysNaN) {
  at::Tensor x = at::ones({2, 2, 2, 16});
  x[0][0][0][3] = std::nan("");
  const at::Tensor out =
      BatchNorm(x, MakeState(16, at::kFloat), {}, true, /*training=*/false);
  EXPECT_TRUE(at::isnan(out[0][0][0][3]).item<bool>());
  EXPECT_EQ(at::isnan(out).sum().item<int64_t>(), 1);
}

TEST(BatchNormTest, RefusesWhatItCannotNormalize) {
  const BatchNormState state = MakeState(4, at::kFloat);
  EXPECT_THROW(BatchNorm(at::ones({2, 3, 3, 5}), state, {}, false, true),
               c10::Error);
  EXPECT_THROW(BatchNorm(at::ones({2, 4}), state, {}, false, true), c10::Error);
  EXPECT_THROW(BatchNorm(at::ones({2, 3, 3, 4}), state, at::ones({2, 3, 3, 5}),
                         false, true),
               c10::Error);
  EXPECT_THROW(BatchNorm(at::ones({1, 1, 1, 4}), state, {}, false, true),
               c10::Error);
  EXPECT_NO_THROW(BatchNorm(at::ones({1, 1, 1, 4}), state, {}, false, false));
}

}  // namespace
}  // namespace distill
