#include "models/conv_block.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/kernel_choice.h"
#include "tests/models/engine.h"

namespace distill {
namespace {

using kernels::Isa;

struct Shape {
  int64_t batch, height, width, in, out;
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.batch << " images " << s.height << " x " << s.width << ", "
             << s.in << " to " << s.out << " channels";
}

// One and several images, odd sides, and channel counts below, at, beside and
// above every vector's length.
const Shape kShapes[] = {
    {1, 2, 2, 1, 1},     {5, 9, 7, 1, 3},   {2, 28, 28, 1, 32},
    {9, 6, 6, 1, 16},    {1, 4, 5, 1, 17},  {1, 2, 3, 2, 5},
    {5, 7, 5, 3, 17},    {5, 8, 7, 16, 16}, {2, 5, 6, 17, 33},
    {3, 14, 14, 32, 64}, {1, 9, 4, 64, 1},
};

at::Tensor Draw(at::IntArrayRef sizes, const std::string& purpose) {
  Random random(3, purpose);
  return UniformTensor(sizes, 1, random);
}

// -scale, 0 or scale, a third each.
at::Tensor DrawWhole(at::IntArrayRef sizes, double scale,
                     const std::string& purpose) {
  return (Draw(sizes, purpose) * 1.5).round() * scale;
}

struct Inputs {
  at::Tensor x, weight, bias;
};

Inputs RealInputs(const Shape& s) {
  return {Draw({s.batch, s.height, s.width, s.in}, "x"),
          Draw({s.out, s.in, 3, 3}, "weight"), Draw({s.out}, "bias")};
}

// Numbers on which no step rounds, whatever the algorithm and even in bfloat16
// (8 binary digits): sums of 4 inputs are at most 4, quarters of sums of 9
// weights are whole and at most 9, and all further sums are in float32. They
// have many ties.
Inputs WholeInputs(const Shape& s) {
  return {DrawWhole({s.batch, s.height, s.width, s.in}, 1, "x"),
          DrawWhole({s.out, s.in, 3, 3}, 4, "weight"),
          DrawWhole({s.out}, 4, "bias")};
}

// One standard deviation of what float32 loses in one output, for inputs and
// weights uniform in +-1. Winograd's sums u v over `in` channels are around
// sqrt(0.3 in) and go through in + 12 roundings of at most 2^-24; an output
// is a sum of 9 of them. Plain convolution loses less.
double Float32Error(int64_t in) {
  return std::exp2(-24) * std::sqrt(9.0 * static_cast<double>(in + 12)) *
         std::sqrt(0.3 * static_cast<double>(in));
}

// The same for bfloat16. Rounding to 8 digits loses up to 2^-8 of a factor, in
// mean square 0.18 of that squared. An output of Winograd's sums 9 in products
// u v whose squares are 6.25 in / 3 (weights) times 4/3 (inputs) together, and
// both u and v were rounded: 2.78 in * 2 * 0.18 = in. (Plain convolution with
// rounded factors would have 0.6 of this deviation.)
double BFloat16Error(int64_t in) {
  return std::exp2(-8) * std::sqrt(static_cast<double>(in));
}

// A million normal numbers stay within this many deviations.
constexpr double kDeviations = 6;

// The four convolution sums of each window in double: [batch, height/2,
// width/2, out, 4].
at::Tensor SlowWindows(const at::Tensor& x, const at::Tensor& weight,
                       const at::Tensor& bias) {
  const at::Tensor xd = x.to(at::kDouble).contiguous();
  const at::Tensor wd = weight.to(at::kDouble).contiguous();
  const at::Tensor bd = bias.to(at::kDouble).contiguous();
  const auto in = xd.accessor<double, 4>();
  const auto w = wd.accessor<double, 4>();
  const auto b = bd.accessor<double, 1>();
  at::Tensor windows =
      at::empty({x.size(0), x.size(1) / 2, x.size(2) / 2, weight.size(0), 4},
                at::kDouble);
  auto out = windows.accessor<double, 5>();
  for (int64_t n = 0; n < windows.size(0); ++n) {
    for (int64_t y = 0; y < windows.size(1); ++y) {
      for (int64_t z = 0; z < windows.size(2); ++z) {
        for (int64_t o = 0; o < windows.size(3); ++o) {
          for (int64_t q = 0; q < 4; ++q) {
            double sum = b[o];
            for (int64_t i = 0; i < 3; ++i) {
              for (int64_t j = 0; j < 3; ++j) {
                const int64_t row = 2 * y + q / 2 + i - 1;
                const int64_t column = 2 * z + q % 2 + j - 1;
                if (row < 0 || row >= x.size(1) || column < 0 ||
                    column >= x.size(2)) {
                  continue;
                }
                for (int64_t c = 0; c < x.size(3); ++c) {
                  sum += in[n][row][column][c] * w[o][c][i][j];
                }
              }
            }
            out[n][y][z][o][q] = sum;
          }
        }
      }
    }
  }
  return windows;
}

at::Tensor SlowBlock(const Inputs& in) {
  return std::get<0>(SlowWindows(in.x, in.weight, in.bias).max(-1))
      .clamp_min(0);
}

struct Gradients {
  at::Tensor x, weight, bias;
};

at::Tensor Leaf(const at::Tensor& values) {
  return values.clone().requires_grad_();
}

using Block = at::Tensor (*)(const at::Tensor&, const at::Tensor&,
                             const at::Tensor&, at::ScalarType,
                             ConvBlockOutput);

// The gradients of sum(factors * y); `factors` has y's shape.
Gradients GradientsOf(Block block, const Inputs& in, at::ScalarType dtype,
                      ConvBlockOutput output, const at::Tensor& factors) {
  const at::Tensor x = Leaf(in.x), weight = Leaf(in.weight),
                   bias = Leaf(in.bias);
  block(x, weight, bias, dtype, output).backward(factors);
  return {x.grad(), weight.grad(), bias.grad()};
}

Inputs ToDouble(const Inputs& in) {
  return {in.x.to(at::kDouble), in.weight.to(at::kDouble),
          in.bias.to(at::kDouble)};
}

bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.is_contiguous() && b.is_contiguous() &&
         a.nbytes() == b.nbytes() &&
         std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
}

double MaxDifference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

std::vector<int64_t> OutputSizes(const Shape& s, ConvBlockOutput output) {
  if (output == ConvBlockOutput::kChannelsFirst) {
    return {s.batch, s.out, s.height / 2, s.width / 2};
  }
  return {s.batch, s.height / 2, s.width / 2, s.out};
}

class ConvBlockTest : public ::testing::TestWithParam<Engine> {
 protected:
  void SetUp() override {
    if (!kernels::IsaSupported(IsaOf(GetParam()))) {
      GTEST_SKIP() << "this processor lacks "
                   << kernels::IsaName(IsaOf(GetParam()));
    }
    engine_.emplace(GetParam());
  }

