#include "report/compare.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/browser.h"
#include "tests/testing/html.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

// A run whose student has these accuracies, from seed 3 on.
ComparedRun MakeRun(const std::string& name,
                    const std::vector<double>& accuracies,
                    const Json& configuration = Json::object()) {
  ComparedRun run;
  run.name = name;
  run.configuration = configuration;
  run.test_data = "0123";
  run.verdict = "BEATS";
  run.stages.resize(3);
  for (ComparedStage& stage : run.stages) {
    stage.accuracy = MeanInterval(accuracies, kShare);
    stage.parameters = 1234;
    stage.latency_ms = std::nan("");
    stage.total = {{1, 2}, {2, 1}};
    for (size_t i = 0; i < accuracies.size(); ++i) {
      stage.by_seed[3 + i] = accuracies[i];
    }
  }
  return run;
}

// By hand: the differences are 0.02, 0.03 and 0.04; their mean is 0.03 and
// their standard deviation 0.01, so the interval is 0.03 +- 4.3027 * 0.01 /
// sqrt(3).
TEST(CompareStudentsTest, PairsAreOfTheSeedsThatBothHave) {
  const ComparedRun first = MakeRun("a", {0.90, 0.91, 0.92, 0.5});
  const ComparedRun other = MakeRun("b", {0.92, 0.94, 0.96});
  const StudentsDifference d = CompareStudents(first, other, 0.1);
  EXPECT_EQ(d.pairs, 3);
  EXPECT_NEAR(d.difference.mean, 0.03, 1e-12);
  EXPECT_NEAR(d.difference.low, 0.03 - 0.0248413, 1e-6);
  EXPECT_EQ(d.verdict, Verdict::kBeats);
  EXPECT_EQ(DifferenceLine(first, other, 0.1),
            "b less a: +3.00 points of test accuracy (95 % interval +0.52 to "
            "+5.48, 3 pairs of seeds that both have): BEATS.");
}

TEST(CompareStudentsTest, WhatCannotBeComparedIsNot) {
  const ComparedRun first = MakeRun("a", {0.9});
  EXPECT_EQ(DifferenceLine(first, MakeRun("b", {0.95}), 0.5),
            "b less a: +5.00 points of test accuracy (one seed, which proves "
            "nothing).");
  ComparedRun other = MakeRun("b", {0.9});
  other.test_data = "4567";
  EXPECT_EQ(CompareStudents(first, other, 0.5).pairs, 0);
  EXPECT_EQ(DifferenceLine(first, other, 0.5),
            "b less a: their test images differ; nothing to compare.");
  other = MakeRun("b", {});
  EXPECT_EQ(DifferenceLine(first, other, 0.5),
            "b less a: they have no seed in common; no pairs.");
}

TEST(SettingsThatDifferTest, AreThoseThatAreNotTheSameEverywhere) {
  const auto differ = SettingsThatDiffer(
      {MakeRun("a", {}, {{"alpha", 0.5}, {"seed", 1}, {"method", "kd"}}),
       MakeRun("b", {}, {{"alpha", 0.9}, {"seed", 1}, {"method", "kd"}}),
       MakeRun("c", {}, {{"alpha", 0.9}, {"seed", 1}, {"new", true}})});
  const std::vector<SettingValues> expected = {{"alpha", {"0.5", "0.9", "0.9"}},
                                               {"method", {"kd", "kd", "-"}},
                                               {"new", {"-", "-", "true"}}};
  EXPECT_EQ(differ, expected);
}

TEST(CompareTableTest, FitsATerminalWhateverTheNames) {
  const std::string long_name = std::string(90, 'x') + "/run_b";
  const std::string text =
      CompareTable({MakeRun("a", {0.9}), MakeRun(long_name, {0.8})});
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    EXPECT_LE(end - begin, 80u) << text;
  }
  EXPECT_NE(text.find("xx/run_b"), std::string::npos);
  EXPECT_NE(text.find("80.00 %"), std::string::npos);
}

TEST(ComparePageTest, StandsAlone) {
  ComparedRun other = MakeRun("b < c", {0.92, 0.94});
  other.stages.pop_back();
  const std::string html = ComparePage({MakeRun("a", {0.9, 0.91}), other}, 0.5);
  EXPECT_TRUE(testing::IsWholePage(html));
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_NE(html.find("b &lt; c less a: +2.50 points"), std::string::npos);
}

TEST(ReadComparedRunTest, OtherFilesAreRefusedByName) {
  const auto code = absl::StatusCode::kFailedPrecondition;
  EXPECT_TRUE(testing::FailsWith(ReadComparedRun("out", "[1]", "", "").status(),
                                 code, {"out/config.json", "--output_dir"}));
  const std::string config =
      R"({"testImagesCrc32": "", "testLabelsCrc32": ""})";
  for (const char* report : {"", "{}", R"({"verdict": 3})",
                             R"({"verdict": "BEATS", "teacher": []})"}) {
    EXPECT_TRUE(
        testing::FailsWith(ReadComparedRun("out", config, report, "").status(),
                           code, {"out/report.json"}))
        << report;
  }
}

TEST(ComparePageTest, FitsInABrowser) {
  const std::string why_not = testing::WhyNoBrowser();
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  testing::ExpectFits(
      ComparePage({MakeRun("a", {0.9, 0.91}), MakeRun("b", {0.8, 0.81})}, 0.5),
      3);
}

}  // namespace
}  // namespace distill
