#include "export/layers.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "export/c_header.h"
#include "export/html.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/export/proof.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

TEST(LayersTest, AreTheModelsInItsOrder) {
  const LoadedModel model = testing::RandomModel("cnn:4,6,fc5", {1, 9, 14}, 3);
  const std::vector<ExportLayer> layers = *LayersOf(model);
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

TEST(LayersTest, WhatTheseFormatsHaveNoCodeForIsNamed) {
  const LoadedModel model = testing::RandomModel("cnn:4,fc5", {1, 28, 28}, 3);
  struct Case {
    std::function<void(Graph&)> change;
    std::string found;
  };
  const Case cases[] = {
      {[](Graph& g) { g.operations[0].stride = 2; }, "\"conv1\""},
      {[](Graph& g) { g.operations[1].kind = Operation::Kind::kBatchNorm; },
       "\"conv1\""},
      {[](Graph& g) { g.operations[2].kernel = 3; }, "\"conv1\""},
      // Without ReLU it is no hidden layer.
      {[](Graph& g) {
         g.operations[5].kind = Operation::Kind::kDropout;
         g.operations[5].rate = 0.5;
       },
       "\"fc1\""},
  };
  for (const Case& one : cases) {
    LoadedModel other = model;
    Graph graph = model.model->graph();
    one.change(graph);
    Random random(0, "test");
    other.model = std::make_shared<Network>(graph, random);
    const std::vector<std::string> parts = {"cnn:4,fc5", one.found, "ONNX"};
    const auto code = absl::StatusCode::kUnimplemented;
    EXPECT_TRUE(testing::FailsWith(LayersOf(other).status(), code, parts));
    EXPECT_TRUE(testing::FailsWith(CHeader(other).status(), code, parts));
    EXPECT_TRUE(
        testing::FailsWith(HtmlPage(other, nullptr).status(), code, parts));
  }
}

TEST(LayersTest, AHeaderInCIsOfGreyImages) {
  const LoadedModel model = testing::RandomModel("cnn:4,fc5", {3, 28, 28}, 3);
  EXPECT_EQ((*LayersOf(model))[0].weights_of_one(), 3 * 9);
  EXPECT_TRUE(testing::FailsWith(CHeader(model).status(),
                                 absl::StatusCode::kUnimplemented,
                                 {"cnn:4,fc5", "3 channels", "ONNX"}));
}

TEST(LayersTest, DropoutIsNothingInAFinishedModel) {
  LoadedModel model = testing::RandomModel("mlp:4,5", {1, 8, 8}, 3);
  const std::string header = CHeader(model)->text;
  Random random(0, "test");
  const auto drops = std::make_shared<Network>(
      *ParseModel("m", "mlp:4,5", {1, 8, 8}, 3, /*dropout=*/0.5), random);
  for (const NamedTensor& one : drops->named_parameters()) {
    one.value.set_data(model.model->parameter(one.name).detach());
  }
  model.model = drops;
  EXPECT_EQ(CHeader(model)->text, header);
}

}  // namespace
}  // namespace distill
