#include "cli/distill.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/paths.h"
#include "cli/errors.h"
#include "data/safetensors.h"
#include "export/onnx.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/html.h"

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
    options_.data.data_dir = folder_.path();
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
  EXPECT_NE(run.text.find("One seed proves nothing"), std::string::npos);
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
  EXPECT_NE(run.text.find(result["verdict"].get<std::string>()),
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
      EXPECT_NE(run.text.find(options.experiment.loss.Formula().substr(7)),
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
  options_.experiment.transfer_set = TransferSet::kLabelled;
  EXPECT_EQ(Finished(options_).exit_code, 0);
}

TEST_F(DistillTest, FilesThatAreNotTheDataSetAskedForAreAnError) {
  options_.data.dataset = "fashion_mnist";
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.text, "");
  const std::string message = run.result["message"];
  EXPECT_NE(message.find("Fashion-MNIST"), std::string::npos) << message;
  EXPECT_NE(message.find("unknown (images crc32"), std::string::npos);
}

TEST_F(DistillTest, OmittedClassesAreInTheResult) {
  options_.experiment.omit_classes = {3, 7};
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
  EXPECT_EQ(run.text.find("warning: the student is larger"), std::string::npos)
      << run.text;
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
        +[](DistillOptions& o) { o.compute.threads = -2; },
        +[](DistillOptions& o) { o.seeds = 0; },
        +[](DistillOptions& o) { o.experiment.omit_classes = {11}; },
        +[](DistillOptions& o) { o.experiment.loss.method = "fsp"; },
        +[](DistillOptions& o) { o.experiment.teacher = "resnet50"; },
        +[](DistillOptions& o) { o.experiment.student = "cnn:1,1,1,1,1"; },
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

// Of two results that are one file the first would be lost.
TEST_F(DistillTest, ResultsThatLinksMakeOneFileAreRefused) {
  options_.output_dir = folder_.File("out");
  options_.overwrite = true;
  std::filesystem::create_directory(options_.output_dir);
  const auto link = [this](const char* to, const char* name) {
    std::filesystem::create_symlink(to, options_.output_dir + "/" + name);
  };
  link("config.json", "report.html");
  Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.text, "") << "it began";
  EXPECT_NE(run.err.str().find("config.json: found a link to the file that "
                               "report.html is too"),
            std::string::npos)
      << run.err.str();
  std::filesystem::remove(options_.output_dir + "/report.html");
  // To a file that is not there.
  link("../one", "report.html");
  link("../one", "student.onnx");
  EXPECT_EQ(Finished(options_).exit_code, 1);
  std::filesystem::remove(options_.output_dir + "/report.html");
  EXPECT_EQ(Finished(options_).exit_code, 0);
}

TEST_F(DistillTest, MoreLabelsAClassThanThereAreAreRefusedByThatName) {
  options_.labels_per_class = 33;
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_NE(run.err.str().find("--labels_per_class is 33"), std::string::npos)
      << run.err.str();
}

TEST_F(DistillTest, AConfigurationIsPrintedAndRunAgain) {
  options_.experiment.student = "mlp:8";
  options_.experiment.loss.kd.temperature = 3;
  options_.print_config = true;
  const Finished printed(options_);
  ASSERT_EQ(printed.exit_code, 0) << printed.err.str();
  EXPECT_EQ(printed.err.str(), "") << "it ran";
  const std::string path = folder_.File("c.json");
  testing::WriteFile(path, printed.out.str());

  DistillOptions again;
  again.data = options_.data;
  Settings settings = SettingsOf(again);
  again.config = path;
  ASSERT_TRUE(settings.Find("seed")->Set("4").ok());
  // The file does not say where the data are, and the default is MNIST's place.
  const absl::Status missing = ApplyConfiguration(path, settings);
  EXPECT_TRUE(absl::StrContains(missing.message(), "pass that data set too"))
      << missing;
  ASSERT_TRUE(settings.Find("data_dir")->Set(again.data.data_dir).ok());
  const absl::Status applied = ApplyConfiguration(path, settings);
  ASSERT_TRUE(applied.ok()) << applied;
  EXPECT_EQ(again.compute.device, "cpu");
  EXPECT_EQ(again.experiment.student, "mlp:8");
  EXPECT_EQ(again.experiment.loss.kd.temperature, 3);
  EXPECT_EQ(again.experiment.learning_rate, 0.002);
  EXPECT_EQ(again.experiment.seed, 4u);
  const Finished run(again);
  ASSERT_EQ(run.exit_code, 0) << run.err.str();
  EXPECT_NE(run.text.find("other than there: seed was 0 and is 4\n"),
            std::string::npos)
      << run.text;
  again.print_config = true;
  json first = json::parse(printed.out.str());
  json second = json::parse(Finished(again).out.str());
  EXPECT_EQ(first.erase("seed"), 1u);
  EXPECT_EQ(second.erase("seed"), 1u);
  EXPECT_EQ(first, second);
  // What could not run is no configuration.
  options_.experiment.labels = 321;
  EXPECT_EQ(Finished(options_).exit_code, 2);
}

