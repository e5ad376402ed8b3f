// The program itself, as its user starts it.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"

namespace distill {
namespace {

using nlohmann::json;

struct Result {
  int exit_code;
  std::string out;
  // The last line of stdout as JSON.
  json Last() const {
    const std::string body = out.substr(0, out.size() - 1);
    return json::parse(body.substr(body.rfind('\n') + 1));
  }
};

std::string Binary() {
  return std::string(std::getenv("TEST_SRCDIR")) + "/distill/cli/distill";
}

// The tests' own constants only: no input reaches this shell.
Result Shell(const std::string& command) {
  Result result;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  while (const size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.out.append(buffer.data(), size);
  }
  result.exit_code = WEXITSTATUS(pclose(pipe));
  return result;
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
  const Result result =
      Shell("cd '" + folder_.path() + "' && '" + Binary() +
            "' --device=cpu --data_dir='my data' --batch_size 32 2>err");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(result.Last()["status"], "success");
  EXPECT_EQ(result.Last()["trainImages"], 320);
}

TEST_F(BinaryTest, UnderBazelRunPathsAreRelativeToWhereTheUserStands) {
  const Result result = Shell(
      "cd / && BUILD_WORKING_DIRECTORY='" + folder_.path() + "' '" + Binary() +
      "' --device=cpu --data_dir='my data' --batch_size=32 2>&1");
  ASSERT_EQ(result.exit_code, 0) << result.out;
}

TEST_F(BinaryTest, AWrongFlagIsExitCodeTwoWithTheReasonOnStderr) {
  const std::string err = folder_.File("err");
  const Result result = Shell("'" + Binary() + "' --alpa=1 2>'" + err + "'");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.Last()["status"], "error");
  EXPECT_NE(testing::ReadFile(err).find("did you mean --alpha?"),
            std::string::npos);
}

TEST_F(BinaryTest, HelpListsEveryFlagWithItsDefault) {
  const Result result = Shell("'" + Binary() + "' --help");
  EXPECT_EQ(result.exit_code, 0);
  for (const char* flag :
       {"--device=cuda", "--data_dir=\"\"", "--batch_size=64",
        "--teacher_epochs=1", "--student_epochs=1", "--learning_rate=0.01",
        "--lr_schedule=one_cycle", "--temperature=5", "--alpha=0.5", "--seed=0",
        "--precision=auto", "--threads=0", "--control=true"}) {
    EXPECT_NE(result.out.find(flag), std::string::npos) << flag;
  }
}

TEST_F(BinaryTest, FindsTheDataThatBazelFetchedAndElseSaysWhereItLooked) {
  // Beside its runfiles it finds MNIST and stops at CUDA or trains; without
  // them it looks in ./data.
  const Result result = Shell(
      "cd '" + folder_.path() + "' && cp '" + Binary() +
      "' alone && ldd alone >/dev/null; env -u RUNFILES_DIR -u TEST_SRCDIR "
      "-u RUNFILES_MANIFEST_FILE LD_LIBRARY_PATH=\"$(dirname \"$(ldd '" +
      Binary() +
      "' | sed -n 's/.*=> \\(.*libtorch_cpu.so\\).*/\\1/p')\")\" ./alone "
      "--device=cpu 2>/dev/null");
  EXPECT_EQ(result.exit_code, 1) << result.out;
  EXPECT_NE(result.Last()["message"].get<std::string>().find(folder_.path() +
                                                             "/data"),
            std::string::npos)
      << result.out;
}

}  // namespace
}  // namespace distill