 private:
  std::optional<UsedEngine> engine_;
};

constexpr ConvBlockOutput kOutputs[] = {ConvBlockOutput::kChannelsLast,
                                        ConvBlockOutput::kChannelsFirst};
constexpr at::ScalarType kDtypes[] = {at::kFloat, at::kBFloat16};

TEST_P(ConvBlockTest, IsAPlainLoopInDoubleUpToRounding) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::PrintToString(shape));
    const Inputs in = RealInputs(shape);
    const at::Tensor expected = SlowBlock(in);
    const at::Tensor f32 = ConvBlock(in.x, in.weight, in.bias, at::kFloat,
                                     ConvBlockOutput::kChannelsLast);
    ASSERT_EQ(f32.scalar_type(), at::kFloat);
    EXPECT_LE(MaxDifference(f32, expected),
              kDeviations * Float32Error(shape.in));
    const at::Tensor bf16 = ConvBlock(in.x, in.weight, in.bias, at::kBFloat16,
                                      ConvBlockOutput::kChannelsLast);
    ASSERT_EQ(bf16.scalar_type(), at::kFloat);
    if (shape.in == 1) {
      EXPECT_TRUE(SameBits(bf16, f32));
    } else {
      EXPECT_LE(MaxDifference(bf16, expected),
                kDeviations * BFloat16Error(shape.in));
      EXPECT_FALSE(SameBits(bf16, f32)) << "bfloat16 was not used";
    }
  }
}