// Set by the user where they change nothing.
TEST_F(DistillTest, FlagsThatDoNotApplyAreRefusedByName) {
  struct Case {
    std::string flag;
    std::function<void(DistillOptions&)> change;
  };
  const auto method = [](const char* name) {
    return [name](DistillOptions& o) { o.experiment.loss.method = name; };
  };
  const auto nothing = [](DistillOptions&) {};
  const Case cases[] = {
      {"temperature", method("at")},
      {"temperature", method("logit_mse")},
      {"temperature",
       [](DistillOptions& o) { o.experiment.loss.kd.alpha = 0; }},
      {"hint_weight", nothing},
      {"hint_weight", method("at")},
      {"attention_weight", nothing},
      {"dkd_target_weight", nothing},
      {"dkd_nontarget_weight", method("rkd")},
      {"rkd_angle_weight", nothing},
      {"rkd_distance_weight", method("dkd")},
      {"standardize_logits", method("fitnets")},
      {"momentum", nothing},
      {"transfer_set", nothing},
      {"share_teacher", nothing},
      {"checkpoint_every", nothing},
  };
  for (const Case& one : cases) {
    DistillOptions options = options_;
    one.change(options);
    options.given = {one.flag};
    const Finished run(options);
    EXPECT_EQ(run.exit_code, 2) << one.flag;
    EXPECT_EQ(run.text, "") << "it began";
    EXPECT_NE(run.err.str().find("--" + one.flag +
                                 " is given and would change"
                                 " nothing: "),
              std::string::npos)
        << run.err.str();
  }
  options_.given = {"temperature", "alpha", "seed"};
  EXPECT_EQ(Finished(options_).exit_code, 0);
}

