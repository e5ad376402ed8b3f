#include "experiment/sweep.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/experiment.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::Cpu;
using testing::FailsWith;
using testing::ToySplit;

// Counts what is worked on, and keeps the lines.
struct Watch : Observer {
  void OnBegin(const std::string& what, int64_t /*images*/) override {
    work.push_back(what);
  }
  void OnLine(const std::string& line) override { lines += line + "\n"; }
  int WorkWith(const std::string& part) const {
    int count = 0;
    for (const std::string& what : work) {
      count += what.find(part) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  std::vector<std::string> work;
  std::string lines;
};

// Keeps everything, and if told to ends the sweep after some runs.
struct Keep : SweepObserver {
  absl::Status OnRun(const SweepRun& run) override {
    runs.push_back(run);
    return static_cast<int>(runs.size()) == stop_after
               ? absl::CancelledError("enough")
               : absl::OkStatus();
  }
  absl::Status OnSeed(const SweepResult& result) override {
    seeds.push_back(result);
    return absl::OkStatus();
  }
  std::vector<SweepRun> runs;
  std::vector<SweepResult> seeds;
  int stop_after = 0;
};

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() {
    ExperimentOptions& experiment = options_.experiment;
    experiment.teacher = "cnn:4,fc16";
    experiment.student = "cnn:2";
    experiment.batch_size = 32;
    experiment.teacher_epochs = 4;
    experiment.validation = 100;
    experiment.seed = 7;
    options_.labels = {40, 0};
    options_.temperatures = {1, 4};
    options_.alphas = {0.9};
    options_.seeds = 2;
  }
  absl::StatusOr<SweepResult> Run(const std::vector<SweepRun>& done = {}) {
    watch_ = Watch();
    keep_.runs.clear();
    keep_.seeds.clear();
    Compute compute = Cpu();
    compute.runs_at_once = at_once_;
    TrainedHere teacher;
    return RunSweep(options_, compute, {train_, test_}, teacher, done, keep_,
                    watch_);
  }
  // A run as it might have been, with these errors of 1,000 images.
  SweepRun MadeUp(double temperature, uint64_t seed, int64_t errors,
                  int64_t test_errors) const {
    SweepRun run;
    run.cell = {220, "kd", temperature, 0.9};
    run.seed = seed;
    run.student.validation = {1000, errors, 0.5};
    run.student.test = {1000, test_errors, 0.5};
    run.control = SweepScores{{1000, 100, 0.5}, {1000, 100, 0.5}};
    return run;
  }
  std::shared_ptr<const Dataset> train_ = ToySplit(320, Split::kTrain, 0.4, 8);
  const std::shared_ptr<const Dataset> test_ =
      ToySplit(100, Split::kTest, 0.4, 8);
  SweepOptions options_;
  int64_t at_once_ = 1;
  Watch watch_;
  Keep keep_;
};

TEST_F(SweepTest, TheSeedRunsSlowestAndLabelsNext) {
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  std::vector<std::string> order;
  for (const SweepRun& run : keep_.runs) {
    order.push_back(std::to_string(run.seed) + " " +
                    std::to_string(run.cell.labels) + " " +
                    std::to_string(static_cast<int>(run.cell.temperature)));
  }
  EXPECT_EQ(order, (std::vector<std::string>{"7 40 1", "7 40 4", "7 220 1",
                                             "7 220 4", "8 40 1", "8 40 4",
                                             "8 220 1", "8 220 4"}));
  ASSERT_EQ(result->cells.size(), 4u);
  EXPECT_EQ(result->cells[1].cell.temperature, 4);
  EXPECT_EQ(result->cells[1].cell.labels, 40);
  // After each seed there is a whole grid.
  ASSERT_EQ(keep_.seeds.size(), 2u);
  EXPECT_EQ(keep_.seeds[0].cells.size(), 4u);
  EXPECT_EQ(keep_.seeds[0].cells[0].runs, 1);
  EXPECT_TRUE(std::isnan(keep_.seeds[0].cells[0].validation.low));
  EXPECT_EQ(keep_.seeds[1].cells[3].runs, 2);
}

TEST_F(SweepTest, OneTeacherAndOneControlForLabelsAndSeed) {
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(watch_.WorkWith("teacher: training"), 1);
  EXPECT_EQ(watch_.WorkWith("teacher: logits"), 1);
  EXPECT_EQ(watch_.WorkWith("student: training"), 8);
  EXPECT_EQ(watch_.WorkWith("control: training"), 4);
  EXPECT_EQ(watch_.WorkWith(
                "run 6 of 8: T=4, alpha=0.9, 40 labels, seed 8, student: tr"),
            1);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(keep_.runs[i].control.has_value(), i % 2 == 0) << i;
  }
}

