#include "models/plan.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "models/zoo.h"

namespace distill {
namespace {

using Kind = Operation::Kind;

// "block 0-2 last" is a block of the operations 0 to 2 whose output has its
// channels last.
std::string PlanText(const Graph& graph) {
  EXPECT_TRUE(InferShapes(graph).ok()) << InferShapes(graph).status();
  std::string text;
  for (const PlanStep& step : MakePlan(graph)) {
    text += step.kind == PlanStep::Kind::kConvBlock   ? "block "
            : step.kind == PlanStep::Kind::kDense     ? "dense "
            : step.kind == PlanStep::Kind::kBatchNorm ? "norm "
                                                      : "";
    text += std::to_string(step.first);
    if (step.last > step.first) text += "-" + std::to_string(step.last);
    text += step.channels_last ? " last; " : "; ";
  }
  return text;
}

TEST(PlanTest, ZoosModelsAreBlocksAndDenseLayers) {
  EXPECT_EQ(PlanText(TeacherGraph()),
            "block 0-2 last; block 3-5; 6; dense 7-8; dense 9; ");
  EXPECT_EQ(PlanText(*ParseModel("m", "mlp:4", {1, 8, 8}, 3)),
            "0; dense 1-2; dense 3; ");
  EXPECT_EQ(PlanText(*ParseModel("m", "mlp:4", {1, 8, 8}, 3, 0.5)),
            "0; dense 1-2; 3; dense 4; ");
}

TEST(PlanTest, BatchNormTakesWhatFollowsIt) {
  const Graph graph = *ParseModel("m", "resnet:2x4", {3, 8, 8}, 3);
  EXPECT_EQ(PlanText(graph),
            "0; norm 1-2; 3; norm 4-5; 6; norm 7-9; 10; norm 11-12; 13; norm "
            "14-16; 17; 18; dense 19; ");
  const std::vector<PlanStep> plan = MakePlan(graph);
  // The last of the first block: it adds the stem's output, and carries its
  // gradient there; what it makes goes to a convolution and the next one.
  const PlanStep& last = plan[5];
  EXPECT_EQ(last.inputs, (std::vector<int>{6, 2}));
  EXPECT_EQ(last.convolution, 6);
  EXPECT_EQ(last.carries_to, 2);
  EXPECT_TRUE(last.is_carried_to);
  EXPECT_TRUE(last.compact);
  EXPECT_TRUE(plan[1].is_carried_to);
  EXPECT_FALSE(plan[3].is_carried_to);
}

TEST(PlanTest, BlocksTakeAnyNumberOfChannels) {
  Graph graph = TeacherGraph();
  graph.image.channels = 3;
  EXPECT_EQ(PlanText(graph),
            "block 0-2 last; block 3-5; 6; dense 7-8; dense 9; ");
}

TEST(PlanTest, WhatTheKernelsCannotDoIsLeftToLibTorch) {
  const Graph student = *ParseModel("m", "cnn:4", {1, 8, 8}, 3);
  ASSERT_EQ(PlanText(student), "block 0-2; 3; dense 4; ");
  const std::string alone = "0; 1; 2; 3; dense 4; ";
  const auto changed = [&](auto change) {
    Graph graph = student;
    change(graph.operations);
    return PlanText(graph);
  };
  using Operations = std::vector<Operation>;
  EXPECT_EQ(changed([](Operations& o) { o[0].kernel = 5; }), alone);
  EXPECT_EQ(changed([](Operations& o) { o[0].stride = 2; }), alone);
  EXPECT_EQ(changed([](Operations& o) { o[0].padding = 0; }), alone);
  EXPECT_EQ(changed([](Operations& o) { o[0].bias = false; }), alone);
  EXPECT_EQ(changed([](Operations& o) { o[2].kernel = 3; }), alone);
  EXPECT_EQ(changed([](Operations& o) { o[2].stride = 1; }), alone);
  // ReLU and pooling the other way round.
  EXPECT_EQ(changed([](Operations& o) { std::swap(o[1].kind, o[2].kind); }),
            alone);
  // Their outputs would not be there.
  EXPECT_EQ(changed([](Operations& o) { o[0].feature = "raw"; }), alone);
  EXPECT_EQ(changed([](Operations& o) { o[1].feature = "large"; }), alone);
  EXPECT_EQ(changed([](Operations& o) { o[4].bias = false; }),
            "block 0-2; 3; 4; ");
  Graph groups = student;
  groups.image.channels = 2;
  groups.operations[0].groups = 2;
  EXPECT_EQ(PlanText(groups), alone);
}

TEST(PlanTest, AnOutputThatTwoTakeIsKept) {
  Graph graph = *ParseModel("m", "cnn:4,4", {1, 8, 8}, 3);
  // The second convolution's output, before its ReLU, is added to that.
  graph.operations.resize(5);
  graph.Append({Kind::kAdd, "add", {3, 4}});
  graph.Append({Kind::kFlatten, "flat"});
  Operation linear = {Kind::kLinear, "fc1"};
  linear.outputs = 3;
  graph.Append(linear);
  // LibTorch takes the first block's output, channels first.
  EXPECT_EQ(PlanText(graph), "block 0-2; 3; 4; 5; 6; dense 7; ");
  const std::vector<PlanStep> plan = MakePlan(graph);
  EXPECT_EQ(plan[0].done, (std::vector<int>{}));
  EXPECT_EQ(plan[1].done, (std::vector<int>{2}));
  EXPECT_EQ(plan[2].done, (std::vector<int>{}));
  EXPECT_EQ(plan[3].done, (std::vector<int>{3, 4}));
}

TEST(PlanTest, ABlockThatABlockAndAnotherTakeHasItsChannelsFirst) {
  Graph graph = *ParseModel("m", "cnn:4,4", {1, 8, 8}, 3);
  // The first block's 4 x 4 x 4 pooled to 4 x 2 x 2, as the second one's are.
  graph.operations.resize(6);
  Operation pool = {Kind::kMaxPool, "pool", {2}};
  pool.kernel = pool.stride = 2;
  graph.Append(pool);
  graph.Append({Kind::kAdd, "add", {5, 6}});
  graph.Append({Kind::kFlatten, "flat"});
  Operation linear = {Kind::kLinear, "fc1"};
  linear.outputs = 3;
  graph.Append(linear);
  EXPECT_EQ(PlanText(graph), "block 0-2; block 3-5; 6; 7; 8; dense 9; ");
}

}  // namespace
}  // namespace distill
