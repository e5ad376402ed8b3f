#include "models/graph.h"

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;
using Kind = Operation::Kind;

// conv (2 to 4 channels, 3x3, stride 2), batch norm, added to a convolution 1x1
// of the images, global average, logits.
Graph Branching() {
  Graph graph;
  graph.image.channels = 2;
  graph.image.height = 7;
  graph.image.width = 9;
  Operation conv = {Kind::kConvolution, "conv1"};
  conv.outputs = 4;
  conv.kernel = 3;
  conv.stride = 2;
  conv.padding = 1;
  conv.groups = 2;
  conv.bias = false;
  graph.Append(conv);
  const int left = graph.Append({Kind::kBatchNorm, "bn1"});
  Operation other = {Kind::kConvolution, "conv2", {kImages}};
  other.outputs = 4;
  other.stride = 2;
  const int right = graph.Append(other);
  graph.Append({Kind::kAdd, "add", {right, left}, "sum"});
  graph.Append({Kind::kGlobalAveragePool, "mean"});
  graph.Append({Kind::kFlatten, "flat"});
  Operation linear = {Kind::kLinear, "fc1"};
  linear.outputs = 3;
  graph.Append(linear);
  return graph;
}

TEST(GraphTest, HasTheShapeOfEachOutput) {
  const auto shapes = InferShapes(Branching());
  ASSERT_TRUE(shapes.ok()) << shapes.status();
  // (7 + 2 - 3) / 2 + 1 and (9 + 2 - 3) / 2 + 1; (7 - 1) / 2 + 1, (9 - 1) / 2 +
  // 1.
  EXPECT_EQ(
      *shapes,
      (std::vector<Shape>{
          {4, 4, 5}, {4, 4, 5}, {4, 4, 5}, {4, 4, 5}, {4, 1, 1}, {4}, {3}}));
  // 29 and 18 halved, rounded down, three times.
  const Graph graph = *ParseModel("m", "cnn:3,5,7", {1, 29, 18}, 7);
  EXPECT_EQ((*InferShapes(graph))[8], (Shape{7, 3, 2}));
}

TEST(GraphTest, HasPyTorchsNamesAndShapesOfItsState) {
  std::string found;
  for (const TensorSpec& one : StateOf(Branching())) {
    found += one.name;
    for (const int64_t size : one.sizes) found += " " + std::to_string(size);
    found += one.kind == TensorSpec::Kind::kParameter ? "; " : " (buffer); ";
  }
  EXPECT_EQ(found,
            "conv1.weight 4 1 3 3; bn1.weight 4; bn1.bias 4; "
            "bn1.running_mean 4 (buffer); bn1.running_var 4 (buffer); "
            "bn1.num_batches_tracked (buffer); conv2.weight 4 2 1 1; "
            "conv2.bias 4; fc1.weight 3 4; fc1.bias 3; ");
  EXPECT_EQ(ParameterCount(Branching()), 36 + 4 + 4 + 8 + 4 + 12 + 3);
}

TEST(GraphTest, KnowsHowManyParametersItsNetworkHas) {
  for (const char* spelling : {"cnn:16", "cnn:32,64,fc128", "cnn:3,5,7",
                               "mlp:11,6", "cnn:2,fc3,fc4"}) {
    const Graph graph = *ParseModel("m", spelling, {1, 29, 18}, 7);
    Random random(1, "test");
    EXPECT_EQ(ParameterCount(graph), Network(graph, random).ParameterCount())
        << spelling;
  }
}

TEST(GraphTest, CountsItsWork) {
  // Pixels of the output times weights: 20 * 36, 20 * 8, and 12.
  EXPECT_EQ(FlopPerImageOf(Branching()), 2 * (720 + 160 + 12));
}

TEST(GraphTest, DescribesItselfWithItsBranches) {
  EXPECT_EQ(DescribeGraph(Branching()),
            "conv 2-4 3x3 stride 2 groups 2, batch norm; conv 2-4 1x1 stride 2 "
            "of the images; add of bn1, global average pool; linear 4-3");
}

TEST(GraphTest, ListsItsFeatures) {
  const std::vector<Feature> features = FeaturesOf(Branching());
  ASSERT_EQ(features.size(), 1u);
  EXPECT_EQ(features[0].name, "sum");
  EXPECT_EQ(features[0].sizes, (Shape{4, 4, 5}));
}

TEST(GraphTest, AnOperationThatCannotBeIsNamed) {
  struct Case {
    std::function<void(std::vector<Operation>&)> change;
    std::string operation;
    std::string found;
  };
  using Operations = std::vector<Operation>;
  const Case cases[] = {
      {[](Operations& o) { o[0].kernel = 10; }, "conv1", "kernel 10,"},
      {[](Operations& o) { o[0].kernel = 0; }, "conv1", "kernel 0,"},
      {[](Operations& o) { o[0].stride = 0; }, "conv1", "stride 0 "},
      {[](Operations& o) { o[0].padding = -1; }, "conv1", "padding -1"},
      {[](Operations& o) { o[0].outputs = 0; }, "conv1", "0 outputs"},
      {[](Operations& o) { o[0].outputs = 5; }, "conv1", "2 groups"},
      {[](Operations& o) { o[0].groups = 4; }, "conv1", "4 groups"},
      {[](Operations& o) { o[1].inputs = {1}; }, "bn1", "the input 1"},
      {[](Operations& o) { o[1].inputs = {-2}; }, "bn1", "the input -2"},
      {[](Operations& o) {
         o[1].inputs = {0, 0};
       },
       "bn1", "2 inputs"},
      {[](Operations& o) { o[1].name = "conv1"; }, "conv1", "more than once"},
      {[](Operations& o) { o[1].name = ""; }, "", "none"},
      {[](Operations& o) { o[2].outputs = 6; }, "add",
       "6 x 4 x 5 and 4 x 4 x 5"},
      {[](Operations& o) { o[3].inputs = {2}; }, "add", "1 inputs"},
      {[](Operations& o) { o[5].kind = Kind::kRelu; }, "fc1", "4 x 1 x 1"},
      {[](Operations& o) {
         o[4].kind = Kind::kFlatten;
         o[5].kind = Kind::kBatchNorm;
       },
       "flat", "an input of 80"},
      {[](Operations& o) {
         o[5].kind = Kind::kDropout;
         o[5].rate = 1;
       },
       "flat", "a rate of 1"},
      {[](Operations& o) {
         o[4].kind = Kind::kMaxPool;
         o[4].kernel = 5;
       },
       "mean", "kernel 5,"},
      {[](Operations& o) {
         o[4].kind = Kind::kMaxPool;
         o[4].padding = 1;
       },
       "mean", "padding 1"},
      {[](Operations& o) { o[6].outputs = 1; }, "fc1", "1 logits"},
      {[](Operations& o) { o.pop_back(); }, "flat", "4 logits"},
      {[](Operations& o) { o.clear(); }, "", "nothing"},
  };
  for (const Case& one : cases) {
    Graph graph = Branching();
    one.change(graph.operations);
    EXPECT_TRUE(FailsWith(
        InferShapes(graph).status(), absl::StatusCode::kInvalidArgument,
        {"the operation \"" + one.operation + "\"", one.found, "expected "}));
  }
  Graph graph = Branching();
  graph.image.channels = 0;
  EXPECT_TRUE(FailsWith(InferShapes(graph).status(),
                        absl::StatusCode::kInvalidArgument, {"0 x 7 x 9"}));
}

}  // namespace
}  // namespace distill
