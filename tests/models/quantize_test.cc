#include "models/quantize.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(QuantizeTest, EachOutputHasItsScaleAndNothingIsCutOff) {
  const Int8Weights result = QuantizeWeights(
      {-254, 2, 0, 3, 0.127f, -0.001f, 0.0004f, 0.0006f}, {0, 0});
  EXPECT_EQ(result.scale[0], 2);
  EXPECT_EQ(result.scale[1], 0.127f / 127);
  // 3 / 2 lies between two values; the even one is taken.
  EXPECT_EQ(result.values, (std::vector<int8_t>{-127, 1, 0, 2, 127, -1, 0, 1}));
}

TEST(QuantizeTest, WeightsOfNothingStayNothing) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const Int8Weights result = QuantizeWeights({0, 0, tiny, -tiny}, {0, 0});
  EXPECT_EQ(result.scale, (std::vector<float>{1, 1}));
  EXPECT_EQ(result.values, (std::vector<int8_t>{0, 0, 0, 0}));
}

TEST(QuantizeTest, AScaleIsNotSmallerThanItMayBe) {
  const Int8Weights result =
      QuantizeWeights({1e-20f, -1e-20f, 127, 1}, {2, 0.5f});
  EXPECT_EQ(result.scale, (std::vector<float>{2, 1}));
  EXPECT_EQ(result.values, (std::vector<int8_t>{0, 0, 127, 1}));
}

}  // namespace
}  // namespace distill
