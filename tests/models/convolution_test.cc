#include "models/convolution.h"

#include <array>
#include <limits>
#include <tuple>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "gtest/gtest.h"
#include "models/graph.h"
#include "models/kernel_choice.h"

namespace distill {
namespace {

struct Shape {
  int64_t batch, height, width, in, out;
};

// Tiles that no pass divides, odd numbers of tiles, one and two vectors of
// output channels, one tile alone, several images a pass, several parts.
const Shape kShapes[] = {{3, 8, 8, 64, 64},   {2, 32, 32, 16, 16},
                         {5, 6, 10, 32, 48},  {1, 2, 2, 16, 32},
                         {19, 14, 2, 48, 16}, {2, 4, 66, 16, 80},
                         {40, 4, 4, 32, 32}};

// (LibTorch's order, [batch, channels, height, width], in double.)
at::Tensor Exact(const at::Tensor& x, const at::Tensor& weight) {
  return at::conv2d(x.to(at::kDouble).permute({0, 3, 1, 2}),
                    weight.to(at::kDouble), {}, /*stride=*/1, /*padding=*/1)
      .permute({0, 2, 3, 1});
}

class ConvolutionTest : public ::testing::TestWithParam<
                            std::tuple<kernels::Isa, at::ScalarType>> {
 protected:
  void SetUp() override {
    if (!kernels::IsaSupported(std::get<0>(GetParam()))) {
      GTEST_SKIP() << kernels::IsaName(std::get<0>(GetParam()));
    }
    SetIsa(std::get<0>(GetParam()));
  }
  void TearDown() override { SetIsa(kernels::BestIsa()); }

  at::Tensor Draw(const std::vector<int64_t>& sizes) const {
    return at::randn(sizes).to(std::get<1>(GetParam()));
  }
  // In bfloat16 the 16 sums of four numbers, the transformed weights and the
  // result are rounded by 2^-9 of them each; sums of products, of many signs,
  // have less of it than their largest.
  void ExpectNear(const at::Tensor& found, const at::Tensor& expected) const {
    ASSERT_EQ(found.sizes(), expected.sizes());
    const double share = std::get<1>(GetParam()) == at::kFloat ? 2e-6 : 0.012;
    EXPECT_LE((found.to(at::kDouble) - expected).abs().max().item<double>(),
              share * expected.abs().max().item<double>());
  }
};

TEST_P(ConvolutionTest, GivesWhatLibTorchGivesInDouble) {
  for (const Shape& s : kShapes) {
    SCOPED_TRACE(testing::Message()
                 << s.batch << " x " << s.height << " x " << s.width << ", "
                 << s.in << " to " << s.out);
    const at::Tensor x =
        Draw({s.batch, s.height, s.width, s.in}).requires_grad_();
    const at::Tensor weight = at::randn({s.out, s.in, 3, 3}).requires_grad_();
    const at::Tensor gradient = Draw({s.batch, s.height, s.width, s.out});
    const at::Tensor y = Convolution(x, weight);
    EXPECT_EQ(y.scalar_type(), std::get<1>(GetParam()));
    y.backward(gradient);
    EXPECT_EQ(x.grad().scalar_type(), x.scalar_type());
    EXPECT_EQ(weight.grad().scalar_type(), at::kFloat);
    const at::Tensor exact_x =
        x.detach().to(at::kDouble).clone().requires_grad_();
    const at::Tensor exact_weight =
        weight.detach().to(at::kDouble).clone().requires_grad_();
    const at::Tensor exact = Exact(exact_x, exact_weight);
    exact.backward(gradient.to(at::kDouble));
    ExpectNear(y.detach(), exact.detach());
    ExpectNear(x.grad(), exact_x.grad());
    ExpectNear(weight.grad(), exact_weight.grad());
  }
}

TEST_P(ConvolutionTest, AddsAndCutsInPlace) {
  const at::NoGradGuard no_grad;
  for (const Shape& s : kShapes) {
    const at::Tensor x = Draw({s.batch, s.height, s.width, s.in});
    const at::Tensor weight = at::randn({s.out, s.in, 3, 3});
    const at::Tensor bias = 5 * at::randn({s.out});
    const at::Tensor add = 5 * Draw({s.batch, s.height, s.width, s.out});
    const at::Tensor exact = Exact(x, weight) + bias.to(at::kDouble);
    const at::Tensor out = add.clone();
    ConvolutionInto(x, weight, bias, out, /*relu=*/true, out);
    ExpectNear(out, (exact + add.to(at::kDouble)).clamp_min(0));
    ConvolutionInto(x, weight, bias, {}, /*relu=*/false, out);
    ExpectNear(out, exact);
  }
}

TEST_P(ConvolutionTest, HasTheSameBitsForEveryNumberOfThreads) {
  const int before = at::get_num_threads();
  const at::Tensor x = Draw({37, 8, 12, 32}).requires_grad_();
  const at::Tensor weight = at::randn({48, 32, 3, 3}).requires_grad_();
  const at::Tensor gradient = Draw({37, 8, 12, 48});
  std::vector<at::Tensor> first;
  for (const int threads : {1, 2, 5}) {
    at::set_num_threads(threads);
    x.mutable_grad() = at::Tensor();
    weight.mutable_grad() = at::Tensor();
    const at::Tensor y = Convolution(x, weight);
    y.backward(gradient);
    const std::vector<at::Tensor> found = {y.detach(), x.grad(), weight.grad()};
    if (first.empty()) first = found;
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_TRUE(at::equal(found[i], first[i])) << threads << ", " << i;
    }
  }
  at::set_num_threads(before);
}

TEST_P(ConvolutionTest, ANaNIsSeen) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = Draw({1, 4, 4, 16});
  x[0][2][1][7] = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor out = at::empty_like(x);
  ConvolutionInto(x, at::randn({16, 16, 3, 3}), at::zeros({16}), {},
                  /*relu=*/true, out);
  EXPECT_TRUE(out[0][2][1].isnan().all().item<bool>());
}