TEST_P(ConvBlockTest, GivesBothLayouts) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::PrintToString(shape));
    const Inputs in = RealInputs(shape);
    const at::Tensor last = ConvBlock(in.x, in.weight, in.bias, at::kFloat,
                                      ConvBlockOutput::kChannelsLast);
    const at::Tensor first = ConvBlock(in.x, in.weight, in.bias, at::kFloat,
                                       ConvBlockOutput::kChannelsFirst);
    EXPECT_TRUE(first.is_contiguous());
    EXPECT_TRUE(SameBits(first.permute({0, 2, 3, 1}).contiguous(), last));
  }
}

// Without rounding there is nothing to tolerate: values, the choice among
// equals, the cut at exactly zero and every gradient are LibTorch's.
TEST_P(ConvBlockTest, IsExactlyLibTorchsOnWholeNumbers) {
  for (const Shape& shape : kShapes) {
    for (ConvBlockOutput output : kOutputs) {
      const Inputs in = WholeInputs(shape);
      const at::Tensor factors =
          DrawWhole(OutputSizes(shape, output), 1, "factors");
      const at::Tensor expected =
          ConvBlockComposed(in.x.to(at::kDouble), in.weight.to(at::kDouble),
                            in.bias.to(at::kDouble), at::kDouble, output);
      const Gradients reference =
          GradientsOf(ConvBlockComposed, ToDouble(in), at::kDouble, output,
                      factors.to(at::kDouble));
      for (at::ScalarType dtype : kDtypes) {
        SCOPED_TRACE(::testing::PrintToString(shape) + ", " +
                     c10::toString(dtype));
        EXPECT_EQ(
            MaxDifference(ConvBlock(in.x, in.weight, in.bias, dtype, output),
                          expected),
            0);
        const Gradients gradients =
            GradientsOf(ConvBlock, in, dtype, output, factors);
        EXPECT_EQ(MaxDifference(gradients.x, reference.x), 0);
        EXPECT_EQ(MaxDifference(gradients.weight, reference.weight), 0);
        EXPECT_EQ(MaxDifference(gradients.bias, reference.bias), 0);
      }
    }
  }
}

// Tiles times their groups are more than an int has.
TEST_P(ConvBlockTest, LargeImagesAreLibTorchsOnWholeNumbersToo) {
  const Inputs in = WholeInputs({1, 900, 904, 3, 2});
  EXPECT_EQ(
      MaxDifference(ConvBlock(in.x, in.weight, in.bias, at::kFloat,
                              ConvBlockOutput::kChannelsFirst),
                    ConvBlockComposed(in.x, in.weight, in.bias, at::kFloat,
                                      ConvBlockOutput::kChannelsFirst)),
      0);
}

TEST_P(ConvBlockTest, HasLibTorchsGradientsUpToRounding) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::PrintToString(shape));
    const ConvBlockOutput output = ConvBlockOutput::kChannelsFirst;
    const Inputs in = RealInputs(shape);
    const at::Tensor factors = Draw(OutputSizes(shape, output), "factors");
    const Gradients reference =
        GradientsOf(ConvBlockComposed, ToDouble(in), at::kDouble, output,
                    factors.to(at::kDouble));
    const Gradients gradients =
        GradientsOf(ConvBlock, in, at::kFloat, output, factors);
    // Each is a sum of n products of numbers uniform in +-1, which are around
    // 1/3, with a rounding of at most 2^-24 of the sum so far, at most
    // sqrt(n) / 3, at each.
    auto tolerance = [](int64_t n) {
      return kDeviations * std::exp2(-24) * std::sqrt(static_cast<double>(n)) *
             std::max(1.0, std::sqrt(static_cast<double>(n)) / 3);
    };
    const int64_t windows =
        shape.batch * (shape.height / 2) * (shape.width / 2);
    EXPECT_LE(MaxDifference(gradients.x, reference.x),
              tolerance(9 * shape.out));
    EXPECT_LE(MaxDifference(gradients.weight, reference.weight),
              tolerance(windows));
    EXPECT_LE(MaxDifference(gradients.bias, reference.bias),
              tolerance(windows));
  }
}