TEST_F(SweepTest, EachRunIsTheExperimentAlone) {
  ASSERT_TRUE(Run().ok());
  Watch unused;
  TrainedHere source;
  OneForAll teacher(source);
  ASSERT_TRUE(GetTeacher(options_.experiment, Cpu(), {train_, test_}, unused,
                         teacher, /*introduces=*/false)
                  .ok());
  for (const SweepRun& run : keep_.runs) {
    ExperimentOptions alone = options_.experiment;
    alone.seed = run.seed;
    alone.labels = run.cell.labels == 220 ? 0 : run.cell.labels;
    alone.loss.kd.temperature = run.cell.temperature;
    alone.loss.kd.alpha = run.cell.alpha;
    const auto result =
        RunExperiment(alone, Cpu(), {train_, test_}, unused, teacher);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(run.student.validation.loss, result->student.validation->loss);
    EXPECT_EQ(run.student.test.loss, result->student.test.loss);
    EXPECT_EQ(run.teacher_loss, result->teacher.validation->loss);
    if (!run.control) continue;
    EXPECT_EQ(run.control->validation.loss, result->control->validation->loss);
    EXPECT_EQ(run.control->test.loss, result->control->test.loss);
  }
  // The teacher is that of a run of the first seed, teacher and all.
  const auto whole =
      RunExperiment(options_.experiment, Cpu(), {train_, test_}, unused);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(keep_.runs[0].teacher_loss, whole->teacher.validation->loss);
}

TEST_F(SweepTest, RunsAtOnceAreTheRunsAlone) {
  const auto alone = Run();
  ASSERT_TRUE(alone.ok()) << alone.status();
  at_once_ = 3;
  const auto at_once = Run();
  ASSERT_TRUE(at_once.ok()) << at_once.status();
  EXPECT_EQ(keep_.runs.size(), 8u);
  EXPECT_EQ(keep_.seeds.back().cells[3].runs, 2);
  EXPECT_EQ(watch_.WorkWith("teacher: training"), 1);
  for (size_t i = 0; i < alone->cells.size(); ++i) {
    EXPECT_EQ(alone->cells[i].validation.low, at_once->cells[i].validation.low);
    EXPECT_EQ(alone->cells[i].difference.low, at_once->cells[i].difference.low);
    EXPECT_EQ(alone->cells[i].chosen, at_once->cells[i].chosen);
  }
}

TEST_F(SweepTest, WhereverItWasStoppedItGoesOnToTheSameResult) {
  const auto whole = Run();
  ASSERT_TRUE(whole.ok()) << whole.status();
  const std::vector<SweepRun> all = keep_.runs;
  for (size_t stop = 1; stop <= all.size(); ++stop) {
    keep_.stop_after = static_cast<int>(stop);
    EXPECT_TRUE(
        FailsWith(Run().status(), absl::StatusCode::kCancelled, {"enough"}));
    const std::vector<SweepRun> done = keep_.runs;
    ASSERT_EQ(done.size(), stop);
    keep_.stop_after = 0;
    const auto resumed = Run(done);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(keep_.runs.size(), all.size() - stop);
    EXPECT_EQ(watch_.WorkWith("teacher: training"), stop < all.size() ? 1 : 0);
    EXPECT_NE(
        watch_.lines.find("taken over: " + std::to_string(stop) + " of 8 runs"),
        std::string::npos)
        << watch_.lines;
    for (size_t i = 0; i < whole->cells.size(); ++i) {
      const SweepCellResult &a = whole->cells[i], &b = resumed->cells[i];
      EXPECT_EQ(a.validation.mean, b.validation.mean);
      EXPECT_EQ(a.validation.low, b.validation.low);
      EXPECT_EQ(a.difference.mean, b.difference.mean);
      EXPECT_EQ(a.chosen, b.chosen);
      EXPECT_EQ(a.test.mean, b.test.mean);
    }
  }
}

