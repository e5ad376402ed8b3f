#include "models/dense.h"

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
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/kernel_choice.h"
#include "tests/models/engine.h"

namespace distill {
namespace {

struct Shape {
  int64_t batch, in, out;
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.batch << " rows, " << s.in << " to " << s.out;
}

// Below, at, beside and above every tile's and vector's size; the teacher's.
const Shape kShapes[] = {{1, 1, 1},   {3, 5, 2},       {4, 16, 4},
                         {5, 17, 5},  {7, 33, 10},     {64, 128, 10},
                         {9, 131, 6}, {32, 3136, 128}, {2, 1000, 3}};

at::Tensor Draw(at::IntArrayRef sizes, const std::string& purpose) {
  Random random(5, purpose);
  return UniformTensor(sizes, 1, random);
}

struct Result {
  at::Tensor y, grad_x, grad_weight, grad_bias;
};

// With the gradient of a fixed random weighting of the outputs.
Result Evaluate(const Shape& shape, Activation activation, bool composed,
                at::ScalarType dtype) {
  const auto leaf = [&](at::IntArrayRef sizes, const char* purpose) {
    return Draw(sizes, purpose).to(dtype).requires_grad_(true);
  };
  const at::Tensor x = leaf({shape.batch, shape.in}, "x");
  const at::Tensor weight = leaf({shape.out, shape.in}, "weight");
  const at::Tensor bias = leaf({shape.out}, "bias");
  Result result;
  result.y = composed ? DenseComposed(x, weight, bias, activation, dtype)
                      : Dense(x, weight, bias, activation, dtype);
  (result.y * Draw(result.y.sizes(), "weighting").to(dtype)).sum().backward();
  result.grad_x = x.grad();
  result.grad_weight = weight.grad();
  result.grad_bias = bias.grad();
  return result;
}

void ExpectNear(const at::Tensor& found, const at::Tensor& expected,
                int64_t terms) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  const double difference =
      (found.to(at::kDouble) - expected).abs().max().item<double>();
  // Sums of `terms` products below 1: each addition rounds to 2^-24 of a sum
  // that random signs keep near the root of their number.
  const double tolerance = 4 * std::sqrt(static_cast<double>(terms)) *
                           std::ldexp(1.0, -24) *
                           (4 + std::sqrt(static_cast<double>(terms)));
  EXPECT_LE(difference, tolerance);
}

class DenseTest
    : public ::testing::TestWithParam<std::tuple<Engine, Shape, Activation>> {
 protected:
  void SetUp() override {
    const Engine engine = std::get<0>(GetParam());
    if (!kernels::IsaSupported(IsaOf(engine))) {
      GTEST_SKIP() << "this processor lacks "
                   << kernels::IsaName(IsaOf(engine));
    }
    engine_.emplace(engine);
  }

 private:
  std::optional<UsedEngine> engine_;
};

TEST_P(DenseTest, IsLibTorchsInDoubleUpToRounding) {
  const Shape shape = std::get<1>(GetParam());
  const Activation activation = std::get<2>(GetParam());
  const Result found = Evaluate(shape, activation, false, at::kFloat);
  const Result expected = Evaluate(shape, activation, true, at::kDouble);
  ExpectNear(found.y, expected.y, shape.in);
  ExpectNear(found.grad_x, expected.grad_x, shape.out);
  ExpectNear(found.grad_weight, expected.grad_weight, shape.batch);
  ExpectNear(found.grad_bias, expected.grad_bias, shape.batch);
}

TEST_P(DenseTest, HasTheSameBitsForEveryNumberOfThreads) {
  const Shape shape = std::get<1>(GetParam());
  const int before = at::get_num_threads();
  std::vector<Result> results;
  for (int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    results.push_back(
        Evaluate(shape, std::get<2>(GetParam()), false, at::kFloat));
  }
  at::set_num_threads(before);
  for (size_t i = 1; i < results.size(); ++i) {
    EXPECT_TRUE(at::equal(results[i].y, results[0].y));
    EXPECT_TRUE(at::equal(results[i].grad_x, results[0].grad_x));
    EXPECT_TRUE(at::equal(results[i].grad_weight, results[0].grad_weight));
    EXPECT_TRUE(at::equal(results[i].grad_bias, results[0].grad_bias));
  }
}

TEST_P(DenseTest, InBFloat16IsTheProductOfRoundedFactors) {
  const Shape shape = std::get<1>(GetParam());
  const at::Tensor x = Draw({shape.batch, shape.in}, "x");
  const at::Tensor weight = Draw({shape.out, shape.in}, "weight");
  const at::Tensor bias = Draw({shape.out}, "bias");
  const at::Tensor found =
      Dense(x, weight, bias, std::get<2>(GetParam()), at::kBFloat16);
  EXPECT_EQ(found.scalar_type(), at::kFloat);
  const auto rounded = [](const at::Tensor& y) {
    return y.to(at::kBFloat16).to(at::kDouble);
  };
  ExpectNear(found,
             DenseComposed(rounded(x), rounded(weight), bias.to(at::kDouble),
                           std::get<2>(GetParam()), at::kDouble),
             shape.in);
}

TEST_P(DenseTest, ARowHasTheSameBitsInAnyBatch) {
  const Shape shape = std::get<1>(GetParam());
  const at::Tensor x = Draw({shape.batch, shape.in}, "x");
  const at::Tensor weight = Draw({shape.out, shape.in}, "weight");
  const at::Tensor bias = Draw({shape.out}, "bias");
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto dense = [&](const at::Tensor& rows) {
      return Dense(rows, weight, bias, std::get<2>(GetParam()), dtype);
    };
    const at::Tensor together = dense(x);
    for (int64_t row = 0; row < shape.batch; ++row) {
      EXPECT_TRUE(
          at::equal(dense(x.narrow(0, row, 1)), together.narrow(0, row, 1)));
    }
  }
}

