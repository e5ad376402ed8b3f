#include "experiment/features.h"

#include "gtest/gtest.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

const std::vector<Feature> kTeacher = {
    {"conv1", {32, 14, 14}}, {"conv2", {64, 7, 7}}, {"fc1", {128}}};
const std::vector<Feature> kStudent = {{"conv1", {16, 14, 14}}};
const std::vector<Feature> kFlat = {{"fc1", {800}}, {"fc2", {800}}};

absl::StatusOr<FeatureChoice> Choose(
    const char* method, const std::string& teacher, const std::string& student,
    const std::vector<Feature>& students = kStudent) {
  return ChooseFeatures(*FindMethod(method), kTeacher, teacher, students,
                        student);
}

TEST(ChooseFeaturesTest, TakesMapsOfOneSizeAndLastPoints) {
  const auto maps = Choose("at", "", "");
  ASSERT_TRUE(maps.ok()) << maps.status();
  EXPECT_EQ(DescribeFeature(maps->teacher), "conv1 (32 x 14 x 14)");
  EXPECT_EQ(DescribeFeature(maps->student), "conv1 (16 x 14 x 14)");
  const auto points = Choose("rkd", "", "");
  ASSERT_TRUE(points.ok());
  EXPECT_EQ(DescribeFeature(points->teacher), "fc1 (128)");
  EXPECT_EQ(points->student.name, "conv1");
  const auto flat = Choose("rkd", "conv2", "fc1", kFlat);
  ASSERT_TRUE(flat.ok());
  EXPECT_EQ(flat->teacher.name, "conv2");
  EXPECT_EQ(flat->student.name, "fc1");
}

TEST(ChooseFeaturesTest, ErrorsListWhatThereIs) {
  const auto code = absl::StatusCode::kInvalidArgument;
  const std::string all =
      "The teacher's features: conv1 (32 x 14 x 14), conv2 (64 x 7 x 7), fc1 "
      "(128). The student's: conv1 (16 x 14 x 14).";
  EXPECT_TRUE(FailsWith(Choose("rkd", "conv9", "").status(), code,
                        {"--teacher_feature is \"conv9\"", all}));
  EXPECT_TRUE(FailsWith(Choose("rkd", "", "fc1").status(), code,
                        {"--student_feature is \"fc1\"", all}));
  EXPECT_TRUE(FailsWith(
      Choose("fitnets", "conv2", "").status(), code,
      {"conv2 (64 x 7 x 7)", "conv1 (16 x 14 x 14)", "are not", all}));
  EXPECT_TRUE(FailsWith(Choose("at", "", "", kFlat).status(), code,
                        {"--method=at compares maps", "none to choose"}));
  EXPECT_TRUE(FailsWith(Choose("rkd", "", "", {}).status(), code,
                        {"an inner layer", "The student's: none."}));
}

TEST(MakeRegressorTest, IsThereWhereChannelsDiffer) {
  const FeatureChoice choice = *Choose("fitnets", "", "");
  Random random(0, "test");
  const Regressor regressor =
      MakeRegressor(*FindMethod("fitnets"), choice, random, at::kCPU);
  EXPECT_EQ(regressor.weight.sizes(), (std::vector<int64_t>{32, 16}));
  EXPECT_EQ(regressor.bias.sizes(), (std::vector<int64_t>{32}));
  EXPECT_TRUE(regressor.weight.requires_grad());
  EXPECT_LE(regressor.weight.abs().max().item<double>(), 0.25);
  EXPECT_FALSE(MakeRegressor(*FindMethod("at"), choice, random, at::kCPU)
                   .weight.defined());
  const FeatureChoice same = {kStudent[0], kStudent[0]};
  EXPECT_FALSE(MakeRegressor(*FindMethod("fitnets"), same, random, at::kCPU)
                   .weight.defined());
}

}  // namespace
}  // namespace distill
