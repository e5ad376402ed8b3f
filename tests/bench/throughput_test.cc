// That the benchmark runs and reports; its numbers are nobody's assertion.
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::ProcessResult;
using testing::ProgramPath;
using testing::RunInShell;

TEST(ThroughputTest, ReportsEveryWorkOfBothModels) {
  const testing::TempFolder folder;
  const std::string file = folder.File("out.json");
  const ProcessResult result =
      RunInShell("'" + ProgramPath("bench/throughput") +
                 "' '--benchmark_filter=batch:8/|CUDA' --benchmark_out='" +
                 file + "' 2>&1");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  const json report = json::parse(testing::ReadFile(file));
  for (const char* name :
       {"forward/teacher", "forward/student", "train/teacher", "train/student",
        "distil_live/student", "distil_cached/student"}) {
    bool found = false;
    for (const json& row : report["benchmarks"]) {
      if (row["name"].get<std::string>().find(std::string("CPU/") + name) !=
          0) {
        continue;
      }
      found = true;
      EXPECT_GT(row["items_per_second"].get<double>(), 0) << row;
      EXPECT_GT(row["MFLOP/image"].get<double>(), 0) << row;
      EXPECT_GT(row["of_matrix_rate"].get<double>(), 0) << row;
    }
    EXPECT_TRUE(found) << name;
  }
  EXPECT_NE(result.out.find("Student over teacher"), std::string::npos);
}

TEST(ThroughputTest, WritesWhereTheUserStands) {
  const testing::TempFolder folder;
  const ProcessResult result =
      RunInShell("BUILD_WORKING_DIRECTORY='" + folder.path() + "' '" +
                 ProgramPath("bench/throughput") +
                 "' --benchmark_filter=CUDA --benchmark_out=out.json 2>&1");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_TRUE(json::accept(testing::ReadFile(folder.File("out.json"))));
}

TEST(ThroughputTest, RefusesUnknownFlags) {
  const ProcessResult result = RunInShell(
      "'" + ProgramPath("bench/throughput") + "' --precison=f32 2>&1");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.out.find("did you mean --precision?"), std::string::npos)
      << result.out;
}

}  // namespace
}  // namespace distill
