// What conv_block_test and dense_test, which run these kernels' phases on the
// CPU too, do not ask; and all of it on a GPU, where there is one.
#include <algorithm>
#include <array>
#include <climits>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "models/conv_block.h"
#include "models/dense.h"
#include "models/gpu_kernels.h"
#include "models/kernels/divider.h"
#include "models/kernels/phases.h"

namespace distill {
namespace {

class GpuKernelsTest : public ::testing::TestWithParam<at::DeviceType> {
 protected:
  void SetUp() override {
    if (GetParam() == at::kCUDA && !at::hasCUDA()) {
      GTEST_SKIP() << "there is no GPU";
    }
    SetGpuKernels(GpuKernels::kOwnOnHost);
  }
  void TearDown() override {
    SetGpuKernels(GpuKernels::kLibTorch);
    at::globalContext().setAllowTF32CuBLAS(false);
  }
};

at::TensorOptions Here() {
  return at::TensorOptions(GpuKernelsTest::GetParam()).dtype(at::kFloat);
}

// Value, then gradients.
using Function =
    std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;
std::vector<at::Tensor> Evaluate(const Function& function,
                                 const std::vector<at::Tensor>& inputs,
                                 const at::Tensor& gradient) {
  std::vector<at::Tensor> leaves;
  leaves.reserve(inputs.size());
  for (const at::Tensor& one : inputs) {
    leaves.push_back(one.clone().requires_grad_());
  }
  const at::Tensor y = function(leaves);
  y.backward(gradient);
  std::vector<at::Tensor> found = {y.detach()};
  for (const at::Tensor& one : leaves) found.push_back(one.grad());
  return found;
}

void ExpectNear(const std::vector<at::Tensor>& found,
                const std::vector<at::Tensor>& expected, double share) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_LE(
        (found[i].to(at::kDouble) - expected[i]).abs().max().item<double>(),
        share * expected[i].abs().max().item<double>())
        << "number " << i;
  }
}

std::vector<at::Tensor> Doubles(const std::vector<at::Tensor>& values) {
  std::vector<at::Tensor> doubles;
  doubles.reserve(values.size());
  for (const at::Tensor& one : values) doubles.push_back(one.to(at::kDouble));
  return doubles;
}

// The relative error of a factor: of 8 bits, of 11, of 24. Sums of products of
// many signs have less of it than their largest.
struct Precision {
  at::ScalarType dtype;
  bool tf32;
  double error;
};
const Precision kPrecisions[] = {{at::kBFloat16, false, 1.0 / 256},
                                 {at::kFloat, true, 1.0 / 2048},
                                 {at::kFloat, false, 1e-6}};

// Windows, pixels and channels that no tile divides; a depth that is split.
TEST_P(GpuKernelsTest, ABlockAndItsGradientsInEachPrecision) {
  for (const Precision& precision : kPrecisions) {
    at::globalContext().setAllowTF32CuBLAS(precision.tf32);
    for (const auto& [batch, side, in, out] :
         std::vector<std::array<int64_t, 4>>{{9, 14, 32, 64}, {3, 7, 5, 70}}) {
      const std::vector<at::Tensor> inputs = {
          at::randn({batch, side, side, in}, Here()),
          at::randn({out, in, 3, 3}, Here()), at::randn({out}, Here())};
      // Where rounding chooses another winner the gradient goes elsewhere: the
      // gradients are compared with those of what was chosen, by numbers that
      // are exact in each precision.
      const std::vector<at::Tensor> whole = {
          at::randint(-3, 4, inputs[0].sizes(), Here()),
          at::randint(-3, 4, inputs[1].sizes(), Here()),
          at::randint(-3, 4, inputs[2].sizes(), Here())};
      const at::Tensor gradient =
          at::randn({batch, side / 2, side / 2, out}, Here());
      const auto block = [&](const std::vector<at::Tensor>& in) {
        return ConvBlock(in[0], in[1], in[2], precision.dtype,
                         ConvBlockOutput::kChannelsLast);
      };
      const auto composed = [&](const std::vector<at::Tensor>& in) {
        return ConvBlockComposed(in[0], in[1], in[2], at::kDouble,
                                 ConvBlockOutput::kChannelsLast);
      };
      ExpectNear({block(inputs)}, {composed(Doubles(inputs))},
                 2 * precision.error);
      ExpectNear(Evaluate(block, whole, gradient),
                 Evaluate(composed, Doubles(whole), gradient.to(at::kDouble)),
                 2 * precision.error);
    }
  }
}

TEST_P(GpuKernelsTest, ALayerAndItsGradientsInEachPrecision) {
  for (const Precision& precision : kPrecisions) {
    at::globalContext().setAllowTF32CuBLAS(precision.tf32);
    const std::vector<at::Tensor> inputs = {at::randn({67, 1000}, Here()),
                                            at::randn({33, 1000}, Here()),
                                            at::randn({33}, Here())};
    const at::Tensor gradient = at::randn({67, 33}, Here());
    ExpectNear(Evaluate(
                   [&](const std::vector<at::Tensor>& in) {
                     return Dense(in[0], in[1], in[2], Activation::kNone,
                                  precision.dtype);
                   },
                   inputs, gradient),
               Evaluate(
                   [&](const std::vector<at::Tensor>& in) {
                     return DenseComposed(in[0], in[1], in[2],
                                          Activation::kNone, at::kDouble);
                   },
                   Doubles(inputs), gradient.to(at::kDouble)),
               2 * precision.error);
  }
}

