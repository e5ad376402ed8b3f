// The program itself, as its user starts it.
#include <algorithm>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using nlohmann::json;

using testing::ProcessResult;
using testing::RunInShell;

std::string Binary() { return testing::ProgramPath("cli/distill"); }

json Last(const ProcessResult& result) {
  return json::parse(result.LastLine());
}

class BinaryTest : public ::testing::Test {
 protected:
  BinaryTest() {
    testing::ToyOptions toy;
    toy.count = 320;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File("my data"));
    toy.seed = 2;
    toy.split = Split::kTest;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File("my data"));
  }
  testing::TempFolder folder_;
};

TEST_F(BinaryTest, RunsFromAnotherFolderAndReadsRelativePaths) {
  const ProcessResult result =
      RunInShell("cd '" + folder_.path() + "' && '" + Binary() +
                 "' --device=cpu --data_dir='my data' --batch_size 32 "
                 "--learning_rate=0.002 --teacher_epochs=2 2>err");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(Last(result)["status"], "success");
  EXPECT_EQ(Last(result)["trainImages"], 320);
}

TEST_F(BinaryTest, HelpHasExamplesAsTheProgramWasCalled) {
  const std::string flags = " --device=cpu";
  const std::string called = RunInShell("'" + Binary() + "' --help").out;
  EXPECT_NE(called.find("  " + Binary() + flags), std::string::npos) << called;
  EXPECT_EQ(called.find("bazel run"), std::string::npos) << called;
  const std::string by_bazel =
      RunInShell("BUILD_WORKING_DIRECTORY=/ '" + Binary() + "' --help").out;
  EXPECT_NE(by_bazel.find("  bazel run //cli:distill --" + flags),
            std::string::npos)
      << by_bazel;
}

TEST_F(BinaryTest, UnderBazelRunPathsAreRelativeToWhereTheUserStands) {
  const ProcessResult result = RunInShell(
      "cd / && BUILD_WORKING_DIRECTORY='" + folder_.path() + "' '" + Binary() +
      "' --device=cpu --data_dir='my data' --batch_size=32 "
      "--learning_rate=0.002 --teacher_epochs=2 2>&1");
  ASSERT_EQ(result.exit_code, 0) << result.out;
}

// What libgomp, which shows its settings before main(), was told.
TEST_F(BinaryTest, ThreadsSpinBrieflyUnlessTheUserSaysHowTheyWait) {
  const auto spin_count = [](const std::string& setting) {
    return RunInShell("env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT " + setting +
                      " OMP_DISPLAY_ENV=verbose '" + Binary() +
                      "' --help 2>&1 | sed -n 's/^ *GOMP_SPINCOUNT = //p'")
        .LastLine();
  };
  EXPECT_EQ(spin_count(""), "'10000'");
  EXPECT_EQ(spin_count("GOMP_SPINCOUNT=77"), "'77'");
  EXPECT_EQ(spin_count("OMP_WAIT_POLICY=passive"), "'0'");
}

TEST_F(BinaryTest, HasItsOwnNameAmongTheProcesses) {
  const ProcessResult result =
      RunInShell("cd '" + folder_.path() + "'\n" +
                 "env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT '" + Binary() +
                 "' --device=cpu --data_dir='my data' --student_epochs=100000 "
                 ">out 2>&1 &\n"
                 "while [ ! -s out ] && kill -0 $!; do sleep 0.01; done\n"
                 "cat /proc/$!/comm; kill $!; wait $!");
  EXPECT_EQ(result.out, "distill\n");
}

TEST_F(BinaryTest, AWrongFlagIsExitCodeTwoWithTheReasonOnStderr) {
  const std::string err = folder_.File("err");
  const ProcessResult result =
      RunInShell("'" + Binary() + "' --alpa=1 2>'" + err + "'");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(Last(result)["status"], "error");
  EXPECT_NE(testing::ReadFile(err).find("did you mean --alpha?"),
            std::string::npos);
}

TEST_F(BinaryTest, HelpIsOneScreen) {
  const std::string help = RunInShell("'" + Binary() + "' --help").out;
  EXPECT_LE(std::count(help.begin(), help.end(), '\n'), 24) << help;
  EXPECT_NE(help.find("--temperature=5"), std::string::npos) << help;
  EXPECT_EQ(help.find("--rkd_angle_weight"), std::string::npos) << help;
}

TEST_F(BinaryTest, SaysWhatItIsMadeOf) {
  const ProcessResult result = RunInShell("'" + Binary() + "' --version");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.find("distill 1."), 0u) << result.out;
  EXPECT_NE(result.out.find("\nLibTorch 2."), std::string::npos) << result.out;
}

TEST_F(BinaryTest, TheWholeHelpListsEveryFlagWithItsDefault) {
  const ProcessResult result = RunInShell("'" + Binary() + "' --help=all");
  EXPECT_EQ(result.exit_code, 0);
  for (const char* flag :
       {"--device=cuda", "--data_dir=\"\"", "--batch_size=64",
        "--teacher_epochs=1", "--student_epochs=1", "--learning_rate=0.01",
        "--lr_schedule=one_cycle", "--temperature=5", "--alpha=0.5", "--seed=0",
        "--precision=auto", "--threads=0", "--control=true"}) {
    EXPECT_NE(result.out.find(flag), std::string::npos) << flag;
  }
}

TEST_F(BinaryTest, CopiedAwayFromItsRunfilesItSaysWhereItLooksForData) {
  // The copy finds LibTorch through the path only.
  const ProcessResult result =
      RunInShell("cd '" + folder_.path() + "' && cp '" + Binary() +
                 "' alone && library=$(ldd '" + Binary() +
                 "' | awk '/libtorch_cpu.so / {print $3}') && "
                 "env -u RUNFILES_DIR -u TEST_SRCDIR -u RUNFILES_MANIFEST_FILE "
                 "LD_LIBRARY_PATH=\"$(dirname \"$library\")\" "
                 "./alone --device=cpu 2>/dev/null");
  EXPECT_EQ(result.exit_code, 1) << result.out;
  EXPECT_NE(
      Last(result)["message"].get<std::string>().find(folder_.path() + "/data"),
      std::string::npos)
      << result.out;
}

}  // namespace
}  // namespace distill