TEST_F(DistillTest, MissingDataNamesTheFolder) {
  options_.data.data_dir = folder_.path() + "/nowhere";
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(
      run.result["message"].get<std::string>().find(options_.data.data_dir),
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
  EXPECT_EQ(run.text.find("\nstudent  "), std::string::npos);
}

// The rows of a CSV file without quotes, by the names of its first line.
std::vector<std::map<std::string, double>> Rows(const std::string& csv) {
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> names = absl::StrSplit(line, ',');
  std::vector<std::map<std::string, double>> rows;
  while (std::getline(lines, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ',');
    EXPECT_EQ(words.size(), names.size());
    rows.emplace_back();
    for (size_t i = 0; i < names.size(); ++i) {
      EXPECT_TRUE(absl::SimpleAtod(words.at(i), &rows.back()[names[i]]));
    }
  }
  return rows;
}

class OutputTest : public DistillTest {
 protected:
  OutputTest() {
    options_.experiment.teacher = "mlp:20";
    options_.experiment.student = "mlp:8";
    options_.output_dir = folder_.File("out/a");
  }
  std::string Left(const std::string& name) {
    return testing::ReadFile(options_.output_dir + "/" + name);
  }
};

TEST_F(OutputTest, ARunThatLeavesNothingSaysSo) {
  options_.output_dir = "";
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_NE(run.text.find("report:  none; "), std::string::npos) << run.text;
  EXPECT_TRUE(run.result["outputDir"].is_null());
}

TEST_F(OutputTest, LeavesItsFiles) {
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_EQ(ListFolder(options_.output_dir),
            "config.json, events.out.tfevents.distill, metrics.jsonl, "
            "predictions.csv, report.html, report.json, student.onnx, "
            "student.safetensors, "
            "teacher.safetensors");
  EXPECT_NE(run.text.find("report:  " + options_.output_dir + "/report.html\n"),
            std::string::npos)
      << run.text;
  EXPECT_EQ(run.result["outputDir"], options_.output_dir);
  EXPECT_TRUE(testing::IsWholePage(Left("report.html")));
  // All that was printed is there, and the metrics besides.
  json report = json::parse(Left("report.json"));
  for (const auto& [key, value] : run.result.items()) {
    EXPECT_EQ(report[key], value) << key;
  }
  EXPECT_EQ(report["data"]["test"]["images"], 100);
}

// A folder's name may be anything; a page may not.
TEST_F(OutputTest, APathThatIsNotUtf8LeavesAPageThatIs) {
  options_.output_dir = folder_.File("caf\xe9");
  ASSERT_EQ(Finished(options_).exit_code, 0);
  const std::string page = Left("report.html");
  EXPECT_EQ(page.find('\xe9'), std::string::npos);
  EXPECT_NE(page.find("caf\xEF\xBF\xBD"), std::string::npos);
}

TEST_F(OutputTest, TheOnnxFileIsWhatExportMakesOfTheStudent) {
  ASSERT_EQ(Finished(options_).exit_code, 0);
  const auto student = LoadModel(options_.output_dir + "/student.safetensors");
  ASSERT_TRUE(student.ok()) << student.status();
  EXPECT_EQ(Left("student.onnx"), OnnxFile(*student));
}

TEST_F(OutputTest, TheRegressorIsAFileOfItsOwn) {
  options_.experiment.teacher = "cnn:6,4";
  options_.experiment.student = "cnn:3";
  options_.experiment.loss.method = "fitnets";
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  const auto file =
      ReadSafeTensors(options_.output_dir + "/regressor.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tensors.size(), 2u);
  EXPECT_EQ(file->Find("weight")->shape, (std::vector<int64_t>{6, 3}));
  EXPECT_EQ(file->Find("bias")->shape, (std::vector<int64_t>{6}));
  EXPECT_TRUE(LoadModel(options_.output_dir + "/student.safetensors").ok());
}

// Runs that distil from the teacher of another.
class TeacherWeightsTest : public OutputTest {
 protected:
  TeacherWeightsTest() {
    options_.experiment.batch_size = 16;
    EXPECT_EQ(Finished(options_).exit_code, 0);
    path_ = options_.output_dir + "/teacher.safetensors";
    loaded_ = *LoadModel(path_);
    trained_ = json::parse(Left("report.json"));
    options_.output_dir = folder_.File("out/b");
    options_.teacher_files.from = {path_};
    options_.experiment.teacher = ExperimentOptions().teacher;
    options_.experiment.teacher_epochs = 1;
  }
  // The file, changed.
  void Write(const LoadedModel& model) {
    testing::WriteFile(path_,
                       *SerializeSafeTensors(ModelFile(
                           FrozenClassifier(model.model).State(), model.info)));
  }
  std::string path_;
  LoadedModel loaded_;
  json trained_;
};

TEST_F(TeacherWeightsTest, KeepWhatTheirFileSaysOfWhereTheyComeFrom) {
  loaded_.info.notes = {{"made_by", "somebody else"}, {"dataset", "theirs"}};
  Write(loaded_);
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_EQ(Left("teacher.safetensors"), testing::ReadFile(path_));
}

TEST_F(TeacherWeightsTest, GiveTheSameStudentAsTheTeacherThatTheyAreOf) {
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_NE(run.text.find("teacher: from " + path_), std::string::npos)
      << run.text;
  EXPECT_EQ(run.result["teacherModel"], "mlp:20");
  EXPECT_EQ(run.result["student"]["trainLoss"],
            trained_["student"]["trainLoss"]);
  EXPECT_EQ(run.result["teacher"]["testLoss"], trained_["teacher"]["testLoss"]);
  EXPECT_TRUE(run.result["teacher"]["trainLoss"].is_null());
  EXPECT_EQ(run.result["teacher"]["steps"], 0);
  EXPECT_TRUE(testing::IsWholePage(Left("report.html")));
  const auto copy = LoadModel(options_.output_dir + "/teacher.safetensors");
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->info.architecture, "mlp:20");
  const at::Tensor images = at::randn({2, 1, 28, 28});
  EXPECT_TRUE(
      at::equal(copy->model->Logits(images), loaded_.model->Logits(images)));
}

TEST_F(TeacherWeightsTest, OfAnotherNormalisationAreFedWhatTheyAreUsedTo) {
  // The same function of the pixels: images of twice the deviation, half a mean
  // further down, through weights of twice the size.
  Normalization& own = loaded_.info.normalization;
  const float shift = 0.5f * own.mean[0] / (2 * own.std[0]);
  own.mean[0] *= 1.5f;
  own.std[0] *= 2;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor weight = loaded_.model->parameter("fc1.weight");
    weight.mul_(2);
    loaded_.model->parameter("fc1.bias").add_(weight.sum(1), shift);
  }
  Write(loaded_);
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_NEAR(run.result["teacher"]["testLoss"].get<double>(),
              trained_["teacher"]["testLoss"].get<double>(), 2e-3);
  EXPECT_NEAR(LoadModel(options_.output_dir + "/teacher.safetensors")
                  ->info.normalization.mean[0],
              own.mean[0], 1e-7);
}

