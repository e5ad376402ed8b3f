#include "experiment/seeds.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/experiment.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::Cpu;
using testing::FailsWith;
using testing::ToySplit;

struct Lines : Observer {
  void OnBegin(const std::string& what, int64_t /*images*/) override {
    work.push_back(what);
  }
  void OnLine(const std::string& line) override { all += line + "\n"; }
  int CountOf(const std::string& part) const {
    int count = 0;
    for (size_t at = all.find(part); at != std::string::npos;
         at = all.find(part, at + 1)) {
      ++count;
    }
    return count;
  }
  int WorkWith(const std::string& part) const {
    int count = 0;
    for (const std::string& what : work) {
      count += what.find(part) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  std::string all;
  std::vector<std::string> work;
};

SeedsOptions Options(int64_t seeds) {
  SeedsOptions options;
  options.experiment.batch_size = 32;
  options.experiment.teacher_epochs = 2;
  options.experiment.learning_rate = 0.002;
  options.experiment.seed = 4;
  options.seeds = seeds;
  return options;
}

absl::StatusOr<SeedsResult> RunToy(const SeedsOptions& options, Lines& lines,
                                   int64_t at_once = 1) {
  TrainedHere teacher;
  Compute compute = Cpu();
  compute.runs_at_once = at_once;
  return RunSeeds(
      options, compute,
      {ToySplit(320, Split::kTrain, 0.4), ToySplit(100, Split::kTest, 0.4)},
      lines, teacher);
}

TEST(SeedsTest, EachRunIsTheExperimentWithItsSeed) {
  Lines lines;
  const auto result = RunToy(Options(3), lines);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->runs.size(), 3u);
  double sum = 0;
  for (int i = 0; i < 3; ++i) {
    ExperimentOptions one = Options(1).experiment;
    one.seed = 4 + i;
    Lines unused;
    const auto run = RunExperiment(
        one, Cpu(),
        {ToySplit(320, Split::kTrain, 0.4), ToySplit(100, Split::kTest, 0.4)},
        unused);
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(result->runs[i].student.test.loss, run->student.test.loss);
    EXPECT_EQ(result->runs[i].control->test.loss, run->control->test.loss);
    sum += run->student.test.accuracy() - run->control->test.accuracy();
  }
  ASSERT_TRUE(result->difference.has_value());
  EXPECT_NEAR(result->difference->mean, sum / 3, 1e-12);
  EXPECT_EQ(result->verdict, VerdictOf(*result->difference, 0.005));
  EXPECT_NE(result->verdict, Verdict::kUnknown);
  EXPECT_EQ(lines.CountOf("data: "), 1) << lines.all;
  EXPECT_EQ(lines.CountOf("\nseed 4: teacher "), 1) << lines.all;
  EXPECT_EQ(lines.CountOf("\nseed 6: teacher "), 1) << lines.all;
  EXPECT_EQ(lines.CountOf("One seed proves nothing"), 0) << lines.all;
  EXPECT_EQ(VerdictLine(*result).find(VerdictName(result->verdict)), 0u);
  EXPECT_EQ(lines.WorkWith("seed 5, student: training"), 1);
}

TEST(SeedsTest, RunsAtOnceAreTheRunsAlone) {
  for (const bool share_teacher : {false, true}) {
    SeedsOptions options = Options(5);
    options.share_teacher = share_teacher;
    Lines lines;
    const auto alone = RunToy(options, lines);
    const auto at_once = RunToy(options, lines, 3);
    ASSERT_TRUE(at_once.ok()) << at_once.status();
    for (int i = 0; i < 5; ++i) {
      const auto &one = alone->runs[i], &other = at_once->runs[i];
      EXPECT_EQ(one.teacher.test.loss, other.teacher.test.loss) << i;
      EXPECT_EQ(one.student.test.loss, other.student.test.loss) << i;
      EXPECT_EQ(one.control->test.loss, other.control->test.loss) << i;
    }
    EXPECT_EQ(alone->difference->low, at_once->difference->low);
    EXPECT_EQ(lines.CountOf(": trained ("), 5) << lines.all;
  }
}

TEST(SeedsTest, OneSeedProvesNothing) {
  Lines lines;
  const auto result = RunToy(Options(1), lines);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->verdict, Verdict::kUnknown);
  EXPECT_NE(VerdictLine(*result).find("One seed proves nothing"),
            std::string::npos);
}

TEST(SeedsTest, ASharedTeacherIsTrainedOnceAndStudentsDiffer) {
  SeedsOptions options = Options(3);
  options.share_teacher = true;
  Lines lines;
  const auto result = RunToy(options, lines);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(lines.WorkWith("teacher: training"), 1);
  EXPECT_EQ(lines.WorkWith("student: training"), 3);
  EXPECT_EQ(result->runs[0].teacher.test.loss,
            result->runs[2].teacher.test.loss);
  EXPECT_NE(result->runs[0].student.test.loss,
            result->runs[2].student.test.loss);
  // The first run is what it is alone.
  const auto alone = RunToy(Options(1), lines);
  EXPECT_EQ(result->runs[0].student.test.loss,
            alone->runs[0].student.test.loss);
}

TEST(SeedsTest, WithoutAControlThereIsNoVerdict) {
  SeedsOptions options = Options(2);
  options.experiment.control = false;
  Lines lines;
  const auto result = RunToy(options, lines);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->difference.has_value());
  EXPECT_EQ(result->verdict, Verdict::kUnknown);
  EXPECT_NE(VerdictLine(*result).find("is not known"), std::string::npos);
}

TEST(SeedsTest, RefusesNoSeeds) {
  Lines lines;
  EXPECT_TRUE(FailsWith(RunToy(Options(0), lines).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--seeds is 0", "at least 1"}));
}

TEST(SeedsTest, RefusesSeedsThatWouldBeginAgainAt0) {
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  EXPECT_TRUE(CheckSeeds(most, 1).ok());
  EXPECT_TRUE(CheckSeeds(most - 4, 5).ok());
  SeedsOptions options = Options(5);
  options.experiment.seed = most - 3;
  EXPECT_TRUE(FailsWith(options.Validate(), absl::StatusCode::kInvalidArgument,
                        {"--seed is 18446744073709551612", "--seeds=5"}));
}

}  // namespace
}  // namespace distill