TEST_P(GpuKernelsTest, TheBitsAreTheSameInAnyOrderOfThreads) {
  for (const int64_t in : {1, 24}) {
    const std::vector<at::Tensor> inputs = {at::randn({33, 10, 8, in}, Here()),
                                            at::randn({20, in, 3, 3}, Here()),
                                            at::randn({20}, Here())};
    const at::Tensor gradient = at::randn({33, 20, 5, 4}, Here());
    const auto run = [&] {
      return Evaluate(
          [](const std::vector<at::Tensor>& in) {
            return ConvBlock(in[0], in[1], in[2], at::kBFloat16,
                             ConvBlockOutput::kChannelsFirst);
          },
          inputs, gradient);
    };
    const std::vector<at::Tensor> first = run();
    for (int again = 0; again < 3; ++again) {
      const std::vector<at::Tensor> found = run();
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_TRUE(at::equal(found[i], first[i])) << i;
      }
    }
  }
}

// The numbers of several blocks and of less than one; decay; many steps.
TEST_P(GpuKernelsTest, AdamIsLibTorchs) {
  for (const double decay : {0.0, 0.1}) {
    std::vector<at::Tensor> parameters, means, squares, steps;
    for (const int64_t size : {3, 1024, 5000}) {
      parameters.push_back(at::randn({size}, Here()));
      means.push_back(at::zeros({size}, Here()));
      squares.push_back(at::zeros({size}, Here()));
      steps.push_back(at::zeros({}, Here()));
    }
    const auto copies = [](const std::vector<at::Tensor>& values) {
      std::vector<at::Tensor> copied;
      copied.reserve(values.size());
      for (const at::Tensor& one : values) copied.push_back(one.clone());
      return copied;
    };
    const std::vector<at::Tensor> expected = copies(parameters),
                                  expected_means = copies(means),
                                  expected_squares = copies(squares);
    const at::Tensor rate = at::full({}, 0.01, Here());
    for (int step = 0; step < 20; ++step) {
      std::vector<at::Tensor> gradients;
      gradients.reserve(parameters.size());
      for (const at::Tensor& one : parameters) {
        gradients.push_back(at::randn_like(one));
      }
      at::_foreach_add_(steps, 1);
      GpuAdam(parameters, gradients, means, squares, steps, rate,
              {0.9, 0.999, 1e-8, decay});
      if (decay == 0) {
        at::_fused_adam_(expected, gradients, expected_means, expected_squares,
                         {}, steps, 0.01, 0.9, 0.999, 0, 1e-8, false, false);
      } else {
        at::_fused_adamw_(expected, gradients, expected_means, expected_squares,
                          {}, steps, 0.01, 0.9, 0.999, decay, 1e-8, false,
                          false);
      }
    }
    for (size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_TRUE(at::allclose(parameters[i], expected[i], 1e-5, 1e-6));
      // Means are near 0.3, and are rounded in 20 steps by 2^-25 of it each.
      EXPECT_TRUE(at::allclose(means[i], expected_means[i], 1e-5, 1e-6));
      EXPECT_TRUE(at::allclose(squares[i], expected_squares[i], 1e-5, 1e-9));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Everywhere, GpuKernelsTest,
                         ::testing::Values(at::kCPU, at::kCUDA));

TEST(DividerTest, DividesExactly) {
  std::minstd_rand draws(1);
  for (const int divisor : {1, 2, 3, 5, 7, 9, 14, 31, 32, 33, 196, 784, 1023,
                            1024, 65535, 1 << 30, (1 << 30) + 1, INT_MAX}) {
    const kernels::Divider by(divisor);
    const auto check = [&](int n) {
      ASSERT_EQ(by.Quotient(n), n / divisor) << n << " by " << divisor;
      ASSERT_EQ(by.Rest(n), n % divisor) << n << " by " << divisor;
    };
    check(INT_MAX);
    for (int i = 0; i < 2000; ++i) {
      check(i);
      check(static_cast<int>(draws()));
      // Beside multiples, where a wrong factor shows first.
      const int64_t multiple = int64_t{INT_MAX / divisor - i} * divisor;
      if (multiple <= 0) continue;
      check(static_cast<int>(multiple));
      check(static_cast<int>(multiple - 1));
    }
  }
}

// A kernel with a race: each thread reads what its neighbour writes in the same
// phase.
struct Racing {
  struct Params {
    int* out;
  };
  struct Shared {
    int values[8];
  };
  struct Registers {};
  static constexpr int kThreads = 8, kPhases = 2, kFirstOfRound = 0,
                       kEndOfRound = 0;
  static int Rounds(const Params&, int) { return 0; }
  template <int kPhase>
  static void Phase(const Params& p, int, int, int thread, Shared& shared,
                    Registers&) {
    if (kPhase == 0) {
      shared.values[thread] = thread;
    } else {
      shared.values[thread] += shared.values[(thread + 1) % 8];
      p.out[thread] = shared.values[thread];
    }
  }
};

TEST(PhasesTest, ARaceIsSeenByAnotherOrder) {
  std::vector<int> order(8), forward(8), backward(8);
  std::iota(order.begin(), order.end(), 0);
  kernels::RunOnHost<Racing>({forward.data()}, 1, order);
  std::reverse(order.begin(), order.end());
  kernels::RunOnHost<Racing>({backward.data()}, 1, order);
  EXPECT_NE(forward, backward);
}

}  // namespace
}  // namespace distill
