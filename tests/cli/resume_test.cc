// The program killed at any moment, and gone on with.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "base/files.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "models/weights.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"
#include "tests/testing/script.h"

namespace distill {
namespace {

using Seconds = std::chrono::duration<double>;
using testing::ProcessResult;
using testing::RunInShell;

class ResumeTest : public ::testing::Test {
 protected:
  ResumeTest() {
    testing::ToyOptions toy;
    toy.count = 400;
    testing::WriteDataset(*testing::ToyDataset(toy), Data());
    toy.seed = 2;
    toy.split = Split::kTest;
    testing::WriteDataset(*testing::ToyDataset(toy), Data());
  }
  std::string Data() const { return folder_.File("data"); }

  std::vector<std::string> Arguments(const std::string& out) const {
    std::vector<std::string> arguments = {testing::ProgramPath("cli/distill"),
                                          "--device=cpu",
                                          "--data_dir=" + Data(),
                                          "--batch_size=16",
                                          "--learning_rate=0.002",
                                          "--student_epochs=3",
                                          "--augment=shift:1,flip",
                                          "--checkpoint_every=3",
                                          "--output_dir=" + folder_.File(out)};
    arguments.insert(arguments.end(), more_.begin(), more_.end());
    return arguments;
  }
  ProcessResult Run(const std::string& out, const std::string& more) const {
    std::string command;
    for (const std::string& argument : Arguments(out)) {
      command += "'" + argument + "' ";
    }
    return RunInShell(command + more + " 2>&1");
  }

  // Starts the program, sends it a signal when `wait` returns, and waits for
  // its end. Returns what waitpid() says.
  int RunAndSignal(const std::string& out, const std::string& more,
                   const std::function<void()>& wait, int signal) const {
    std::vector<std::string> arguments = Arguments(out);
    arguments.push_back(more);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string log = folder_.File("log");
    const pid_t child = fork();
    if (child == 0) {
      if (freopen(log.c_str(), "w", stdout) == nullptr) _exit(99);
      if (freopen(log.c_str(), "w", stderr) == nullptr) _exit(99);
      execv(argv[0], argv.data());
      _exit(99);
    }
    wait();
    kill(child, signal);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }
  std::string File(const std::string& out, const std::string& name) const {
    const auto contents = ReadFile(folder_.File(out) + "/" + name);
    EXPECT_TRUE(contents.ok()) << contents.status();
    return contents.ok() ? *contents : "";
  }
  // Whether that run is over: its report is the last thing that is written.
  bool IsOver(const std::string& out) const {
    return std::filesystem::exists(folder_.File(out) + "/report.json");
  }

  // Kills runs at `moments` moments of a whole one's time and goes on with
  // them: they must end with its bytes of `files`.
  void KillAndResume(int moments, const std::vector<std::string>& files);