TEST_F(TeacherWeightsTest, AreNeverWrittenOver) {
  const std::string bytes = testing::ReadFile(path_);
  options_.overwrite = true;
  options_.output_dir = folder_.File("out/a");
  const Finished there(options_);
  EXPECT_EQ(there.exit_code, 1);
  EXPECT_NE(there.err.str().find("which is read and would be lost"),
            std::string::npos)
      << there.err.str();
  // By way of a link of another name.
  options_.output_dir = folder_.File("out/c");
  std::filesystem::create_directory(options_.output_dir);
  std::filesystem::create_symlink(path_, options_.output_dir + "/student.onnx");
  EXPECT_EQ(Finished(options_).exit_code, 1);
  EXPECT_EQ(testing::ReadFile(path_), bytes);
}

TEST_F(TeacherWeightsTest, OfClassesInAnotherOrderArePutRightAndSaid) {
  // Names and rows of classes 2 and 7 change places: the same model.
  ClassMatch swapped;
  for (int64_t i = 0; i < 10; ++i) swapped.order.push_back(i);
  std::swap(swapped.order[2], swapped.order[7]);
  ReorderClasses(swapped, &loaded_);
  ASSERT_EQ(loaded_.info.class_names[2], "7");
  Write(loaded_);
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_NE(run.text.find("in another order"), std::string::npos) << run.text;
  EXPECT_EQ(run.result["teacher"]["testLoss"], trained_["teacher"]["testLoss"]);
  EXPECT_EQ(run.result["student"]["trainLoss"],
            trained_["student"]["trainLoss"]);
}

TEST_F(TeacherWeightsTest, OneTeacherServesAllSeeds) {
  options_.seeds = 2;
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_NE(run.text.find("one for all seeds"), std::string::npos) << run.text;
  EXPECT_EQ(run.result["runs"][0]["teacher"]["testLoss"],
            run.result["runs"][1]["teacher"]["testLoss"]);
}

TEST_F(TeacherWeightsTest, ThatKnowNothingAreAnErrorBeforeAnythingIsTrained) {
  for (at::Tensor& parameter : loaded_.model->parameters()) {
    parameter.detach().zero_();
  }
  Write(loaded_);
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  const std::string message = run.result["message"];
  EXPECT_NE(message.find(path_ + ": found a teacher that gets 10.00 %"),
            std::string::npos)
      << message;
  EXPECT_EQ(run.text.find("student"), std::string::npos) << run.text;
}

TEST_F(TeacherWeightsTest, ForOtherImagesAreAnError) {
  Random random(1, "test");
  loaded_.info.classes = 3;
  loaded_.info.class_names = {"a", "b", "c"};
  loaded_.model = std::make_shared<Network>(
      *ParseModel("m", "mlp:20", {1, 28, 28}, 3), random);
  Write(loaded_);
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.err.str().find("have 10 classes; the model knows 3"),
            std::string::npos)
      << run.err.str();
}

