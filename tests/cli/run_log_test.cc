#include "cli/run_log.h"

#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

SweepRun ARun() {
  SweepRun run;
  run.cell = {55000, "kd", 0.1, 1.0 / 3};
  run.seed = 18446744073709551615u;
  run.student.validation = {5000, 104, 0.1 + 0.2};
  run.student.test = {10000, 197, std::nan("")};
  run.teacher_loss = 1e-300;
  run.seconds = 12.5;
  return run;
}

void ExpectEqual(const Evaluation& a, const Evaluation& b) {
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.errors, b.errors);
  EXPECT_TRUE(a.loss == b.loss || (std::isnan(a.loss) && std::isnan(b.loss)));
}

TEST(RunLogTest, GivesBackWhatItWasGivenToTheBit) {
  const testing::TempFolder folder;
  SweepRun with_control = ARun();
  with_control.control = SweepScores{{5000, 1, 0.7}, {10000, 2, 1e-17}};
  {
    auto log = RunLog::Open(folder.path(), {{"a", 1}});
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_TRUE(log->runs().empty());
    ASSERT_TRUE(log->Append(ARun()).ok());
    ASSERT_TRUE(log->Append(with_control).ok());
  }
  const auto log = RunLog::Open(folder.path(), {{"a", 1}});
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_FALSE(log->was_torn());
  ASSERT_EQ(log->runs().size(), 2u);
  const SweepRun expected = ARun();
  for (const SweepRun& run : log->runs()) {
    EXPECT_EQ(run.cell.labels, expected.cell.labels);
    EXPECT_EQ(run.cell.method, expected.cell.method);
    EXPECT_EQ(run.cell.temperature, expected.cell.temperature);
    EXPECT_EQ(run.cell.alpha, expected.cell.alpha);
    EXPECT_EQ(run.seed, expected.seed);
    ExpectEqual(run.student.validation, expected.student.validation);
    ExpectEqual(run.student.test, expected.student.test);
    EXPECT_EQ(run.teacher_loss, expected.teacher_loss);
    EXPECT_EQ(run.seconds, expected.seconds);
  }
  EXPECT_FALSE(log->runs()[0].control.has_value());
  ASSERT_TRUE(log->runs()[1].control.has_value());
  ExpectEqual(log->runs()[1].control->test, with_control.control->test);
}

TEST(RunLogTest, ATornLineIsTakenOffAndTheNextOneStandsAlone) {
  const testing::TempFolder folder;
  const std::string path = folder.File("runs.jsonl");
  ASSERT_TRUE(RunLog::Open(folder.path(), {})->Append(ARun()).ok());
  const std::string whole = testing::ReadFile(path);
  // The last is whole but for the end of its line.
  for (const size_t size : {size_t{1}, whole.size() / 2, whole.size() - 1}) {
    testing::WriteFile(path, whole + whole.substr(0, size));
    auto log = RunLog::Open(folder.path(), {});
    ASSERT_TRUE(log.ok()) << log.status();
    EXPECT_TRUE(log->was_torn());
    EXPECT_EQ(log->runs().size(), 1u);
    EXPECT_EQ(testing::ReadFile(path), whole);
    ASSERT_TRUE(log->Append(ARun()).ok());
    EXPECT_EQ(testing::ReadFile(path), whole + whole);
  }
  // A line of which the disk kept the length and not the content.
  testing::WriteFile(path, whole + std::string(100, '\0') + "\n");
  const auto log = RunLog::Open(folder.path(), {});
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_TRUE(log->was_torn());
}

TEST(RunLogTest, WhatOneConfigurationHasAndTheOtherLacksDiffers) {
  const testing::TempFolder folder;
  ASSERT_TRUE(
      RunLog::Open(folder.path(), {{"a", 1}, {"b", 2}})->Append(ARun()).ok());
  EXPECT_TRUE(
      FailsWith(RunLog::Open(folder.path(), {{"a", 1}, {"c", 3}}).status(),
                absl::StatusCode::kFailedPrecondition,
                {"b was 2 and is not there", "c was not there and is 3"}));
}

// Comparing configurations ran out of stack.
TEST(RunLogTest, ALineThatIsNestedWithoutEndIsAnError) {
  const testing::TempFolder folder;
  for (const int depth : {40, 100, 1'000'000}) {
    const std::string line =
        "{\"configuration\":{\"a\":" + std::string(depth, '[') +
        std::string(depth, ']') + "}}\n";
    testing::WriteFile(folder.File("runs.jsonl"), line + line);
    EXPECT_TRUE(FailsWith(RunLog::Open(folder.path(), {{"a", 1}}).status(),
                          absl::StatusCode::kFailedPrecondition,
                          {"found in line 1 no run of a sweep"}));
  }
}

TEST(RunLogTest, AFolderThatIsNotThereIsAnError) {
  const testing::TempFolder folder;
  EXPECT_TRUE(FailsWith(RunLog::Open(folder.File("none"), {}).status(),
                        absl::StatusCode::kNotFound, {folder.File("none")}));
}

}  // namespace
}  // namespace distill
