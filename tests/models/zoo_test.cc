#include "models/zoo.h"

#include <memory>
#include <string>
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
}

}  // namespace
}  // namespace distill
