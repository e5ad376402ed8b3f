#include "cli/sweep.h"

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/distill.h"
#include "cli/run_log.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/html.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::ReadFile;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A run in process, and what it left.
struct Finished {
  explicit Finished(const SweepArguments& arguments) {
    exit_code = RunSweepProgram(arguments, out, err, ConsoleOptions());
    result = json::parse(LinesOf(out.str()).back(), nullptr,
                         /*allow_exceptions=*/false);
  }
  std::ostringstream out, err;
  int exit_code;
  json result;
};

class SweepProgramTest : public ::testing::Test {
 protected:
  SweepProgramTest() {
    testing::ToyOptions toy;
    toy.count = 320;
    toy.image.height = toy.image.width = 8;
    toy.noise = 0.5;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File("data"));
    toy.count = 100;
    toy.seed = 2;
    toy.split = Split::kTest;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File("data"));
    arguments_.compute.device = "cpu";
    arguments_.data.data_dir = folder_.File("data");
    arguments_.experiment.teacher = "cnn:4,fc16";
    arguments_.experiment.student = "cnn:2";
    arguments_.experiment.batch_size = 32;
    arguments_.experiment.teacher_epochs = 4;
    arguments_.experiment.validation = 100;
    arguments_.labels = {40, 0};
    arguments_.temperatures = {1, 4};
    arguments_.alphas = {0.9};
    arguments_.seeds = 2;
    arguments_.output_dir = folder_.File("out");
  }
  std::string Out(const std::string& file) const {
    return arguments_.output_dir + "/" + file;
  }
  testing::TempFolder folder_;
  SweepArguments arguments_;
};

TEST_F(SweepProgramTest, LeavesItsFilesAndEndsWithTheResultAsJson) {
  const Finished run(arguments_);
  ASSERT_EQ(run.exit_code, 0) << run.out.str() << run.err.str();
  EXPECT_EQ(run.result["status"], "success");
  EXPECT_EQ(run.result["cells"], 4);
  EXPECT_EQ(run.result["validationImages"], 100);
  ASSERT_EQ(run.result["chosen"].size(), 2u);
  EXPECT_EQ(run.result["chosen"][0]["labels"], 40);
  EXPECT_EQ(run.result["chosen"][1]["labels"], 220);
  EXPECT_GT(run.result["chosen"][0]["testAccuracy"]["mean"], 0);
  EXPECT_EQ(LinesOf(ReadFile(Out("runs.jsonl"))).size(), 8u);
  EXPECT_EQ(LinesOf(ReadFile(Out("sweep.csv"))).size(), 5u);
  EXPECT_TRUE(testing::IsWholePage(ReadFile(Out("sweep.html"))));
  EXPECT_TRUE(Contains(run.out.str(), "220 labels: T="));
}

// As a process leaves it that is killed after any run, or in the middle of
// writing any line.
TEST_F(SweepProgramTest, StoppedAnywhereItGoesOnToTheSameBytes) {
  ASSERT_EQ(Finished(arguments_).exit_code, 0);
  const std::string csv = ReadFile(Out("sweep.csv"));
  const std::string page = ReadFile(Out("sweep.html"));
  const std::string runs = ReadFile(Out("runs.jsonl"));
  const std::vector<std::string> lines = LinesOf(runs);
  std::string kept;
  for (size_t count = 0; count <= lines.size(); ++count) {
    for (const bool torn : {false, true}) {
      if (torn && count == lines.size()) continue;
      arguments_.output_dir =
          folder_.File("stopped" + std::to_string(2 * count + (torn ? 1 : 0)));
      testing::WriteFile(
          Out("runs.jsonl"),
          torn ? kept + lines[count].substr(0, lines[count].size() / 2) : kept);
      const Finished resumed(arguments_);
      ASSERT_EQ(resumed.exit_code, 0) << resumed.err.str();
      EXPECT_EQ(ReadFile(Out("sweep.csv")), csv);
      EXPECT_EQ(ReadFile(Out("sweep.html")), page);
      EXPECT_EQ(LinesOf(ReadFile(Out("runs.jsonl"))).size(), lines.size());
      EXPECT_EQ(Contains(resumed.out.str(), "torn: "), torn);
      EXPECT_EQ(Contains(resumed.out.str(),
                         "taken over: " + std::to_string(count) + " of 8 runs"),
                count > 0)
          << resumed.out.str();
    }
    if (count < lines.size()) kept += lines[count] + "\n";
  }
}