TEST_F(SweepTest, AWiderGridTakesOverTheNarrowOne) {
  ASSERT_TRUE(Run().ok());
  const std::vector<SweepRun> done = keep_.runs;
  options_.temperatures = {0.5, 4, 1};
  options_.seeds = 3;
  ASSERT_TRUE(Run(done).ok());
  EXPECT_EQ(keep_.runs.size(), 18u - 8u);
  // Only the new seed's.
  EXPECT_EQ(watch_.WorkWith("control: training"), 2);
}

TEST_F(SweepTest, AControlThatIsMissingIsTrained) {
  ASSERT_TRUE(Run().ok());
  std::vector<SweepRun> done = keep_.runs;
  done[4].control.reset();
  ASSERT_TRUE(Run(done).ok());
  ASSERT_EQ(keep_.runs.size(), 1u);
  EXPECT_TRUE(keep_.runs[0].control.has_value());
}

TEST_F(SweepTest, TheValidationImagesChooseAndNotTheTestSet) {
  options_.labels = {0};
  options_.temperatures = {1, 2, 4};
  // The second cell is the best by validation, and the third by the test set.
  const auto result =
      Run({MadeUp(1, 7, 60, 30), MadeUp(1, 8, 60, 30), MadeUp(2, 7, 50, 90),
           MadeUp(2, 8, 54, 94), MadeUp(4, 7, 80, 10), MadeUp(4, 8, 80, 10)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(watch_.work.empty()) << "nothing was left to run";
  EXPECT_FALSE(result->cells[0].chosen);
  EXPECT_TRUE(result->cells[1].chosen);
  EXPECT_FALSE(result->cells[2].chosen);
  // Means of made-up accuracies; the tolerance is double's rounding.
  EXPECT_NEAR(result->cells[1].validation.mean, 0.948, 1e-12);
  EXPECT_NEAR(result->cells[1].difference.mean, 0.048, 1e-12);
  EXPECT_NEAR(result->cells[1].test.mean, 0.908, 1e-12);
  EXPECT_NEAR(result->cells[1].test_difference.mean, 0.008, 1e-12);
  EXPECT_EQ(result->cells[0].test.mean, 0) << "only for those chosen";
}

TEST_F(SweepTest, OfEqualsTheFirstIsChosen) {
  options_.labels = {0};
  // 0.9 + 0.8 and 0.85 + 0.85 need not be equal in binary.
  const auto result = Run({MadeUp(1, 7, 100, 0), MadeUp(1, 8, 200, 0),
                           MadeUp(4, 7, 150, 0), MadeUp(4, 8, 150, 0)});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->cells[0].chosen);
  EXPECT_FALSE(result->cells[1].chosen);
}

TEST_F(SweepTest, RunsOfAnotherTeacherAreRefused) {
  EXPECT_TRUE(FailsWith(Run({MadeUp(1, 7, 60, 30)}).status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"the teacher is not the one", "--output_dir"}));
  EXPECT_TRUE(keep_.runs.empty());
}

TEST_F(SweepTest, AFailedRunIsNamed) {
  // A loss that no float holds, which only its run shows.
  options_.labels = {40};
  options_.methods = {"kd", "dkd"};
  options_.experiment.transfer_set = TransferSet::kLabelled;
  options_.experiment.loss.dkd_nontarget_weight = 1e300;
  EXPECT_TRUE(FailsWith(
      Run().status(), absl::StatusCode::kFailedPrecondition,
      {"run 3 of 8: dkd, T=1, alpha=0.9, 40 labels, seed 7", "are kept"}));
  EXPECT_EQ(keep_.runs.size(), 2u);
}