// The block is linear between its kinks, so that there a difference quotient of
// any step is the derivative.
TEST_P(ConvBlockTest, HasTheSlopesOfAPlainLoopInDouble) {
  const Shape shape = {2, 5, 6, 3, 4};
  const Inputs in = RealInputs(shape);
  const at::Tensor factors =
      Draw(OutputSizes(shape, ConvBlockOutput::kChannelsLast), "factors");
  const Gradients gradients = GradientsOf(
      ConvBlock, in, at::kFloat, ConvBlockOutput::kChannelsLast, factors);
  auto loss = [&](const Inputs& at) {
    return (SlowBlock(at) * factors).sum().item<double>();
  };
  const double value = loss(ToDouble(in));
  int compared = 0, kinks = 0;
  auto compare = [&](at::Tensor Inputs::*part, const at::Tensor& gradient) {
    for (int64_t i = 0; i < gradient.numel(); i += 3) {
      const double step = 1e-5;
      Inputs up = ToDouble(in), down = ToDouble(in);
      (up.*part).view(-1)[i] += step;
      (down.*part).view(-1)[i] -= step;
      const double above = (loss(up) - value) / step;
      const double below = (value - loss(down)) / step;
      if (std::abs(above - below) > 1e-7) {
        ++kinks;
        continue;
      }
      ++compared;
      // Quotients lose 2^-53 of a loss around 10, divided by the step; the
      // gradient some float32 roundings of numbers around 3.
      EXPECT_NEAR(gradient.view(-1)[i].item<double>(), above, 3e-6);
    }
  };
  compare(&Inputs::x, gradients.x);
  compare(&Inputs::weight, gradients.weight);
  compare(&Inputs::bias, gradients.bias);
  EXPECT_GT(compared, 90);
  EXPECT_LE(kinks, 3);
}

TEST_P(ConvBlockTest, OnlyTheFirstOfEqualsHasAGradient) {
  // A constant image: all four sums of an inner window are equal.
  const Inputs in = {at::ones({1, 6, 6, 1}), at::ones({1, 1, 3, 3}),
                     at::zeros({1})};
  at::Tensor factors = at::zeros({1, 3, 3, 1});
  factors[0][1][1][0] = 1;
  const Gradients gradients = GradientsOf(
      ConvBlock, in, at::kFloat, ConvBlockOutput::kChannelsLast, factors);
  at::Tensor expected = at::zeros({1, 6, 6, 1});
  expected.slice(1, 1, 4).slice(2, 1, 4).fill_(1);  // Around (2, 2).
  EXPECT_TRUE(at::equal(gradients.x, expected));
}

TEST_P(ConvBlockTest, AnOutputOfZeroHasNoGradient) {
  for (int64_t channels : {1, 16}) {
    for (double bias : {-1000.0, 0.0}) {
      // Below zero everywhere, or zero everywhere.
      Inputs in = RealInputs({2, 6, 6, channels, 16});
      in.bias.fill_(bias);
      if (bias == 0) in.weight.zero_();
      const at::Tensor y = ConvBlock(in.x, in.weight, in.bias, at::kFloat,
                                     ConvBlockOutput::kChannelsLast);
      EXPECT_EQ(y.count_nonzero().item<int64_t>(), 0);
      const Gradients gradients =
          GradientsOf(ConvBlock, in, at::kFloat, ConvBlockOutput::kChannelsLast,
                      at::ones_like(y));
      EXPECT_EQ(gradients.x.count_nonzero().item<int64_t>(), 0);
      EXPECT_EQ(gradients.weight.count_nonzero().item<int64_t>(), 0);
      EXPECT_EQ(gradients.bias.count_nonzero().item<int64_t>(), 0);
    }
  }
}

