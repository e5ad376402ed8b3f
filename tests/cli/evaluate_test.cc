#include "cli/evaluate.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "export/onnx.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/toy_model.h"
#include "tests/testing/datasets.h"
#include "tests/testing/process.h"
#include "training/evaluation.h"

namespace distill {
namespace {

using nlohmann::json;

class EvaluateTest : public testing::ToyModelTest {
 protected:
  int Run() {
    out_.str("");
    err_.str("");
    return RunEvaluate(options_, out_, err_, {});
  }
  json Last() const {
    testing::ProcessResult result;
    result.out = out_.str();
    return json::parse(result.LastLine());
  }

  EvaluateOptions options_{model_path_, {folder_.path(), "", {}}, "test"};
  std::ostringstream out_, err_;
};

TEST_F(EvaluateTest, SaysWhatTheEvaluationSays) {
  ASSERT_EQ(Run(), 0) << err_.str();
  const Evaluation expected = Expected(*test_);
  const json result = Last();
  EXPECT_EQ(result["status"], "success");
  EXPECT_EQ(result["images"], 90);
  EXPECT_EQ(result["errors"], expected.errors);
  EXPECT_NEAR(result["accuracy"]["mean"], expected.accuracy(), 1e-12);
  EXPECT_LT(result["accuracy"]["low"], result["accuracy"]["mean"]);
  EXPECT_NEAR(result["nll"], expected.loss, 1e-5);
  EXPECT_GE(result["ece"], 0);
  // cnn:4 for 9 x 8 pixels: 4 * 9 + 4, and 4 * 4 * 4 * 10 + 10.
  EXPECT_EQ(result["parameters"], 690);
  // Two for each multiply-add: 9 * 8 * 36 of the convolution, and 640.
  EXPECT_NEAR(result["mflop"], 2 * (9 * 8 * 36 + 640) / 1e6, 1e-12);
  ASSERT_EQ(result["classes"].size(), 10);
  int64_t errors = 0;
  for (const json& one : result["classes"]) {
    EXPECT_EQ(one["images"], 9);  // 90 images, the classes in turn.
    errors += one["errors"].get<int64_t>();
  }
  EXPECT_EQ(errors, expected.errors);
  EXPECT_FALSE(result.contains("top5Accuracy"));
  EXPECT_FALSE(result.contains("balancedAccuracy"));
  EXPECT_EQ(out_.str().find("the worst of"), std::string::npos);
  EXPECT_EQ(result["classes"][3]["name"], "class 3");
  EXPECT_NE(out_.str().find("class 3: "), std::string::npos);
  EXPECT_NE(out_.str().find("by its file the model was trained on toys"),
            std::string::npos);
}

// By whatever is in the default place, which nobody has named.
TEST_F(EvaluateTest, OtherDataThanTheModelsAreWantedByName) {
  std::filesystem::create_directory_symlink(folder_.path(),
                                            folder_.File("data"));
  setenv("BUILD_WORKING_DIRECTORY", folder_.path().c_str(), 1);
  options_.data.dataset.clear();
  EXPECT_EQ(Run(), 1);
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_NE(err_.str().find("without --dataset and --data_dir the images are "
                            "those in "),
            std::string::npos)
      << err_.str();
  EXPECT_NE(err_.str().find("by its file the model was trained on toys"),
            std::string::npos)
      << err_.str();
}

TEST_F(EvaluateTest, SaysWhatThatOfEightBitsIs) {
  options_.int8 = true;
  ASSERT_EQ(Run(), 0) << err_.str();
  const json result = Last();
  EXPECT_LE(result["int8"]["changedPredictions"], 9);
  EXPECT_LE(result["int8"]["errors"], result["errors"].get<int64_t>() + 9);
  // 676 weights, and for each of 14 outputs 9 bytes.
  EXPECT_EQ(result["int8"]["bytes"], 676 + 14 * 9);
  EXPECT_NE(out_.str().find("in 8 bits: accuracy "), std::string::npos);
  EXPECT_NE(out_.str().find("802 bytes instead of 2,760"), std::string::npos);
}

// By its checksums, and not by a name that has those of another split.
TEST_F(EvaluateTest, SaysWhetherTheModelWasTrainedOnTheTrainingImagesHere) {
  const auto with_notes = [this](uint32_t images, uint32_t labels) {
    model_.info.notes = {
        {"dataset", "unknown (images crc32 0123abcd)"},
        {"train_images_crc32", absl::StrFormat("%08x", images)},
        {"train_labels_crc32", absl::StrFormat("%08x", labels)}};
    testing::WriteFile(
        model_path_, *SerializeSafeTensors(ModelFile(
                         FrozenClassifier(model_.model).State(), model_.info)));
    EXPECT_EQ(Run(), 0) << err_.str();
    return out_.str();
  };
  const uint32_t images = train_->images_crc32, labels = train_->labels_crc32;
  EXPECT_EQ(with_notes(images, labels).find("trained on"), std::string::npos)
      << out_.str();
  EXPECT_NE(with_notes(images, labels + 1).find("with other labels"),
            std::string::npos)
      << out_.str();
  EXPECT_NE(with_notes(images + 1, labels).find("trained on other images"),
            std::string::npos)
      << out_.str();
}

TEST_F(EvaluateTest, ClassesInAnotherOrderAreCountedUnderTheirNames) {
  // The data have no names, and so their numbers are the names.
  std::vector<std::string>& names = model_.info.class_names;
  for (int i = 0; i < 10; ++i) names[i] = absl::StrCat(i);
  const auto write = [this] {
    testing::WriteFile(
        model_path_, *SerializeSafeTensors(ModelFile(
                         FrozenClassifier(model_.model).State(), model_.info)));
  };
  write();
  ASSERT_EQ(Run(), 0) << err_.str();
  const json expected = Last();
  ClassMatch swapped;
  for (int64_t i = 0; i < 10; ++i) swapped.order.push_back(i);
  std::swap(swapped.order[3], swapped.order[8]);
  ReorderClasses(swapped, &model_);
  write();
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_NE(out_.str().find("in another order"), std::string::npos);
  const json found = Last();
  EXPECT_EQ(found["errors"], expected["errors"]);
  EXPECT_EQ(found["classes"][3], expected["classes"][8]);
  EXPECT_EQ(found["classes"][8], expected["classes"][3]);
  EXPECT_EQ(found["classes"][3]["name"], "8");
}

TEST_F(EvaluateTest, OfManyClassesTheWorstAreListed) {
  testing::ToyOptions toy;
  toy.count = 400;
  toy.image.height = 9;
  toy.image.width = 8;
  toy.classes = 31;
  testing::WriteDataset(*testing::ToyDataset(toy), folder_.path());
  toy.split = Split::kTest;
  toy.seed = 2;
  Dataset test = *testing::ToyDataset(toy);
  // Of class 0 there are ten times as many images as of any other.
  for (int i = 0; i < 100; ++i) test.labels[i] = 0;
  testing::WriteDataset(test, folder_.path());
  WriteModel("cnn:4", 9, 8, 31);
  ASSERT_EQ(Run(), 0) << err_.str();
  const json result = Last();
  ASSERT_EQ(result["classes"].size(), 31u);
  std::vector<std::pair<double, int>> ranked;
  double sum = 0;
  for (int c = 0; c < 31; ++c) {
    const json& one = result["classes"][c];
    const int64_t images = one["images"], errors = one["errors"];
    ranked.emplace_back(
        static_cast<double>(images - errors) / static_cast<double>(images), c);
    sum += ranked.back().first;
  }
  EXPECT_NEAR(result.at("balancedAccuracy"), sum / 31, 1e-12);
  EXPECT_GE(result.at("top5Accuracy"), result["accuracy"]["mean"]);
  EXPECT_LT(result.at("top5Accuracy"), 1);
  std::sort(ranked.begin(), ranked.end());
  const std::string text = out_.str();
  size_t at = text.find("the worst of 31 classes (--json has all):\n");
  ASSERT_NE(at, std::string::npos) << text;
  for (int i = 0; i < 10; ++i) {
    at = text.find(absl::StrCat("\n  class ", ranked[i].second, ": "), at);
    ASSERT_NE(at, std::string::npos) << text;
  }
  EXPECT_EQ(text.find("\n  class ", at + 1), std::string::npos) << text;
  EXPECT_NE(text.find("\ntop-5 accuracy "), std::string::npos);
  EXPECT_NE(text.find("\nbalanced accuracy "), std::string::npos);
}

TEST_F(EvaluateTest, TheTrainingImagesCanBeAskedFor) {
  options_.split = "train";
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_EQ(Last()["images"], 120);
  EXPECT_EQ(Last()["errors"], Expected(*train_).errors);
}

TEST_F(EvaluateTest, OfAnOnnxFileItsTwinIsTaken) {
  ASSERT_EQ(Run(), 0) << err_.str();
  json expected = Last();
  options_.model = folder_.File("m.onnx");
  for (bool pixels : {true, false}) {
    OnnxOptions options;
    options.pixels = pixels;
    testing::WriteFile(options_.model, OnnxFile(model_, options));
    ASSERT_EQ(Run(), 0) << err_.str();
    expected["model"] = options_.model;
    EXPECT_EQ(Last(), expected);
    EXPECT_NE(out_.str().find("its twin " + model_path_), std::string::npos);
  }
  // Another model with the same name.
  WriteModel("cnn:5", 9, 8, 10);
  EXPECT_EQ(Run(), 1);
  EXPECT_NE(err_.str().find("m.onnx: found another model"), std::string::npos)
      << err_.str();
  options_.model = folder_.File("alone.onnx");
  testing::WriteFile(options_.model, "onnx");
  EXPECT_EQ(Run(), 1);
  EXPECT_NE(err_.str().find("alone.safetensors"), std::string::npos);
}

TEST_F(EvaluateTest, RefusesWhatDoesNotFit) {
  struct Case {
    std::function<void()> change;
    int exit_code;
    std::string part;
  };
  const Case cases[] = {
      {[&] { options_.split = "all"; }, 2, "--split is \"all\""},
      {[&] { options_.model = folder_.File("none"); }, 1, "none"},
      {[&] { options_.data.data_dir = folder_.File("none"); }, 1, "none"},
      {[&] { options_.data.dataset = "mnist"; }, 1, "were to be MNIST"},
      {[&] { WriteModel("cnn:4", 9, 10, 10); }, 1,
       "9 x 8 pixels; the model was trained on 9 x 10"},
      {[&] { WriteModel("cnn:4", 9, 8, 12); }, 1,
       "10 classes; the model knows 12"},
  };
  for (const Case& one : cases) {
    options_ = {model_path_, {"", folder_.path()}, "test"};
    one.change();
    EXPECT_EQ(Run(), one.exit_code) << one.part;
    EXPECT_EQ(Last()["status"], "error");
    EXPECT_NE(err_.str().find(one.part), std::string::npos) << err_.str();
    EXPECT_EQ(err_.str().find("evaluate: "), 0);
  }
}

TEST_F(EvaluateTest, TheProgramReadsItsFlags) {
  const std::string program = testing::ProgramPath("cli/evaluate");
  const auto result =
      testing::RunInShell("cd '" + folder_.path() + "' && '" + program +
                          "' --model=m.safetensors --data_dir=. --split=train");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(json::parse(result.LastLine())["images"], 120);
  EXPECT_EQ(testing::RunInShell("'" + program + "' --modle=x 2>&1").exit_code,
            2);
}

}  // namespace
}  // namespace distill