TEST_F(SweepProgramTest, ATeacherFromAFileTeachesAllCells) {
  DistillOptions distill;
  distill.compute = arguments_.compute;
  distill.data = arguments_.data;
  distill.experiment = arguments_.experiment;
  distill.experiment.control = false;
  distill.output_dir = folder_.File("one");
  std::ostringstream out, err;
  ASSERT_EQ(RunDistill(distill, out, err, ConsoleOptions()), 0) << out.str();

  arguments_.experiment.teacher_epochs = 1;
  arguments_.teacher_files.from = {folder_.File("one/teacher.safetensors")};
  const Finished taught(arguments_);
  ASSERT_EQ(taught.exit_code, 0) << taught.err.str();
  EXPECT_EQ(taught.result["teacherWeightsCrc32"].get<std::string>().size(), 8);
  EXPECT_EQ(taught.result["teacherModel"], arguments_.experiment.teacher);
  EXPECT_FALSE(Contains(taught.out.str(), "teacher: training"));

  // Another file is another sweep.
  distill.experiment.seed += 1;
  distill.output_dir = folder_.File("two");
  ASSERT_EQ(RunDistill(distill, out, err, ConsoleOptions()), 0) << out.str();
  arguments_.teacher_files.from = {folder_.File("two/teacher.safetensors")};
  const Finished other(arguments_);
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_TRUE(Contains(other.out.str(), "teacherWeightsCrc32"))
      << other.out.str();
}

TEST_F(SweepProgramTest, RunsOfAnotherConfigurationAreRefusedWithWhatDiffers) {
  ASSERT_EQ(Finished(arguments_).exit_code, 0);
  const std::string runs = ReadFile(Out("runs.jsonl"));
  arguments_.experiment.learning_rate = 0.005;
  arguments_.experiment.student = "cnn:3";
  const Finished other(arguments_);
  EXPECT_EQ(other.exit_code, 1);
  const std::string message = other.result["message"];
  EXPECT_TRUE(Contains(message, "learningRate was 0.01 and is 0.005"))
      << message;
  EXPECT_TRUE(Contains(message, "studentModel was \"cnn:2\" and is \"cnn:3\""));
  EXPECT_FALSE(Contains(message, "teacherModel")) << message;
  EXPECT_TRUE(Contains(message, "another --output_dir"));
  EXPECT_EQ(ReadFile(Out("runs.jsonl")), runs) << "nothing is touched";
}

TEST_F(SweepProgramTest, OtherDataIsAnotherConfiguration) {
  ASSERT_EQ(Finished(arguments_).exit_code, 0);
  const std::string path = folder_.File("data/t10k-labels-idx1-ubyte");
  std::string labels = ReadFile(path);
  labels.back() = 0;
  testing::WriteFile(path, labels);
  const Finished other(arguments_);
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_TRUE(Contains(other.result["message"], "testLabelsCrc32"));
}

TEST_F(SweepProgramTest, ALineThatIsNoRunIsNamed) {
  ASSERT_EQ(Finished(arguments_).exit_code, 0);
  std::vector<std::string> lines = LinesOf(ReadFile(Out("runs.jsonl")));
  testing::WriteFile(Out("runs.jsonl"),
                     lines[0] + "\nnonsense\n" + lines[1] + "\n");
  const Finished broken(arguments_);
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_TRUE(Contains(broken.result["message"], "found in line 2 no run"))
      << broken.result;
}

TEST_F(SweepProgramTest, TwoInOneFolderAreOneTooMany) {
  testing::WriteFile(Out("runs.jsonl"), "");
  const auto log = RunLog::Open(arguments_.output_dir, {});
  ASSERT_TRUE(log.ok()) << log.status();
  const Finished second(arguments_);
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_TRUE(Contains(second.result["message"], "another run at work"));
}

TEST_F(SweepProgramTest, MoreLabelsThanImagesAreRefusedAsInDistill) {
  arguments_.labels = {40, 60000};
  const Finished run(arguments_);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_TRUE(Contains(run.result["message"],
                       "--labels has 60000; it must be from 1 to 220"))
      << run.result;
}

TEST_F(SweepProgramTest, EveryCellIsCheckedBeforeTheFirstRuns) {
  // A student without maps, which only the second method needs.
  arguments_.experiment.student = "mlp:8";
  arguments_.methods = {"kd", "at"};
  const Finished run(arguments_);
  EXPECT_EQ(run.exit_code, 2) << run.result;
  EXPECT_FALSE(Contains(run.out.str(), "test images  ")) << run.out.str();
  EXPECT_EQ(ReadFile(Out("runs.jsonl")), "");
}