TEST_F(SweepTest, WhatNoRunOfACellCouldDoIsFoundBeforeTheFirst) {
  // Two images of class 0 are left to train on, and 40 labels need four.
  std::vector<int64_t> most;
  int zeros = 0;
  for (int64_t i = 0; i < train_->count; ++i) {
    if (train_->labels[i] != 0 || ++zeros <= 12) most.push_back(i);
  }
  train_ = std::make_shared<const Dataset>(*Select(*train_, most));
  options_.labels = {20, 40};
  EXPECT_TRUE(FailsWith(Run().status(), absl::StatusCode::kInvalidArgument,
                        {"--labels is 40, which is 4 of class 0"}));
  EXPECT_EQ(keep_.runs.size(), 0u);
  EXPECT_TRUE(watch_.work.empty());
}

// As one finds it that was killed after a seed's last run, before its tables.
TEST_F(SweepTest, ALastBatchOfOneImageIsFoundBeforeTheFirst) {
  options_.experiment.student = "mobile:4,8s,8s,8s";
  options_.experiment.batch_size = 39;
  EXPECT_TRUE(FailsWith(Run().status(), absl::StatusCode::kInvalidArgument,
                        {"--batch_size is 39", "control's 40 images"}));
  EXPECT_TRUE(watch_.work.empty());
}

TEST_F(SweepTest, ASeedThatWasTakenOverIsShownBeforeTheNextOneRuns) {
  ASSERT_TRUE(Run().ok());
  const std::vector<SweepRun> first(keep_.runs.begin(), keep_.runs.begin() + 4);
  ASSERT_TRUE(Run(first).ok());
  ASSERT_EQ(keep_.seeds.size(), 2u);
  EXPECT_EQ(keep_.seeds[0].cells[0].runs, 1);
  EXPECT_EQ(keep_.seeds[1].cells[0].runs, 2);
}

TEST_F(SweepTest, StandardisedLogitsAreForTheMethodsThatCompareLogits) {
  options_.methods = {"kd", "rkd"};
  options_.temperatures = {4};
  options_.labels = {0};
  options_.seeds = 1;
  options_.experiment.loss.standardize_logits = true;
  const auto result = Run();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->cells.size(), 2u);
}

TEST_F(SweepTest, MoreLabelsThanThereAreAreRefused) {
  options_.labels = {40, 60000};
  EXPECT_TRUE(FailsWith(Run().status(), absl::StatusCode::kInvalidArgument,
                        {"--labels has 60000; it must be from 1 to 220"}));
  options_.labels = {0, 220};
  EXPECT_TRUE(FailsWith(Run().status(), absl::StatusCode::kInvalidArgument,
                        {"--labels has all twice", "220"}));
}

TEST_F(SweepTest, RefusesWhatIsOutOfRangeBeforeTraining) {
  const auto refuses = [this](SweepOptions options,
                              const std::vector<std::string>& parts) {
    options_ = std::move(options);
    const auto result =
        FailsWith(Run().status(), absl::StatusCode::kInvalidArgument, parts);
    EXPECT_TRUE(watch_.work.empty());
    return result;
  };
  const SweepOptions good = options_;
  SweepOptions bad = good;
  bad.experiment.validation = 0;
  EXPECT_TRUE(refuses(bad, {"--validation is 0", "the test set chose"}));
  bad = good;
  bad.seeds = 0;
  EXPECT_TRUE(refuses(bad, {"--seeds is 0"}));
  bad = good;
  bad.temperatures = {};
  EXPECT_TRUE(refuses(bad, {"--temperature has no value"}));
  bad = good;
  bad.alphas = {0.5, 0.9, 0.5};
  EXPECT_TRUE(refuses(bad, {"--alpha has 0.5 twice"}));
  bad = good;
  bad.alphas = {0.5, 1.5};
  EXPECT_TRUE(refuses(bad, {"alpha", "1.5"}));
  bad = good;
  bad.labels = {-1};
  EXPECT_TRUE(refuses(bad, {"--labels is -1"}));
  bad = good;
  bad.methods = {"kd", "fsp"};
  EXPECT_TRUE(refuses(bad, {"fsp"}));
  bad = good;
  bad.methods = {"dkd"};
  EXPECT_TRUE(refuses(bad, {"--method=dkd", "--transfer_set=labelled"}));
  // With all labels there is nothing to say against it.
  bad.labels = {0};
  options_ = bad;
  EXPECT_TRUE(Run().ok());
}

}  // namespace
}  // namespace distill
