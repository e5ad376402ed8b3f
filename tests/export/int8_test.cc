#include "export/int8.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/export/proof.h"

namespace distill {
namespace {

ExportLayer Layer(std::vector<float> weight, int64_t outputs) {
  ExportLayer layer;
  layer.outputs = outputs;
  layer.inputs = static_cast<int64_t>(weight.size()) / outputs;
  layer.weight = std::move(weight);
  layer.bias.assign(outputs, 0);
  return layer;
}

TEST(LayersTest, AreTheModelsInItsOrder) {
  const LoadedModel model = testing::RandomModel("cnn:4,6,fc5", 9, 14, 3);
  const std::vector<ExportLayer> layers = LayersOf(model);
  ASSERT_EQ(layers.size(), 4);
  EXPECT_EQ(layers[0].name, "conv1");
  EXPECT_EQ(layers[1].kind, ExportLayer::Kind::kConvBlock);
  EXPECT_EQ(layers[1].height, 4);
  EXPECT_EQ(layers[1].width, 7);
  EXPECT_EQ(layers[2].kind, ExportLayer::Kind::kHidden);
  EXPECT_EQ(layers[2].inputs, 6 * 2 * 3);
  EXPECT_EQ(layers[3].name, "fc2");
  EXPECT_EQ(layers[3].kind, ExportLayer::Kind::kLogits);
  EXPECT_EQ(layers[3].outputs, 3);
  EXPECT_EQ(layers[1].weight[7],
            model.model->parameter("conv2.weight").flatten()[7].item<float>());
}

TEST(QuantizeTest, EachOutputHasItsScaleAndNothingIsCutOff) {
  const Int8Weights result =
      Quantize(Layer({-254, 2, 0, 3, 0.127f, -0.001f, 0.0004f, 0.0006f}, 2));
  EXPECT_EQ(result.scale[0], 2);
  EXPECT_EQ(result.scale[1], 0.127f / 127);
  // 3 / 2 lies between two values; the even one is taken.
  EXPECT_EQ(result.values, (std::vector<int8_t>{-127, 1, 0, 2, 127, -1, 0, 1}));
}

TEST(QuantizeTest, WeightsOfNothingStayNothing) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const Int8Weights result = Quantize(Layer({0, 0, tiny, -tiny}, 2));
  EXPECT_EQ(result.scale, (std::vector<float>{1, 1}));
  EXPECT_EQ(result.values, (std::vector<int8_t>{0, 0, 0, 0}));
}

TEST(QuantizeTest, ErrorsAreHalfAScaleAtMost) {
  const LoadedModel model = testing::RandomModel("cnn:4,fc5", 8, 8, 3);
  const LoadedModel rounded = WithInt8Weights(model);
  const std::vector<ExportLayer> before = LayersOf(model);
  const std::vector<ExportLayer> after = LayersOf(rounded);
  for (size_t l = 0; l < before.size(); ++l) {
    const Int8Weights quantized = Quantize(before[l]);
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