TEST_F(TeacherWeightsTest, DoNotGoWithFlagsOfATrainingThatIsNot) {
  for (auto change :
       {+[](DistillOptions& o) { o.experiment.teacher = "mlp:21"; },
        +[](DistillOptions& o) { o.experiment.teacher_epochs = 3; },
        +[](DistillOptions& o) { o.experiment.teacher_dropout = 0.5; },
        +[](DistillOptions& o) { o.experiment.teacher_label_smoothing = 0.1; },
        +[](DistillOptions& o) { o.experiment.teacher_augment = "flip"; }}) {
    DistillOptions options = options_;
    change(options);
    const Finished run(options);
    EXPECT_EQ(run.exit_code, 2) << run.last;
    EXPECT_EQ(run.text, "") << "it began";
  }
  options_.experiment.teacher = "mlp:20";
  EXPECT_EQ(Finished(options_).exit_code, 0);
}

TEST_F(TeacherWeightsTest, AreNotExchangedWhileARunGoesOn) {
  ASSERT_EQ(Finished(options_).exit_code, 0);
  std::filesystem::remove(options_.output_dir + "/report.json");
  loaded_.info.notes["more"] = "other bytes";
  Write(loaded_);
  options_.resume = true;
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.err.str().find("teacherWeightsCrc32 was"), std::string::npos)
      << run.err.str();
}

TEST_F(OutputTest, ThePredictionsAreTheMetrics) {
  options_.seeds = 2;
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  const json metrics = json::parse(Left("report.json"))["metrics"];
  const auto rows = Rows(Left("predictions.csv"));
  ASSERT_EQ(rows.size(), 100u);
  for (const std::string who : {"teacher", "student", "control"}) {
    int errors = 0, agreed = 0;
    double nll = 0;
    std::vector<std::vector<int>> confusion(10, std::vector<int>(10));
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::map<std::string, double>& row = rows[i];
      EXPECT_EQ(row.at("index"), i);
      EXPECT_EQ(row.at("label"), i % 10);  // As ToyDataset has it.
      const bool right = row.at(who) == row.at("label");
      errors += right ? 0 : 1;
      agreed += row.at(who) == row.at("teacher") ? 1 : 0;
      nll -= std::log(row.at(who + "_label_probability"));
      ++confusion[i % 10][static_cast<size_t>(row.at(who))];
      EXPECT_EQ(
          row.at(who + "_probability") == row.at(who + "_label_probability"),
          right);
      EXPECT_GE(row.at(who + "_probability"), 0.1);
      EXPECT_LE(row.at(who + "_probability"), 1);
    }
    EXPECT_EQ(metrics[who]["testErrors"], errors) << who;
    EXPECT_EQ(run.result["runs"][0][who]["testErrors"], errors) << who;
    EXPECT_EQ(metrics[who]["confusion"], confusion) << who;
    // The probabilities have nine digits.
    EXPECT_NEAR(metrics[who]["nll"].get<double>(), nll / 100, 1e-8) << who;
    if (who != "teacher") {
      EXPECT_EQ(metrics[who]["agreed"], agreed) << who;
    }
  }
}

TEST_F(OutputTest, WithoutAControlItsPartsAreLeftOut) {
  options_.experiment.control = false;
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_TRUE(testing::IsWholePage(Left("report.html")));
  EXPECT_FALSE(json::parse(Left("report.json"))["metrics"].contains("control"));
  EXPECT_EQ(Left("predictions.csv").find("control"), std::string::npos);
  EXPECT_EQ(Left("metrics.jsonl").find("control"), std::string::npos);
}

TEST_F(OutputTest, AnEarlierReportIsReplacedOnlyIfAsked) {
  testing::WriteFile(options_.output_dir + "/report.json", "precious");
  const Finished refused(options_);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.text, "") << "it trained";
  EXPECT_NE(refused.err.str().find(options_.output_dir + "/report.json"),
            std::string::npos)
      << refused.err.str();
  EXPECT_NE(refused.err.str().find("--overwrite"), std::string::npos);
  EXPECT_EQ(Left("report.json"), "precious");
  options_.overwrite = true;
  EXPECT_EQ(Finished(options_).exit_code, 0);
  EXPECT_TRUE(json::accept(Left("report.json")));
}