TEST_F(SweepProgramTest, AMethodWithoutATemperatureRunsOnceAndNotForEach) {
  arguments_.labels = {0};
  arguments_.methods = {"kd", "logit_mse"};
  const Finished run(arguments_);
  ASSERT_EQ(run.exit_code, 0) << run.err.str();
  EXPECT_EQ(run.result["cells"], 3);
  EXPECT_TRUE(Contains(run.out.str(), "logit_mse, alpha=0.9")) << run.out.str();
}

TEST_F(SweepProgramTest, AUsersFilesAreNotWrittenOver) {
  for (const char* name : {"sweep.csv", "sweep.html", "runs.jsonl"}) {
    arguments_.output_dir = folder_.File(std::string("of ") + name);
    testing::WriteFile(Out(name), "mine");
    const Finished run(arguments_);
    EXPECT_EQ(run.exit_code, 1) << name;
    EXPECT_TRUE(Contains(run.result["message"], Out(name))) << run.result;
    EXPECT_EQ(ReadFile(Out(name)), "mine");
  }
}

TEST_F(SweepProgramTest, TheDataAreNeverWrittenOver) {
  const std::string data = folder_.File("data/train-images-idx3-ubyte");
  const std::string bytes = ReadFile(data);
  std::filesystem::create_directory(arguments_.output_dir);
  std::filesystem::create_symlink(data, Out("sweep.csv"));
  const Finished run(arguments_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_TRUE(
      Contains(run.result["message"], "which is read and would be lost"))
      << run.result;
  EXPECT_TRUE(ReadFile(data) == bytes);
}

TEST_F(SweepProgramTest, WithoutValidationImagesItDoesNotChoose) {
  arguments_.experiment.validation = 0;
  const Finished run(arguments_);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_TRUE(Contains(run.result["message"], "--validation is 0"));
  EXPECT_TRUE(Contains(run.result["message"], "If the test set chose"));
}

TEST_F(SweepProgramTest, WrongArgumentsAreExitCodeTwo) {
  const SweepArguments good = arguments_;
  for (auto change : {+[](SweepArguments& a) { a.temperatures = {}; },
                      +[](SweepArguments& a) { a.temperatures = {0}; },
                      +[](SweepArguments& a) {
                        a.alphas = {0.1, 0.1};
                      },
                      +[](SweepArguments& a) {
                        a.labels = {0, 220};
                      },
                      +[](SweepArguments& a) {
                        a.labels = {40, 60000};
                      },
                      +[](SweepArguments& a) {
                        a.methods = {"kd", "fsp"};
                      },
                      +[](SweepArguments& a) { a.seeds = 0; },
                      +[](SweepArguments& a) { a.output_dir = ""; },
                      +[](SweepArguments& a) { a.compute.device = "tpu"; }}) {
    SweepArguments arguments = good;
    change(arguments);
    const Finished run(arguments);
    EXPECT_EQ(run.exit_code, 2) << run.out.str();
    EXPECT_EQ(run.result["status"], "error");
  }
}

TEST_F(SweepProgramTest, AFileThatIsNoLogIsSaidInPlainWords) {
  std::filesystem::create_directory(folder_.File("out"));
  testing::WriteFile(Out("runs.jsonl"), "mine\n");
  const Finished run(arguments_);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_TRUE(Contains(run.result["message"], "(it is no JSON object)"))
      << run.result;
  EXPECT_EQ(ReadFile(Out("runs.jsonl")), "mine\n");
}

TEST(SweepBinaryTest, HelpListsItsOwnFlagsAndThoseOfTheExperiment) {
  const auto result = testing::RunInShell(
      "'" + testing::ProgramPath("cli/sweep") + "' --help=all");
  EXPECT_EQ(result.exit_code, 0);
  for (const char* flag :
       {"--temperature=1,2,4,8", "--validation=5000", "--seeds=5",
        "--output_dir=sweep_out", "--device=cuda", "--student=cnn:16"}) {
    EXPECT_TRUE(Contains(result.out, flag)) << flag;
  }
  EXPECT_FALSE(Contains(result.out, "--share_teacher")) << "distill's alone";
}

}  // namespace
}  // namespace distill