TEST_P(ConvBlockTest, HasTheSameBitsForEveryNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const Shape& shape : kShapes) {
    for (at::ScalarType dtype : kDtypes) {
      SCOPED_TRACE(::testing::PrintToString(shape));
      const Inputs in = RealInputs(shape);
      const ConvBlockOutput output = ConvBlockOutput::kChannelsLast;
      const at::Tensor factors = Draw(OutputSizes(shape, output), "factors");
      at::Tensor y;
      Gradients first;
      // One twice: also the same bits again.
      for (int threads : {1, 1, 2, 3}) {
        at::set_num_threads(threads);
        const at::Tensor value =
            ConvBlock(in.x, in.weight, in.bias, dtype, output);
        const Gradients gradients =
            GradientsOf(ConvBlock, in, dtype, output, factors);
        if (!y.defined()) {
          y = value;
          first = gradients;
        }
        EXPECT_TRUE(SameBits(value, y)) << threads;
        EXPECT_TRUE(SameBits(gradients.x, first.x)) << threads;
        EXPECT_TRUE(SameBits(gradients.weight, first.weight)) << threads;
        EXPECT_TRUE(SameBits(gradients.bias, first.bias)) << threads;
      }
    }
  }
  at::set_num_threads(before);
}

TEST_P(ConvBlockTest, RoundsToTheSameBFloat16AsThePlainCode) {
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::PrintToString(shape));
    const Inputs in = RealInputs(shape);
    auto run = [&] {
      return ConvBlock(in.x, in.weight, in.bias, at::kBFloat16,
                       ConvBlockOutput::kChannelsLast);
    };
    const at::Tensor mine = run();
    SetIsa(Isa::kPlain);
    const at::Tensor plain = run();
    SetIsa(IsaOf(GetParam()));
    // Both sum the same rounded factors, in different orders.
    EXPECT_LE(MaxDifference(mine, plain),
              kDeviations * std::sqrt(2.0) * Float32Error(shape.in));
  }
}

