#include "cli/distill.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"

namespace distill {
namespace {

using nlohmann::json;

// A run in process, and what it left.
struct Finished {
  explicit Finished(const DistillOptions& options) {
    exit_code = RunDistill(options, out, err, ConsoleOptions());
    std::istringstream lines(out.str());
    std::string line;
    while (std::getline(lines, line)) {
      if (!last.empty()) text += last + "\n";
      last = line;
    }
    result = json::parse(last, nullptr, /*allow_exceptions=*/false);
  }
  std::ostringstream out, err;
  int exit_code;
  std::string text;  // All lines of stdout but the last.
  std::string last;
  json result;
};

class DistillTest : public ::testing::Test {
 protected:
  DistillTest() {
    testing::ToyOptions toy;
    toy.count = 320;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.path());
    toy.count = 100;
    toy.seed = 2;
    toy.split = Split::kTest;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.path(), true);
    options_.compute.device = "cpu";
    options_.data.folder = folder_.path();
    options_.experiment.batch_size = 32;
    options_.experiment.teacher_epochs = 2;
    options_.experiment.learning_rate = 0.002;
  }
  testing::TempFolder folder_;
  DistillOptions options_;
};

TEST_F(DistillTest, EndsWithTheResultAsJson) {
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  const json& result = run.result;
  EXPECT_EQ(result["status"], "success");
  EXPECT_NE(run.text.find(result["message"].get<std::string>()),
            std::string::npos);
  EXPECT_GT(result["finalLoss"].get<double>(), 0);
  EXPECT_EQ(result["device"], "cpu");
  EXPECT_EQ(result["seed"], 0);
  EXPECT_TRUE(result["precision"] == "f32" || result["precision"] == "bf16");
  EXPECT_GT(result["seconds"].get<double>(), 0);
  EXPECT_GT(result["startSeconds"].get<double>(), 0);
  EXPECT_EQ(result["teacher"]["parameters"], 421642);
  EXPECT_EQ(result["student"]["parameters"], 31530);
  EXPECT_EQ(result["control"]["parameters"], 31530);
  for (const char* who : {"teacher", "student", "control"}) {
    const json& stage = result[who];
    const int errors = stage["testErrors"];
    EXPECT_DOUBLE_EQ(stage["testAccuracy"].get<double>(), 1 - errors / 100.0);
    EXPECT_GT(stage["seconds"].get<double>(), 0);
  }
  // The final loss is the total of its two terms with their weights.
  EXPECT_NEAR(result["finalLoss"].get<double>(),
              0.5 * result["finalSoftLoss"].get<double>() +
                  0.5 * result["finalHardLoss"].get<double>(),
              1e-6);
  EXPECT_NE(run.text.find("Final loss of the student"), std::string::npos);
  EXPECT_EQ(run.err.str(), "");
}

TEST_F(DistillTest, SaysWhichDataSetItIs) {
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.result["dataset"].get<std::string>().find("unknown ("), 0u);
}

TEST_F(DistillTest, WithoutAControlThereIsNone) {
  options_.experiment.control = false;
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.result["control"].is_null());
}

TEST_F(DistillTest, SeveralSeedsHaveAVerdictAndTheirRuns) {
  options_.seeds = 2;
  options_.labels_per_class = 4;
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  const json& result = run.result;
  EXPECT_EQ(result["seeds"], 2);
  EXPECT_EQ(result["labels"], 40);
  EXPECT_EQ(result["transferImages"], 320);
  ASSERT_EQ(result["runs"].size(), 2u);
  double difference = 0;
  for (int i = 0; i < 2; ++i) {
    const json& one = result["runs"][i];
    EXPECT_EQ(one["seed"], i);
    difference += one["student"]["testAccuracy"].get<double>() / 2 -
                  one["control"]["testAccuracy"].get<double>() / 2;
  }
  EXPECT_NEAR(result["difference"]["mean"].get<double>(), difference, 1e-9);
  EXPECT_LE(result["difference"]["low"], result["difference"]["high"]);
  EXPECT_NE(result["verdict"], "UNKNOWN");
  EXPECT_NEAR(result["student"]["testAccuracy"].get<double>() -
                  result["control"]["testAccuracy"].get<double>(),
              difference, 1e-9);
  EXPECT_NE(run.text.find(result["verdict"].get<std::string>() + ": "),
            std::string::npos)
      << run.text;
}