// Comparing configurations ran out of stack.
TEST_F(OutputTest, AConfigurationThatIsNestedWithoutEndIsDamaged) {
  options_.resume = true;
  for (const int depth : {40, 1'000'000}) {
    testing::WriteFile(
        options_.output_dir + "/config.json",
        "{\"seed\":" + std::string(depth, '[') + std::string(depth, ']') + "}");
    const Finished run(options_);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_NE(run.err.str().find("config.json: found a run of another "
                                 "configuration: the file is damaged"),
              std::string::npos)
        << run.err.str();
  }
}

TEST_F(OutputTest, AFolderThatCannotBeMadeIsAnErrorBeforeTraining) {
  testing::WriteFile(folder_.File("out"), "a file");
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.text, "") << "it trained";
  EXPECT_NE(run.err.str().find(options_.output_dir + ": found"),
            std::string::npos)
      << run.err.str();
}

// Each name that a run will write, with something of the user's under it.
TEST_F(OutputTest, AUsersFilesAreNotWrittenOver) {
  for (const char* name :
       {"student.onnx", "student.safetensors", "teacher.safetensors",
        "report.html", "metrics.jsonl", "predictions.csv", "config.json",
        "report.json", "checkpoint"}) {
    options_.output_dir = folder_.File(std::string("of ") + name);
    testing::WriteFile(options_.output_dir + "/" + name, "mine");
    const Finished run(options_);
    EXPECT_EQ(run.exit_code, 1) << name;
    EXPECT_EQ(run.text, "") << "it trained";
    EXPECT_NE(run.err.str().find(options_.output_dir + "/" + name),
              std::string::npos)
        << run.err.str();
    EXPECT_EQ(Left(name), "mine");
    EXPECT_EQ(ListFolder(options_.output_dir), name);
  }
}

TEST_F(OutputTest, OverwritingReplacesTheRunsOwnNamesAndNothingElse) {
  testing::WriteFile(options_.output_dir + "/student.onnx", "mine");
  testing::WriteFile(options_.output_dir + "/notes.txt", "mine");
  testing::WriteFile(options_.output_dir + "/checkpoint/notes.txt", "mine");
  // Names that begin as the program's own do.
  for (const char* name : {"results.csv", "seed-list.safetensors",
                           "running-shoes.safetensors", "results-begun.txt"}) {
    testing::WriteFile(options_.output_dir + "/checkpoint/" + name, "mine");
  }
  // And such as it leaves behind when it is killed.
  for (const char* name : {"seed-0-teacher.safetensors", "results-begun",
                           "running-a.safetensors.part123"}) {
    testing::WriteFile(options_.output_dir + "/checkpoint/" + name, "old");
  }
  options_.overwrite = true;
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0) << run.err.str();
  EXPECT_NE(Left("student.onnx"), "mine");
  EXPECT_EQ(Left("notes.txt"), "mine");
  EXPECT_EQ(Left("checkpoint/notes.txt"), "mine");
  EXPECT_EQ(ListFolder(options_.output_dir + "/checkpoint"),
            "notes.txt, results-begun.txt, results.csv, "
            "running-shoes.safetensors, seed-list.safetensors");
}

TEST_F(OutputTest, AFileThatAppearsBeforeARunGoesOnIsNotWrittenOver) {
  ASSERT_EQ(Finished(options_).exit_code, 0);
  // As a run that was stopped leaves its folder.
  const std::string config = Left("config.json");
  options_.output_dir = folder_.File("stopped");
  testing::WriteFile(options_.output_dir + "/config.json", config);
  testing::WriteFile(options_.output_dir + "/report.html", "mine");
  options_.resume = true;
  const Finished run(options_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.err.str().find("/report.html: found something that this run "
                               "has not written"),
            std::string::npos)
      << run.err.str();
  EXPECT_EQ(Left("report.html"), "mine");
  std::filesystem::remove(options_.output_dir + "/report.html");
  EXPECT_EQ(Finished(options_).exit_code, 0);
}

TEST_F(OutputTest, WhatIsNoFileIsNotWrittenOverEvenIfAsked) {
  options_.overwrite = true;
  for (const char* name : {"report.html", "report.json", "config.json"}) {
    options_.output_dir = folder_.File(std::string("of ") + name);
    const std::string inside = options_.output_dir + "/" + name + "/precious";
    testing::WriteFile(inside, "mine");
    const Finished run(options_);
    EXPECT_EQ(run.exit_code, 1) << name;
    EXPECT_EQ(run.text, "") << "it trained";
    EXPECT_NE(run.err.str().find("found a folder"), std::string::npos)
        << run.err.str();
    EXPECT_EQ(testing::ReadFile(inside), "mine");
  }
}