TEST_P(ConvBlockTest, ShowsANaN) {
  for (int64_t channels : {1, 16}) {
    for (at::ScalarType dtype : kDtypes) {
      Inputs in = RealInputs({1, 8, 8, channels, 16});
      in.x[0][4][4][0] = std::numeric_limits<float>::quiet_NaN();
      const at::Tensor y = ConvBlock(in.x, in.weight, in.bias, dtype,
                                     ConvBlockOutput::kChannelsLast);
      // Windows with a sum over pixel (4, 4). Winograd's sums take in a whole
      // window's 4 x 4 inputs, as these do.
      EXPECT_TRUE(
          y[0].slice(0, 1, 3).slice(1, 1, 3).isnan().all().item<bool>());
      EXPECT_EQ(y.isnan().sum().item<int64_t>(), 4 * 16);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Every, ConvBlockTest, ::testing::ValuesIn(kAllEngines),
                         [](const ::testing::TestParamInfo<Engine>& info) {
                           return EngineName(info.param);
                         });

TEST(ConvBlockGraphTest, IsRecordedOnlyWhereAGradientIsWanted) {
  const Inputs in = RealInputs({2, 6, 6, 3, 4});
  auto run = [](const Inputs& at) {
    return ConvBlock(at.x, at.weight, at.bias, at::kFloat,
                     ConvBlockOutput::kChannelsLast);
  };
  const at::Tensor plain = run(in);
  EXPECT_FALSE(plain.requires_grad());
  const Inputs leaf = {in.x, Leaf(in.weight), Leaf(in.bias)};
  {
    const at::NoGradGuard no_grad;
    EXPECT_FALSE(run(leaf).requires_grad());
  }
  const at::Tensor y = run(leaf);
  EXPECT_TRUE(y.requires_grad());
  EXPECT_TRUE(SameBits(y.detach(), plain));
  y.sum().backward();
  EXPECT_TRUE(leaf.weight.grad().defined());
  EXPECT_FALSE(leaf.x.grad().defined());

  const Inputs only_x = {Leaf(in.x), in.weight, in.bias};
  run(only_x).sum().backward();
  EXPECT_TRUE(only_x.x.grad().defined());
}

TEST(ConvBlockGraphTest, TakesAGradientThatIsNotContiguous) {
  const Inputs in = RealInputs({2, 6, 6, 3, 4});
  const ConvBlockOutput output = ConvBlockOutput::kChannelsLast;
  const at::Tensor factors = Draw({2, 3, 3, 4}, "factors");
  const Gradients expected =
      GradientsOf(ConvBlock, in, at::kFloat, output, factors);
  const at::Tensor strided =
      factors.permute({0, 3, 1, 2}).contiguous().permute({0, 2, 3, 1});
  ASSERT_FALSE(strided.is_contiguous());
  const Gradients gradients =
      GradientsOf(ConvBlock, in, at::kFloat, output, strided);
  EXPECT_TRUE(SameBits(gradients.weight, expected.weight));
  EXPECT_TRUE(SameBits(gradients.x, expected.x));
}

TEST(ConvBlockGraphTest, HasNoSecondDerivative) {
  const Inputs in = RealInputs({1, 4, 4, 1, 2});
  const at::Tensor y = ConvBlock(in.x, Leaf(in.weight), in.bias, at::kFloat,
                                 ConvBlockOutput::kChannelsLast);
  EXPECT_THROW(y.sum().backward({}, /*retain_graph=*/true,
                                /*create_graph=*/true),
               c10::Error);
}

TEST(ConvBlockGraphTest, TakesABatchOfNone) {
  for (int64_t channels : {1, 3}) {
    const Inputs in = RealInputs({0, 6, 6, channels, 4});
    const Gradients gradients =
        GradientsOf(ConvBlock, in, at::kFloat, ConvBlockOutput::kChannelsLast,
                    at::zeros({0, 3, 3, 4}));
    EXPECT_EQ(gradients.weight.count_nonzero().item<int64_t>(), 0);
    EXPECT_EQ(gradients.bias.count_nonzero().item<int64_t>(), 0);
  }
}

TEST(ConvBlockGraphTest, ComputesDoubleInDouble) {
  const Inputs in = ToDouble(RealInputs({2, 7, 6, 3, 4}));
  const at::Tensor y = ConvBlock(in.x, in.weight, in.bias, at::kFloat,
                                 ConvBlockOutput::kChannelsLast);
  EXPECT_EQ(y.scalar_type(), at::kDouble);
  // 27 products around 1.
  EXPECT_LE(MaxDifference(y, SlowBlock(in)), 27 * std::exp2(-52));
}

TEST(ConvBlockGraphTest, RefusesOtherShapes) {
  auto run = [](at::IntArrayRef x, at::IntArrayRef weight, int64_t bias) {
    ConvBlock(at::zeros(x), at::zeros(weight), at::zeros({bias}), at::kFloat,
              ConvBlockOutput::kChannelsLast);
  };
  run({1, 4, 4, 3}, {2, 3, 3, 3}, 2);
  EXPECT_THROW(run({1, 4, 4}, {2, 3, 3, 3}, 2), c10::Error);
  EXPECT_THROW(run({1, 1, 4, 3}, {2, 3, 3, 3}, 2), c10::Error);
  EXPECT_THROW(run({1, 4, 4, 3}, {2, 4, 3, 3}, 2), c10::Error);
  EXPECT_THROW(run({1, 4, 4, 3}, {2, 3, 5, 5}, 2), c10::Error);
  EXPECT_THROW(run({1, 4, 4, 3}, {2, 3, 3, 3}, 3), c10::Error);
}

}  // namespace
}  // namespace distill
