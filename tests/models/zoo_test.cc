#include "models/zoo.h"

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

absl::StatusOr<Graph> Parse(const std::string& spelling, int64_t side = 28) {
  return ParseModel("--student", spelling, {1, side, side}, 10);
}

TEST(ZooTest, SpellsTheSpecificationsModels) {
  const auto teacher = Parse("cnn:32,64,fc128");
  ASSERT_TRUE(teacher.ok()) << teacher.status();
  EXPECT_EQ(teacher->spelling, "cnn:32,64,fc128");
  EXPECT_EQ(DescribeGraph(*teacher),
            "conv 1-32 3x3, ReLU, pool 2; conv 32-64 3x3, ReLU, pool 2; linear "
            "3136-128, ReLU; linear 128-10");
  EXPECT_EQ(ParameterCount(*teacher), 421642);
  EXPECT_EQ(ParameterCount(*Parse("cnn:16")), 31530);
  EXPECT_EQ(Parse("spec_student")->spelling, "cnn:16");
}

TEST(ZooTest, SpellsModelsWithoutConvolutions) {
  const auto graph = Parse("hinton_teacher");
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_FALSE(graph->Has(Operation::Kind::kConvolution));
  EXPECT_EQ(DescribeGraph(*graph),
            "linear 784-1200, ReLU; linear 1200-1200, ReLU; linear 1200-10");
  Random random(0, "test weights");
  auto model = std::make_shared<Network>(*graph, random);
  // 784 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 10 + 10.
  EXPECT_EQ(model->ParameterCount(), 2395210);
  EXPECT_EQ(model->FlopPerImage(), 2 * (784 * 1200 + 1200 * 1200 + 1200 * 10));
  const at::Tensor logits = model->Logits(at::rand({3, 1, 28, 28}));
  EXPECT_EQ(logits.sizes(), (std::vector<int64_t>{3, 10}));
  logits.sum().backward();
  for (const at::Tensor& parameter : model->parameters()) {
    EXPECT_TRUE(parameter.grad().defined());
  }
}

TEST(ZooTest, DropoutIsAfterTheReluOfEachHiddenLayer) {
  const auto graph = ParseModel("m", "cnn:2,fc4,fc3", {1, 8, 8}, 10, 0.25);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(DescribeGraph(*graph),
            "conv 1-2 3x3, ReLU, pool 2; linear 32-4, ReLU, dropout 0.25; "
            "linear 4-3, ReLU, dropout 0.25; linear 3-10");
  EXPECT_EQ(graph->spelling, "cnn:2,fc4,fc3");
  EXPECT_FALSE(ParseModel("m", "cnn:2,fc4", {1, 8, 8}, 10)
                   ->Has(Operation::Kind::kDropout));
  // There is no hidden layer to drop from.
  EXPECT_FALSE(ParseModel("m", "cnn:16", {1, 8, 8}, 10, 0.5)
                   ->Has(Operation::Kind::kDropout));
  for (const double rate : {1.0, -0.5}) {
    EXPECT_TRUE(
        FailsWith(ParseModel("m", "mlp:4", {1, 8, 8}, 10, rate).status(),
                  absl::StatusCode::kInvalidArgument,
                  {"m is \"mlp:4\"", "\"fc1.dropout\"", "a rate of ",
                   "above 0 and below 1"}));
  }
}

TEST(ZooTest, ABadSpellingShowsTheGrammar) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "--student is \"\""},
      {"resnet50", "--student is \"resnet50\""},
      {"cnn", "--student is \"cnn\""},
      {"cnn:", "\"\" is not a size"},
      {"cnn:16,", "\"\" is not a size"},
      {"cnn:16,x", "\"x\" is not a size"},
      {"cnn:0", "\"0\" is not a size"},
      {"cnn:-4", "\"-4\" is not a size"},
      {"cnn: 4", "\" 4\" is not a size"},
      {"cnn:70000", "\"70000\" is not a size from 1 to 65536"},
      {"cnn:99999999999999999999", "is not a size"},
      {"cnn:fc128", "has no block"},
      {"cnn:16,fc128,32", "\"32\" comes after a hidden layer"},
      {"cnn:16,fc", "\"fc\" is not a size"},
      {"mlp:fc128", "\"fc128\" is not a size"},
      {"mlp:", "\"\" is not a size"},
  };
  for (const auto& [spelling, message] : cases) {
    EXPECT_TRUE(FailsWith(Parse(spelling).status(),
                          absl::StatusCode::kInvalidArgument,
                          {message, "cnn:C1,C2", "mlp:W1,W2", "spec_teacher"}));
  }
}

TEST(ZooTest, TooManyBlocksForTheImages) {
  EXPECT_TRUE(Parse("cnn:2,2,2,2").ok());
  EXPECT_TRUE(FailsWith(Parse("cnn:2,2,2,2,2").status(),
                        absl::StatusCode::kInvalidArgument,
                        {"28 x 28 5 times", "Take fewer blocks"}));
}

// Found by tools/fuzz: the least side was 1 << 87.
TEST(ZooTest, MoreBlocksThanAnIntegerHasBits) {
  for (int blocks : {62, 63, 64, 87, 1000}) {
    std::string spelling = "cnn:1";
    for (int i = 1; i < blocks; ++i) spelling += ",1";
    EXPECT_TRUE(
        FailsWith(ParseModel("--teacher", spelling, {1, 200, 200}, 10).status(),
                  absl::StatusCode::kInvalidArgument,
                  {"--teacher", "nothing is left of them"}));
  }
}

TEST(ZooTest, OneClassIsNone) {
  EXPECT_TRUE(FailsWith(ParseModel("--teacher", "cnn:2", {1, 8, 8}, 1).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--teacher is \"cnn:2\"", "1 logits", "2 classes"}));
}

