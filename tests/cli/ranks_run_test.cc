// distill as several processes: bazel test --config=mpi
// //tests/cli:ranks_run_test
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"
#include "tests/testing/script.h"
#include "training/world.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::ProcessResult;
using testing::RunInShell;

class RanksRunTest : public ::testing::Test {
 protected:
  RanksRunTest() {
    testing::ToyOptions toy;
    toy.count = 410;  // The last batch is short, and of some ranks empty.
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File("data"));
    toy.count = 100;
    toy.seed = 2;
    toy.split = Split::kTest;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File("data"));
  }

  std::string Program(const std::string& more) const {
    return absl::StrCat("'", testing::ProgramPath("cli/distill"),
                        "' --device=cpu --precision=f32 --threads=1 "
                        "--batch_size=16 --learning_rate=0.002 "
                        "--teacher_epochs=2 --json '--data_dir=",
                        folder_.File("data"), "' ", more, " ");
  }
  static std::string MpiRun(int ranks) {
    return absl::StrCat("mpirun --allow-run-as-root --oversubscribe -np ",
                        ranks, " ");
  }
  ProcessResult Run(int ranks, const std::string& more) const {
    return RunInShell(MpiRun(ranks) + Program(more) + "2>&1");
  }
  std::string Student(const std::string& out) const {
    return testing::ReadFile(folder_.File(out) + "/student.safetensors");
  }
  std::string Out(const std::string& out) const {
    return absl::StrCat("'--output_dir=", folder_.File(out), "' ");
  }

  testing::TempFolder folder_;
};

TEST_F(RanksRunTest, WithoutMpiOneOfSeveralIsRefused) {
  if (BuiltWithMpi()) GTEST_SKIP() << "built with MPI";
  for (const char* variable :
       {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const ProcessResult run =
        RunInShell(absl::StrCat(variable, "=8 ", Program(""), "2>&1"));
    EXPECT_EQ(run.exit_code, 1) << run.out;
    EXPECT_TRUE(absl::StrContains(run.out, "--config=mpi")) << run.out;
    EXPECT_TRUE(absl::StrContains(run.out, variable)) << run.out;
  }
  EXPECT_EQ(RunInShell(absl::StrCat("OMPI_COMM_WORLD_SIZE=1 ",
                                    Program("--print_config"), "2>&1"))
                .exit_code,
            0);
}

class MpiTest : public RanksRunTest {
 protected:
  void SetUp() override {
    if (!BuiltWithMpi()) GTEST_SKIP() << "built without MPI (--config=mpi)";
    ASSERT_EQ(RunInShell("command -v mpirun").exit_code, 0);
  }
};

TEST_F(MpiTest, SeveralTrainWhatOneTrains) {
  json one;
  for (const int ranks : {1, 2, 3, 4}) {
    const ProcessResult run =
        Run(ranks, Out(absl::StrCat("a", ranks)) + "--student_epochs=2");
    ASSERT_EQ(run.exit_code, 0) << run.out;
    const json result = json::parse(run.LastLine());
    if (ranks == 1) one = result;
    for (const char* stage : {"teacher", "student", "control"}) {
      // Sums of 16 float32 gradients in another order, over 52 steps of Adam at
      // a rate of 0.002: the losses of one process with other threads differ by
      // as much.
      EXPECT_NEAR(result[stage]["trainLoss"].get<double>(),
                  one[stage]["trainLoss"].get<double>(), 2e-2)
          << ranks << " " << stage;
    }
    // Before rounding has grown: what one process finds in its first steps.
    const std::vector<std::string> points = absl::StrSplit(
        testing::ReadFile(
            folder_.File(absl::StrCat("a", ranks, "/metrics.jsonl"))),
        '\n');
    const std::vector<std::string> expected = absl::StrSplit(
        testing::ReadFile(folder_.File("a1/metrics.jsonl")), '\n');
    for (int i = 0; i < 10; ++i) {
      const double loss = json::parse(expected[i])["total"];
      EXPECT_NEAR(json::parse(points[i])["total"], loss, 1e-5 * loss) << i;
    }
    EXPECT_EQ(Run(ranks, Out(absl::StrCat("b", ranks)) + "--student_epochs=2")
                  .exit_code,
              0);
    EXPECT_TRUE(Student(absl::StrCat("a", ranks)) ==
                Student(absl::StrCat("b", ranks)))
        << ranks;
  }
}

TEST_F(MpiTest, AStudentWithBatchNormToo) {
  const std::string path = testing::WriteFile(
      folder_.File("student.pt"),
      testing::ScriptBytes(
          R"(
def forward(self, x):
    y = torch.linear(x.flatten(1), self.weight)
    y = torch.relu(torch.batch_norm(y, None, None, self.mean, self.variance,
                                    self.training, 0.1, 1e-5, False))
    return torch.linear(y, self.last)
)",
          {{"weight",
            at::linspace(-9, 9, 32 * 784).view({32, 784}).sin() * 0.1},
           {"last", at::linspace(-9, 9, 320).view({10, 32}).sin() * 0.1}},
          {{"mean", at::zeros({32})}, {"variance", at::ones({32})}}));
  const ProcessResult run =
      Run(3, absl::StrCat("--student_epochs=10 --trust_student_code "
                          "'--student_from=",
                          path, "'"));
  ASSERT_EQ(run.exit_code, 0) << run.out;
  EXPECT_GT(json::parse(run.LastLine())["student"]["testAccuracy"], 0.8);
}