TEST_F(DistillTest, EveryMethodRunsAndSaysItsFormula) {
  for (const Method& method : Methods()) {
    for (bool standardize : {false, true}) {
      if (standardize && method.compares != Compares::kLogits) continue;
      DistillOptions options = options_;
      options.experiment.loss.method = method.name;
      options.experiment.student_epochs = 3;
      options.experiment.loss.standardize_logits = standardize;
      const Finished run(options);
      ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
      EXPECT_EQ(run.result["method"], method.name);
      EXPECT_NE(run.text.find(options.experiment.loss.Formula()),
                std::string::npos)
          << run.text;
      EXPECT_GT(run.result["student"]["testAccuracy"].get<double>(), 0.5)
          << method.name;
    }
  }
}

TEST_F(DistillTest, AMethodThatNeedsLabelsSaysWhereTheyAreMissing) {
  options_.experiment.loss.method = "dkd";
  options_.experiment.labels = 50;
  const Finished refused(options_);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.str().find("--transfer_set=labelled"),
            std::string::npos)
      << refused.err.str();
  options_.transfer_set = "labelled";
  EXPECT_EQ(Finished(options_).exit_code, 0);
}

TEST_F(DistillTest, FilesThatAreNotTheDataSetAskedForAreAnError) {
  options_.data.name = "Fashion-MNIST";
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.text, "");
  const std::string message = run.result["message"];
  EXPECT_NE(message.find("Fashion-MNIST"), std::string::npos) << message;
  EXPECT_NE(message.find("unknown (images crc32"), std::string::npos);
}

TEST_F(DistillTest, OmittedClassesAreInTheResult) {
  options_.omit_classes = "3,7";
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_EQ(run.result["omittedClasses"], (std::vector<int>{3, 7}));
  EXPECT_EQ(run.result["student"]["omitted"]["testImages"], 20);
  EXPECT_EQ(run.result["control"]["omitted"]["testErrors"], 20);
  EXPECT_FALSE(run.result["teacher"].contains("omitted"));
}

TEST_F(DistillTest, TakesOtherModels) {
  options_.experiment.teacher = "mlp:40";
  options_.experiment.student = "cnn:2,3,fc50";
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_EQ(run.result["teacherModel"], "mlp:40");
  EXPECT_EQ(run.result["teacher"]["parameters"], 784 * 40 + 40 + 400 + 10);
  EXPECT_EQ(run.result["student"]["parameters"],
            20 + 57 + 147 * 50 + 50 + 500 + 10);
  EXPECT_EQ(run.text.find("warning"), std::string::npos) << run.text;
}

TEST_F(DistillTest, AStudentLargerThanItsTeacherIsAWarning) {
  options_.experiment.teacher = "mlp:20";
  options_.experiment.student = "mlp:30";
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_NE(run.text.find("warning: the student is larger"), std::string::npos)
      << run.text;
}

TEST_F(DistillTest, OneSeedHasNoVerdict) {
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.result["verdict"], "UNKNOWN");
  EXPECT_TRUE(run.result["difference"]["low"].is_null());
  EXPECT_EQ(run.result["labels"], 320);
}

TEST_F(DistillTest, WithoutCudaItIsAnErrorAndNoFallback) {
  options_.compute.device = "cuda";
  if (!QueryCuda().devices.empty()) GTEST_SKIP() << "CUDA works here";
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.text, "");
  EXPECT_EQ(run.result["status"], "error");
  const std::string message = run.result["message"];
  EXPECT_NE(message.find("CUDA is missing"), std::string::npos) << message;
  EXPECT_NE(message.find("--device=cpu"), std::string::npos) << message;
  EXPECT_NE(run.err.str().find(message), std::string::npos);
}