// What appears in a file's place after the look that comes before training.
TEST_F(OutputTest, WhatCannotBeWrittenInTheEndLosesNoResult) {
  ConsoleOptions console;
  console.now = [this] {
    testing::WriteFile(options_.output_dir + "/report.html/a", "");
    return 0.;
  };
  std::ostringstream out, err;
  EXPECT_EQ(RunDistill(options_, out, err, console), 1);
  const std::vector<std::string> lines =
      absl::StrSplit(out.str(), '\n', absl::SkipEmpty());
  const json result = json::parse(lines.back());
  EXPECT_EQ(result["status"], "error");
  const std::string message = result["message"];
  EXPECT_NE(message.find("/report.html: found"), std::string::npos) << message;
  EXPECT_NE(err.str().find(message), std::string::npos);
  EXPECT_EQ(result["student"]["testImages"], 100);
  EXPECT_NE(out.str().find("One seed proves nothing"), std::string::npos);
}

TEST_F(DistillTest, WithoutAFolderForItThereIsNoReport) {
  const Finished run(options_);
  ASSERT_EQ(run.exit_code, 0);
  EXPECT_TRUE(run.result["outputDir"].is_null());
  EXPECT_EQ(run.text.find(".html"), std::string::npos);
}

TEST_F(DistillTest, OnATerminalTheLastLineHasNoMoreThanPeopleRead) {
  ConsoleOptions console;
  console.wrap = console.brief = console.terminal = console.color = true;
  std::ostringstream out, err;
  ASSERT_EQ(RunDistill(options_, out, err, console), 0);
  const std::vector<std::string> lines =
      absl::StrSplit(out.str(), '\n', absl::SkipEmpty());
  const json result = json::parse(lines.back());
  EXPECT_EQ(result.size(), 3u) << lines.back();
  EXPECT_EQ(result["status"], "success");
  EXPECT_GT(result["finalLoss"], 0);
  for (const std::string& line : lines) {
    if (line != lines.back()) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
}

TEST_F(DistillTest, QuietIsTheLastLineAlone) {
  ConsoleOptions console;
  console.quiet = true;
  std::ostringstream out, err;
  ASSERT_EQ(RunDistill(options_, out, err, console), 0);
  EXPECT_EQ(out.str().find('\n'), out.str().size() - 1) << out.str();
  EXPECT_EQ(json::parse(out.str())["control"]["parameters"],
            json::parse(out.str())["student"]["parameters"]);
  EXPECT_EQ(err.str(), "");
}

TEST_F(DistillTest, NamesACommandToTryNext) {
  options_.given = {"teacher_epochs"};
  const Finished run(options_);
  EXPECT_NE(run.text.find("next:    distill --teacher_epochs="),
            std::string::npos)
      << run.text;
  EXPECT_NE(run.text.find(" --seeds=5"), std::string::npos) << run.text;
  // A path with a blank and a quote is one word of the shell's.
  testing::TempFolder parent;
  const std::string folder = parent.File("it's mine");
  options_.given = {"data_dir"};
  std::filesystem::copy(options_.data.data_dir, folder);
  options_.data.data_dir = folder;
  const Finished quoted(options_);
  EXPECT_NE(quoted.text.find("/it'\\''s mine' "), std::string::npos)
      << quoted.text;
}

TEST(EndWithErrorTest, OnATerminalTheMessageIsThereOnce) {
  std::ostringstream out, err;
  EndWithError("distill", absl::NotFoundError("no file"), out, err,
               /*brief=*/true);
  EXPECT_EQ(err.str(), "distill: no file\n");
  EXPECT_EQ(out.str(), "{\"status\":\"error\"}\n");
}

TEST(EndWithErrorTest, APathThatIsNotUtf8StillGivesJson) {
  std::ostringstream out, err;
  EXPECT_EQ(EndWithError("distill", absl::NotFoundError("no file /tmp/\xff"),
                         out, err),
            1);
  EXPECT_EQ(json::parse(out.str())["status"], "error");
}

}  // namespace
}  // namespace distill