// A batch norm of the whole batch: the same losses as of one process.
TEST_F(MpiTest, ASyncedBatchNormIsThatOfOneProcess) {
  const auto loss = [&](int ranks, const std::string& more) {
    const ProcessResult run =
        Run(ranks,
            "--student=resnet:1x4,1x8 --nocontrol --student_epochs=1 " + more);
    EXPECT_EQ(run.exit_code, 0) << run.out;
    return json::parse(run.LastLine())["finalLoss"].get<double>();
  };
  const double one = loss(1, "");
  EXPECT_NEAR(loss(3, "--sync_batch_norm"), one, 1e-3 * one);
  EXPECT_GT(std::fabs(loss(3, "") - one), 1e-3 * one);
}

TEST_F(MpiTest, ARankWithOtherSettingsIsNamed) {
  const ProcessResult run = RunInShell(absl::StrCat(
      MpiRun(1), Program("--seed=0"), ": -np 1 ", Program("--seed=1"), "2>&1"));
  EXPECT_NE(run.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(run.out, "rank 1 of 2 on ")) << run.out;
  EXPECT_TRUE(absl::StrContains(run.out, "seed was 0 and is 1 here"))
      << run.out;
}

TEST_F(MpiTest, OtherRunsThanRankZerosAreRefused) {
  const std::string sweep = absl::StrCat(
      "'", testing::ProgramPath("cli/sweep"),
      "' --device=cpu --threads=1 --validation=50 --labels=50 '--data_dir=",
      folder_.File("data"), "' ", Out("sweep"));
  for (const auto& [one, other, found] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {Program("--seeds=3"), Program("--seeds=3 --ranks_per_run=2"),
            "ranks_per_run was \"0\" and is \"2\" here"},
           {Program("--seeds=3"), Program("--seeds=4"),
            "seeds was 3 and is 4 here"},
           {sweep + "--temperature=1,2", sweep + "--temperature=1,4",
            "temperature was \"1,2\" and is \"1,4\" here"}}) {
    const ProcessResult run =
        RunInShell(absl::StrCat(MpiRun(1), one, " : -np 1 ", other, " 2>&1"));
    EXPECT_NE(run.exit_code, 0);
    EXPECT_TRUE(absl::StrContains(run.out, found)) << run.out;
    // On stdout too.
    EXPECT_TRUE(absl::StrContains(run.out, "{\"status\":\"error\"")) << run.out;
  }
  const ProcessResult many = Run(2, "--seeds=2 --ranks_per_run=3");
  EXPECT_NE(many.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(many.out, "there are 2 processes")) << many.out;
}

TEST_F(MpiTest, WrongFlagsAreSaidOnce) {
  const ProcessResult run = Run(3, "--temperature=-1");
  EXPECT_NE(run.exit_code, 0);
  // By rank 0: on stderr, and on stdout as JSON.
  const std::vector<std::string> parts =
      absl::StrSplit(run.out, "--temperature is -1");
  EXPECT_EQ(parts.size(), 3) << run.out;
  EXPECT_FALSE(absl::StrContains(run.out, "rank 1 of 3")) << run.out;
}