TEST_P(DenseTest, ShowsANaN) {
  const Shape shape = std::get<1>(GetParam());
  at::Tensor x = Draw({shape.batch, shape.in}, "x");
  x[shape.batch - 1][shape.in - 1] = std::numeric_limits<float>::quiet_NaN();
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor y =
        Dense(x, Draw({shape.out, shape.in}, "weight"),
              Draw({shape.out}, "bias"), std::get<2>(GetParam()), dtype);
    EXPECT_TRUE(y[shape.batch - 1].isnan().all().item<bool>());
    EXPECT_EQ(y.isnan().sum().item<int64_t>(), shape.out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, DenseTest,
    ::testing::Combine(::testing::ValuesIn(kAllEngines),
                       ::testing::ValuesIn(kShapes),
                       ::testing::Values(Activation::kNone,
                                         Activation::kRelu)));

TEST(DenseGraphTest, AnOutputOfZeroHasNoGradient) {
  const at::Tensor x = at::ones({1, 2}).requires_grad_(true);
  const at::Tensor weight = at::tensor({1.f, -1.f, 1.f, 1.f}).view({2, 2});
  const at::Tensor y =
      Dense(x, weight, at::zeros({2}), Activation::kRelu, at::kFloat);
  EXPECT_EQ(y[0][0].item<float>(), 0);
  y.sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), weight.narrow(0, 1, 1)));
}

TEST(DenseGraphTest, IsRecordedOnlyWhereAGradientIsWanted) {
  const at::Tensor x = Draw({3, 4}, "x"), weight = Draw({2, 4}, "weight");
  const at::Tensor bias = Draw({2}, "bias");
  EXPECT_FALSE(
      Dense(x, weight, bias, Activation::kRelu, at::kFloat).requires_grad());
  const at::Tensor wanted = weight.clone().requires_grad_(true);
  const at::Tensor y = Dense(x, wanted, bias, Activation::kRelu, at::kFloat);
  EXPECT_TRUE(y.requires_grad());
  y.sum().backward();
  EXPECT_TRUE(wanted.grad().defined());
  EXPECT_FALSE(x.grad().defined());
}

TEST(DenseGraphTest, TakesWhatIsNotContiguous) {
  const at::Tensor x = Draw({4, 3}, "x").t();
  const at::Tensor weight = Draw({4, 2}, "weight").t();
  const at::Tensor bias = Draw({2}, "bias");
  EXPECT_TRUE(
      at::allclose(Dense(x, weight, bias, Activation::kNone, at::kFloat),
                   at::linear(x, weight, bias)));
}

TEST(DenseGraphTest, MultipliesInBFloat16WhereItIsAsked) {
  const at::Tensor x = Draw({8, 100}, "x"), weight = Draw({6, 100}, "weight");
  const at::Tensor bias = Draw({6}, "bias");
  const auto dense = [&](const at::Tensor& w, at::ScalarType dtype) {
    return Dense(x, w, bias, Activation::kRelu, dtype).detach();
  };
  const at::Tensor wanted = weight.clone().requires_grad_(true);
  const at::Tensor exact = dense(weight, at::kFloat);
  const at::Tensor rounded = dense(weight, at::kBFloat16);
  EXPECT_TRUE(at::equal(dense(wanted, at::kBFloat16), rounded));
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_FALSE(at::equal(rounded, exact));
  // 100 products below 1, each factor rounded to 8 bits, and then the sum,
  // which is below 16 here.
  EXPECT_LT((rounded - exact).abs().max().item<double>(),
            std::sqrt(100.0) * 2 * std::ldexp(1.0, -8) + std::ldexp(16.0, -8));
}

TEST(DenseGraphTest, TakesABatchOfNone) {
  const at::Tensor y = Dense(at::empty({0, 4}), Draw({2, 4}, "weight"),
                             Draw({2}, "bias"), Activation::kRelu, at::kFloat);
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{0, 2}));
}

TEST(DenseGraphTest, RefusesOtherShapes) {
  const at::Tensor x = Draw({3, 4}, "x"), bias = Draw({2}, "bias");
  EXPECT_THROW(Dense(x, Draw({2, 5}, "w"), bias, Activation::kRelu, at::kFloat),
               c10::Error);
  EXPECT_THROW(Dense(x, Draw({3, 4}, "w"), bias, Activation::kRelu, at::kFloat),
               c10::Error);
  EXPECT_THROW(Dense(x.to(at::kHalf), Draw({2, 4}, "w"), bias,
                     Activation::kRelu, at::kFloat),
               c10::Error);
}

}  // namespace
}  // namespace distill