  std::vector<std::string> more_;  // Of all runs.
  testing::TempFolder folder_;
};

void ResumeTest::KillAndResume(int moments,
                               const std::vector<std::string>& files) {
  const auto start = std::chrono::steady_clock::now();
  const ProcessResult whole = Run("whole", "");
  const Seconds duration = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(whole.exit_code, 0) << whole.out;
  EXPECT_FALSE(std::filesystem::exists(folder_.File("whole") + "/checkpoint"))
      << "a finished run still has its training states";

  Random random(4, "moments");
  int killed = 0, runs = 0;
  for (; killed < moments && runs < 10 * moments; ++runs) {
    const std::string out = "run" + std::to_string(killed / 4);
    if (IsOver(out)) {
      // It came to its end between two kills: begin again.
      std::filesystem::remove_all(folder_.File(out));
    }
    const Seconds moment = duration * random.Uniform();
    const int status = RunAndSignal(
        out, "--resume", [&] { std::this_thread::sleep_for(moment); }, SIGKILL);
    if (WIFSIGNALED(status)) ++killed;
  }
  ASSERT_EQ(killed, moments) << "of " << runs << " runs";
  for (int i = 0; i < moments / 4; ++i) {
    const std::string out = "run" + std::to_string(i);
    if (!IsOver(out)) {
      const ProcessResult end = Run(out, "--resume");
      ASSERT_EQ(end.exit_code, 0) << end.out;
    }
    for (const std::string& file : files) {
      EXPECT_TRUE(File(out, file) == File("whole", file)) << file << ", " << i;
    }
  }
}

TEST_F(ResumeTest, KilledAtTwentyMomentsItEndsWithTheSameBytes) {
  more_ = {"--teacher_epochs=2", "--teacher_dropout=0.2"};
  KillAndResume(20, {"teacher.safetensors", "student.safetensors"});
  ASSERT_TRUE(LoadModel(folder_.File("whole") + "/student.safetensors").ok());
}

// Running statistics, and in bfloat16 where the machine has it.
TEST_F(ResumeTest, WithBatchNormToo) {
  more_ = {"--teacher=cnn:8b", "--student=resnet:1x4,1x8",
           "--learning_rate=0.01"};
  KillAndResume(8, {"teacher.safetensors", "student.safetensors",
                    "predictions.csv", "student.onnx"});
}

// From inside the training in simulated 8 bits, too.
TEST_F(ResumeTest, WithTrainingForBytesToo) {
  more_ = {"--teacher=cnn:8b", "--student=resnet:1x4,1x8",
           "--learning_rate=0.01", "--quantize=int8", "--quantize_from=0.4"};
  KillAndResume(6, {"student.safetensors", "predictions.csv", "student.onnx"});
}

// With batch norm and dropout, whose masks come from LibTorch's generator.
TEST_F(ResumeTest, WithModelsOfOthersToo) {
  const std::string student = testing::WriteFile(
      folder_.File("student.pt"),
      testing::ScriptBytes(
          R"(
def forward(self, x):
    y = torch.linear(x.flatten(1), self.weight)
    y = torch.batch_norm(y, None, None, self.mean, self.variance, self.training,
                         0.1, 1e-5, False)
    y = torch.dropout(torch.relu(y), 0.3, self.training)
    return torch.linear(y, self.last)
)",
          {{"weight", at::linspace(-0.1, 0.1, 32 * 784).view({32, 784}).sin()},
           {"last", at::linspace(-9, 9, 320).view({10, 32}).sin() * 0.1}},
          {{"mean", at::zeros({32})}, {"variance", at::ones({32})}}));
  more_ = {"--teacher_epochs=2"};
  ASSERT_EQ(Run("teachers", "").exit_code, 0);
  const std::string teacher = folder_.File("teachers") + "/teacher.safetensors";
  const std::string other = folder_.File("teachers") + "/student.safetensors";
  more_ = {"--teacher_from=" + teacher + "," + other,
           "--student_from=" + student, "--trust_student_code"};
  KillAndResume(8, {"student.safetensors", "predictions.csv"});
}

TEST_F(ResumeTest, ASignalEndsItWithItsStateKept) {
  const std::pair<int, int> cases[] = {{SIGINT, 130}, {SIGTERM, 143}};
  for (const auto& [signal, code] : cases) {
    const std::string out = "stopped" + std::to_string(code);
    // The student has begun, and has more epochs than any machine trains in the
    // meantime.
    const std::string state =
        folder_.File(out) + "/checkpoint/running-a.safetensors";
    const auto student_learns = [&state] {
      const auto bytes = ReadFile(state);
      return bytes.ok() && absl::StrContains(*bytes, "seed 0, student");
    };
    const int status = RunAndSignal(
        out, "--student_epochs=100000",
        [&] {
          while (!student_learns()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
          }
        },
        signal);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), code);
    const std::string log = *ReadFile(folder_.File("log"));
    EXPECT_NE(log.find("\"message\":\"interrupted in the student's training, "
                       "after step "),
              std::string::npos)
        << log;
    EXPECT_NE(log.find("--resume goes on\"}"), std::string::npos) << log;
    EXPECT_FALSE(IsOver(out));
  }
}

TEST_F(ResumeTest, OnlyTheSameRunIsGoneOnWith) {
  const ProcessResult first = Run("out", "--resume --checkpoint_every=5");
  ASSERT_EQ(first.exit_code, 0) << first.out;
  const ProcessResult again = Run("out", "");
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_NE(again.out.find("found a finished run"), std::string::npos)
      << again.out;
  // As if it had been stopped before its last file.
  std::filesystem::remove(folder_.File("out") + "/report.json");
  const ProcessResult unfinished = Run("out", "");
  EXPECT_EQ(unfinished.exit_code, 1);
  EXPECT_NE(unfinished.out.find("not finished"), std::string::npos);
  EXPECT_NE(unfinished.out.find("--resume"), std::string::npos);
  const ProcessResult other = Run("out", "--resume --temperature=4 --seed=3");
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_NE(other.out.find("seed was 0 and is 3; temperature was 5.0 and is "
                           "4.0"),
            std::string::npos)
      << other.out;
  const ProcessResult overwritten =
      Run("out", "--overwrite --temperature=4 --seed=3");
  EXPECT_EQ(overwritten.exit_code, 0) << overwritten.out;
  EXPECT_EQ(Run("", "--resume --output_dir=").exit_code, 2);
}

TEST_F(ResumeTest, TwoRunsInOneFolderAreOneTooMany) {
  const std::string lock = "flock '" + folder_.File("out") + "' ";
  std::filesystem::create_directories(folder_.File("out"));
  std::string command = lock + "sh -c \"";
  for (const std::string& argument : Arguments("out")) {
    command += "'" + argument + "' ";
  }
  const ProcessResult refused = RunInShell(command + "2>&1\"");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.out.find("found another run at work in it"),
            std::string::npos)
      << refused.out;
}

}  // namespace
}  // namespace distill