// The processes of this run, by their arguments; mpirun's own not.
std::vector<pid_t> RanksOf(const std::string& mark) {
  std::vector<pid_t> ranks;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    int64_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    std::error_code unreadable;
    if (!std::filesystem::exists(entry.path() / "cmdline", unreadable)) {
      continue;
    }
    const std::string line =
        RunInShell(
            absl::StrCat("tr '\\0' ' ' < /proc/", pid, "/cmdline 2>/dev/null"))
            .out;
    if (absl::StrContains(line, mark) &&
        absl::StrContains(line, "cli/distill") &&
        !absl::StrContains(line, "mpirun") && !absl::StartsWith(line, "sh ")) {
      ranks.push_back(static_cast<pid_t>(pid));
    }
  }
  return ranks;
}

// Kills one of the ranks of the run in `folder`, so many milliseconds after
// `file` of it is there.
std::thread Killer(const std::string& folder, const std::string& file,
                   int64_t milliseconds, int64_t which) {
  return std::thread([=] {
    while (!std::filesystem::exists(folder + "/" + file)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    const std::vector<pid_t> ranks = RanksOf(folder);
    if (!ranks.empty()) kill(ranks[which % ranks.size()], SIGKILL);
  });
}

// Of all rows but the times, which no two runs share.
std::string WithoutTimes(const std::string& path) {
  return RunInShell(absl::StrCat("cd '", path,
                                 "' && cat sweep.csv && sed -E "
                                 "'s/\"seconds\":[0-9.e-]+,//' runs.jsonl "
                                 "| sort"))
      .out;
}

TEST_F(MpiTest, ASweepIsThatOfOneProcess) {
  const auto sweep = [&](int ranks, const std::string& out) {
    return RunInShell(absl::StrCat(
        MpiRun(ranks), "'", testing::ProgramPath("cli/sweep"),
        "' --device=cpu --precision=f32 --threads=1 --batch_size=16 "
        "--learning_rate=0.002 --validation=50 --labels=50,0 "
        "--temperature=1,2,4 --alpha=0.5,0.9 --seeds=2 '--data_dir=",
        folder_.File("data"), "' ", Out(out), "2>&1"));
  };
  const ProcessResult one = sweep(1, "one");
  ASSERT_EQ(one.exit_code, 0) << one.out;
  const ProcessResult three = sweep(3, "three");
  ASSERT_EQ(three.exit_code, 0) << three.out;
  EXPECT_TRUE(absl::StrContains(three.out, "run 24 of 24")) << three.out;
  EXPECT_EQ(WithoutTimes(folder_.File("one")),
            WithoutTimes(folder_.File("three")));
  // What is there is not run again, by any number.
  const ProcessResult again = sweep(2, "one");
  EXPECT_EQ(again.exit_code, 0) << again.out;
  EXPECT_FALSE(absl::StrContains(again.out, "training")) << again.out;
  EXPECT_TRUE(absl::StrContains(again.out, "24 of 24")) << again.out;
}

TEST_F(MpiTest, SeedsAreThoseOfOneProcess) {
  const std::string flags = "--student_epochs=2 --seeds=5 ";
  const ProcessResult one = Run(1, flags + Out("one"));
  ASSERT_EQ(one.exit_code, 0) << one.out;
  for (const char* more : {"", "--share_teacher "}) {
    const ProcessResult alone = Run(1, absl::StrCat(flags, more));
    const ProcessResult three = Run(3, absl::StrCat(flags, more));
    ASSERT_EQ(three.exit_code, 0) << three.out;
    json expected = json::parse(alone.LastLine());
    json found = json::parse(three.LastLine());
    EXPECT_EQ(found["finalLoss"], expected["finalLoss"]);
    ASSERT_EQ(found["runs"].size(), 5);
    for (size_t i = 0; i < 5; ++i) {
      for (const char* stage : {"teacher", "student", "control"}) {
        for (const char* what : {"trainLoss", "testLoss", "testErrors"}) {
          EXPECT_EQ(found["runs"][i][stage][what],
                    expected["runs"][i][stage][what])
              << more << i << stage << what;
        }
      }
    }
  }
  // What a rank that is killed leaves is taken over, by any number of them.
  const std::string resumed = flags + "--resume " + Out("killed");
  std::thread killer = Killer(folder_.File("killed"),
                              "checkpoint/seed-1-teacher.safetensors", 0, 2);
  Run(3, resumed);
  killer.join();
  ASSERT_EQ(Run(2, resumed).exit_code, 0);
  EXPECT_TRUE(Student("killed") == Student("one"));
}

TEST_F(MpiTest, ARankThatIsKilledLosesNothing) {
  const std::string flags =
      "--student_epochs=15 --checkpoint_every=5 --resume ";
  ASSERT_EQ(Run(3, flags + Out("whole")).exit_code, 0);
  int killed = 0;
  std::minstd_rand random(1);
  for (int64_t i = 0; i < 10; ++i) {
    const std::string mark = folder_.File("killed");
    std::thread killer =
        Killer(mark, "checkpoint", static_cast<int64_t>(random() % 300), i);
    const ProcessResult run = Run(3, flags + Out("killed"));
    killer.join();
    if (run.exit_code == 0) {  // It was quicker.
      std::filesystem::remove_all(mark);
    } else {
      ++killed;
    }
  }
  EXPECT_GT(killed, 0);
  const ProcessResult end = Run(3, flags + Out("killed"));
  ASSERT_EQ(end.exit_code, 0) << end.out;
  EXPECT_TRUE(Student("killed") == Student("whole"));
}

TEST_F(MpiTest, AnotherNumberGoesOnToo) {
  const std::string flags = "--student_epochs=20 --checkpoint_every=5 ";
  const ProcessResult whole = Run(3, flags + Out("whole"));
  ASSERT_EQ(whole.exit_code, 0) << whole.out;
  std::thread killer = Killer(folder_.File("other"),
                              "checkpoint/seed-0-teacher.safetensors", 0, 1);
  EXPECT_NE(Run(3, flags + Out("other")).exit_code, 0);
  killer.join();
  const ProcessResult other = Run(2, flags + "--resume " + Out("other"));
  ASSERT_EQ(other.exit_code, 0) << other.out;
  // (The bound of SeveralTrainWhatOneTrains.)
  EXPECT_NEAR(json::parse(other.LastLine())["student"]["trainLoss"],
              json::parse(whole.LastLine())["student"]["trainLoss"], 2e-2);
}

TEST_F(MpiTest, AFullDiskOfRankZeroEndsAllAndLosesNothing) {
  const std::string unshare = "unshare -rm ";
  if (RunInShell(unshare + "mount -t tmpfs none /mnt 2>&1").exit_code != 0) {
    GTEST_SKIP() << "nothing may be mounted here";
  }
  const std::string flags = "--student_epochs=3 --checkpoint_every=5 ";
  ASSERT_EQ(Run(3, flags + Out("whole")).exit_code, 0);
  std::filesystem::create_directory(folder_.File("disk"));
  const std::string program = Program(flags + "--resume " + Out("disk/out"));
  testing::WriteFile(
      folder_.File("script"),
      absl::StrCat("cd '", folder_.path(), "'\n",
                   // Room for no more than one state of the teacher.
                   "mount -t tmpfs -o size=6m tmpfs disk\n", MpiRun(3), program,
                   "> full 2>&1 && exit 8\n",
                   "mount -o remount,size=100m disk\n", MpiRun(3), program,
                   "2>&1 || exit 9\n", "cp disk/out/student.safetensors .\n"));
  const ProcessResult run =
      RunInShell(unshare + "sh '" + folder_.File("script") + "'");
  const std::string full = testing::ReadFile(folder_.File("full"));
  EXPECT_TRUE(absl::StrContains(full, "No space left on device")) << full;
  ASSERT_EQ(run.exit_code, 0) << run.out << full;
  EXPECT_TRUE(testing::ReadFile(folder_.File("student.safetensors")) ==
              Student("whole"));
}

TEST_F(MpiTest, TheDoctorShowsAllProcesses) {
  const ProcessResult run = RunInShell(
      absl::StrCat(MpiRun(3), "'", testing::ProgramPath("cli/doctor"),
                   "' '--data_dir=", folder_.File("data"), "' 2>&1"));
  EXPECT_EQ(run.exit_code, 0) << run.out;
  EXPECT_TRUE(absl::StrContains(run.out, "rank 2 of 3 on ")) << run.out;
  EXPECT_TRUE(absl::StrContains(run.out, "all-reduce: ")) << run.out;
}

TEST_F(MpiTest, WhatIsOneProcessRefusesToBeSeveral) {
  const ProcessResult run = RunInShell(
      absl::StrCat(MpiRun(2), "'", testing::ProgramPath("cli/evaluate"),
                   "' --model=student.safetensors 2>&1"));
  EXPECT_NE(run.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(run.out, "start evaluate alone")) << run.out;
}

}  // namespace
}  // namespace distill
