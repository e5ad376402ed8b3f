#include "export/int8.h"

#include <cmath>
#include <limits>

#include "export/layers.h"
#include "gtest/gtest.h"
#include "tests/export/proof.h"

namespace distill {
namespace {

TEST(QuantizeTest, EachOutputHasItsScaleAndNothingIsCutOff) {
  const Int8Weights result =
      Quantize({-254, 2, 0, 3, 0.127f, -0.001f, 0.0004f, 0.0006f}, 2);
  EXPECT_EQ(result.scale[0], 2);
  EXPECT_EQ(result.scale[1], 0.127f / 127);
  // 3 / 2 lies between two values; the even one is taken.
  EXPECT_EQ(result.values, (std::vector<int8_t>{-127, 1, 0, 2, 127, -1, 0, 1}));
}

TEST(QuantizeTest, WeightsOfNothingStayNothing) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const Int8Weights result = Quantize({0, 0, tiny, -tiny}, 2);
  EXPECT_EQ(result.scale, (std::vector<float>{1, 1}));
  EXPECT_EQ(result.values, (std::vector<int8_t>{0, 0, 0, 0}));
}

TEST(QuantizeTest, ErrorsAreHalfAScaleAtMost) {
  const LoadedModel model = testing::RandomModel("cnn:4,fc5", {1, 8, 8}, 3);
  const LoadedModel rounded = WithInt8Weights(model);
  const std::vector<ExportLayer> before = *LayersOf(model);
  const std::vector<ExportLayer> after = *LayersOf(rounded);
  for (size_t l = 0; l < before.size(); ++l) {
    const Int8Weights quantized = Quantize(before[l].weight, before[l].outputs);
    EXPECT_EQ(after[l].bias, before[l].bias);
    for (size_t i = 0; i < before[l].weight.size(); ++i) {
      const float scale = quantized.scale[i / before[l].weights_of_one()];
      EXPECT_EQ(after[l].weight[i], scale * quantized.values[i]);
      // And a little for the rounding of the quotient.
      EXPECT_LE(std::fabs(after[l].weight[i] - before[l].weight[i]),
                0.5001f * scale);
    }
  }
  EXPECT_EQ(rounded.info.class_names, model.info.class_names);
}

}  // namespace
}  // namespace distill