TEST(ZooTest, ASpellingWithoutNamesIsWhatIsRead) {
  for (const char* spelling :
       {kTeacherModel, kStudentModel, "mlp:1200,1200", "cnn:4,fc6"}) {
    EXPECT_EQ(Parse(spelling)->spelling, spelling);
  }
  EXPECT_EQ(Parse("hinton_student")->spelling, "mlp:800,800");
  EXPECT_EQ(Parse("cnn:04,fc006")->spelling, "cnn:4,fc6");
  EXPECT_EQ(Parse("resnet20")->spelling, "resnet:3x16,3x32,3x64");
  EXPECT_EQ(Parse("resnet:03x016,b")->spelling, "resnet:3x16,b");
  for (const char* spelling : {"cnn:4b,fc6", "resnet:1x4,2x8,b", "wrn:10,1",
                               "mobile:4,8s,8x6,16x2s"}) {
    EXPECT_EQ(Parse(spelling)->spelling, spelling);
  }
}

int64_t CountOf(const Graph& graph, Operation::Kind kind) {
  return std::count_if(graph.operations.begin(), graph.operations.end(),
                       [kind](const Operation& o) { return o.kind == kind; });
}

TEST(ZooTest, ResidualNetsAreThoseOfThePaper) {
  // He et al. 2015, table 6: layers and millions of parameters.
  for (const auto& [name, layers, millions] :
       {std::tuple<const char*, int64_t, double>{"resnet20", 20, 0.27},
        {"resnet32", 32, 0.46},
        {"resnet44", 44, 0.66},
        {"resnet56", 56, 0.85},
        {"resnet110", 110, 1.7}}) {
    const Graph graph = *ParseModel("m", name, {3, 32, 32}, 10);
    EXPECT_EQ(CountOf(graph, Operation::Kind::kConvolution) + 1, layers);
    EXPECT_NEAR(static_cast<double>(ParameterCount(graph)) / 1e6, millions,
                millions * 0.03)
        << name;
  }
  const Graph graph = *ParseModel("m", "resnet8", {3, 32, 32}, 10);
  const std::vector<Feature> features = FeaturesOf(graph);
  ASSERT_EQ(features.size(), 3u);
  EXPECT_EQ(features[2].name, "layer3");
  EXPECT_EQ(features[2].sizes, (Shape{64, 8, 8}));
  // Option B has projections, with 1x1 weights and a batch norm each.
  const Graph projected =
      *ParseModel("m", "resnet:1x16,1x32,1x64,b", {3, 32, 32}, 10);
  EXPECT_EQ(ParameterCount(projected) - ParameterCount(graph),
            16 * 32 + 2 * 32 + 32 * 64 + 2 * 64);
  EXPECT_EQ(CountOf(projected, Operation::Kind::kZeroPadShortcut), 0);
}

TEST(ZooTest, WideNetsAreThoseOfThePaper) {
  // Zagoruyko and Komodakis 2016, table 4: 40-1 has 0.6 million parameters,
  // 40-2 has 2.2, 16-4 has 2.7.
  for (const auto& [name, millions] :
       {std::pair<const char*, double>{"wrn:40,1", 0.56},
        {"wrn:40,2", 2.2},
        {"wrn:16,4", 2.7}}) {
    EXPECT_NEAR(static_cast<double>(
                    ParameterCount(*ParseModel("m", name, {3, 32, 32}, 10))) /
                    1e6,
                millions, millions * 0.03)
        << name;
  }
}

TEST(ZooTest, MobileNetsHaveDepthwiseBlocksAndInvertedResiduals) {
  const Graph graph = *ParseModel("m", "mobile:4,8s,8x3", {3, 8, 8}, 10);
  EXPECT_EQ(
      DescribeGraph(graph),
      "conv 3-4 3x3, batch norm, ReLU; conv 4-4 3x3 stride 2 groups 4, "
      "batch norm, ReLU; conv 4-8 1x1, batch norm, ReLU; conv 8-24 1x1, "
      "batch norm, ReLU; conv 24-24 3x3 groups 24, batch norm, ReLU; conv "
      "24-8 1x1, batch norm; add of block1.relu2, global average pool; "
      "linear 8-10");
}

TEST(ZooTest, ABadFamilySaysWhatIsWrong) {
  for (const auto& [spelling, message] :
       std::vector<std::pair<std::string, std::string>>{
           {"resnet:", "\"\" is not BLOCKSxCHANNELS"},
           {"resnet:16", "\"16\" is not BLOCKSxCHANNELS"},
           {"resnet:600x4,600x4", "more than 1000 blocks"},
           {"resnet:1x16,1x15", "\"1x15\" has fewer"},
           {"resnet:1x16,1x8", "\"1x8\" has fewer"},
           {"resnet:b", "\"b\" is not BLOCKSxCHANNELS"},
           {"wrn:16", "a depth of 10, 16"},
           {"wrn:17,2", "a depth of 10, 16"},
           {"wrn:16,100", "a width of up to 64"},
           {"mobile:4x2", "\"4x2\" is not CHANNELS"},
           {"mobile:4,8x", "\"8x\" is not CHANNELS or CHANNELSxEXPANSION"},
           {"mobile:4,8x60000", "is not an expansion"},
           {"cnn:16bb", "\"16bb\" is not a size"},
           {"vgg:16", "--student is \"vgg:16\""}}) {
    EXPECT_TRUE(FailsWith(Parse(spelling).status(),
                          absl::StatusCode::kInvalidArgument,
                          {message, "resnet:NxC"}));
  }
}

}  // namespace
}  // namespace distill