TEST_F(DistillTest, WrongOptionsAreExitCodeTwo) {
  for (auto change :
       {+[](DistillOptions& o) { o.compute.device = "tpu"; },
        +[](DistillOptions& o) { o.compute.precision = "f8"; },
        +[](DistillOptions& o) { o.lr_schedule = "cosine"; },
        +[](DistillOptions& o) { o.compute.threads = -2; },
        +[](DistillOptions& o) { o.seeds = 0; },
        +[](DistillOptions& o) { o.omit_classes = "three"; },
        +[](DistillOptions& o) { o.omit_classes = "3,"; },
        +[](DistillOptions& o) { o.omit_classes = "11"; },
        +[](DistillOptions& o) { o.experiment.loss.method = "fsp"; },
        +[](DistillOptions& o) { o.experiment.teacher = "resnet50"; },
        +[](DistillOptions& o) { o.experiment.student = "cnn:1,1,1,1,1"; },
        +[](DistillOptions& o) { o.transfer_set = "some"; },
        +[](DistillOptions& o) { o.labels_per_class = -1; },
        +[](DistillOptions& o) {
          o.experiment.labels = o.labels_per_class = 5;
        },
        +[](DistillOptions& o) { o.experiment.labels = 321; },
        +[](DistillOptions& o) { o.labels_per_class = 33; },
        +[](DistillOptions& o) { o.experiment.loss.kd.alpha = 2; },
        +[](DistillOptions& o) { o.experiment.loss.kd.temperature = 0; }}) {
    DistillOptions options = options_;
    change(options);
    const Finished run(options);
    EXPECT_EQ(run.exit_code, 2) << run.last;
    EXPECT_EQ(run.result["status"], "error");
    EXPECT_EQ(run.text, "") << "it began";
  }
}

TEST_F(DistillTest, MissingDataNamesTheFolder) {
  options_.data.folder = folder_.path() + "/nowhere";
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.result["message"].get<std::string>().find(options_.data.folder),
            std::string::npos);
}

TEST_F(DistillTest, BrokenDataTrainsNothing) {
  const std::string path = folder_.File("train-images-idx3-ubyte");
  testing::WriteFile(path, testing::ReadFile(path).substr(0, 1000));
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.text, "");
  EXPECT_NE(run.result["message"].get<std::string>().find(path),
            std::string::npos);
}

TEST_F(DistillTest, ALabelBeyondTheClassesIsExitCodeOneNotWrongFlags) {
  // The training split's labels say how many classes there are.
  const std::string path = folder_.File("t10k-labels-idx1-ubyte");
  testing::WriteFile(path,
                     testing::IdxFile({100}, std::vector<uint8_t>(100, 10)));
  std::filesystem::remove(path + ".gz");
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1) << run.last;
  EXPECT_NE(run.err.str().find(path), std::string::npos);
}

TEST_F(DistillTest, ATeacherThatDidNotLearnIsAnError) {
  // Nothing can be learned from pure noise. 320 images are judged, of which
  // luck gets 10 % right, give or take 2, and the bar is 19 %.
  testing::ToyOptions noise;
  noise.count = 3200;
  noise.noise = 1;
  testing::WriteDataset(*testing::ToyDataset(noise), folder_.path());
  options_.experiment.teacher_epochs = 1;
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.result["status"], "error");
  EXPECT_EQ(run.text.find("student: test"), std::string::npos);
}

TEST(ReportErrorTest, APathThatIsNotUtf8StillGivesJson) {
  std::ostringstream out, err;
  EXPECT_EQ(ReportError(absl::NotFoundError("no file /tmp/\xff"), out, err), 1);
  EXPECT_EQ(json::parse(out.str())["status"], "error");
}

}  // namespace
}  // namespace distill