INSTANTIATE_TEST_SUITE_P(
    All, ConvolutionTest,
    ::testing::Combine(::testing::ValuesIn(kernels::kAllIsas),
                       ::testing::Values(at::kFloat, at::kBFloat16)));

// Sides that the stride divides, and not.
TEST(StridedDepthwiseTest, GivesWhatLibTorchGivesInDouble) {
  for (const auto& [kernel, channels, stride, side] :
       std::vector<std::array<int64_t, 4>>{
           {3, 24, 2, 8}, {3, 16, 2, 7}, {5, 6, 3, 9}, {5, 6, 3, 11}}) {
    Operation o;
    o.kind = Operation::Kind::kConvolution;
    o.outputs = o.groups = static_cast<int>(channels);
    o.kernel = static_cast<int>(kernel);
    o.padding = o.kernel / 2;
    o.stride = static_cast<int>(stride);
    ASSERT_TRUE(IsStridedDepthwise(o));
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      const at::Tensor x = at::randn({5, side, side + 1, channels}).to(dtype);
      const at::Tensor weight =
          at::randn({channels, 1, kernel, kernel}).to(dtype).to(at::kFloat);
      const at::Tensor gradient =
          at::randn({5, (side - 1) / stride + 1, side / stride + 1, channels})
              .to(dtype);
      const auto evaluate = [&](at::ScalarType of, const auto& function) {
        const at::Tensor images = x.to(of).clone().requires_grad_();
        const at::Tensor weights =
            weight.to(of == at::kDouble ? of : at::kFloat)
                .clone()
                .requires_grad_();
        const at::Tensor y = function(images, weights);
        y.backward(gradient.to(of));
        return std::vector<at::Tensor>{y.detach(), images.grad(),
                                       weights.grad()};
      };
      const auto found =
          evaluate(dtype, [&](const at::Tensor& a, const at::Tensor& b) {
            return StridedDepthwise(o, a, b);
          });
      const auto expected =
          evaluate(at::kDouble, [&](const at::Tensor& a, const at::Tensor& b) {
            return at::conv2d(a.movedim(3, 1), b, {}, o.stride, o.padding, 1,
                              o.groups)
                .movedim(1, 3);
          });
      EXPECT_EQ(found[2].scalar_type(), at::kFloat);
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_LE(
            (found[i].to(at::kDouble) - expected[i]).abs().max().item<double>(),
            (dtype == at::kFloat ? 2e-6 : 0.005) *
                expected[i].abs().max().item<double>())
            << kernel << " x " << kernel << ", stride " << stride << ", " << i;
      }
    }
  }
}

TEST(HasConvolutionKernelTest, SaysForWhat) {
  Operation o;
  o.kind = Operation::Kind::kConvolution;
  o.outputs = 32;
  o.kernel = 3;
  o.stride = o.padding = o.groups = 1;
  const auto has = [&](const std::vector<int64_t>& images) {
    return HasConvolutionKernel(o, images, at::kFloat);
  };
  EXPECT_TRUE(has({5, 16, 8, 6}));
  EXPECT_FALSE(has({5, 3, 8, 6}));
  EXPECT_FALSE(has({5, 16, 7, 6}));
  EXPECT_FALSE(has({5, 16, 8, 5}));
  o.stride = 2;
  EXPECT_FALSE(has({5, 16, 8, 6}));
  o.stride = 1;
  o.groups = 16;
  EXPECT_FALSE(has({5, 16, 8, 6}));
}

TEST(HasConvolutionKernelTest, OtherArraysAreRefused) {
  const at::Tensor weight = at::ones({16, 16, 3, 3});
  EXPECT_THROW(Convolution(at::ones({1, 5, 4, 16}), weight), c10::Error);
  EXPECT_THROW(Convolution(at::ones({1, 4, 4, 32}), weight), c10::Error);
  EXPECT_THROW(Convolution(at::ones({1, 4, 4, 16}, at::kDouble), weight),
               c10::Error);
  EXPECT_THROW(Convolution(at::ones({1, 4, 4, 16}), at::ones({16, 16, 5, 5})),
               c10::Error);
}

}  // namespace
}  // namespace distill
