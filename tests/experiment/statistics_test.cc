#include "experiment/statistics.h"

#include <cmath>

#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(StatisticsTest, StudentsQuantilesAreThePublishedOnes) {
  // M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions",
  // table 26.10, column A = 0.95.
  const struct {
    int64_t degrees;
    double quantile;
  } rows[] = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},
              {5, 2.571},  {9, 2.262},  {10, 2.228}, {19, 2.093},
              {30, 2.042}, {60, 2.000}, {120, 1.980}};
  for (const auto& row : rows) {
    EXPECT_NEAR(StudentT95(row.degrees), row.quantile, 0.0006) << row.degrees;
  }
  // The normal distribution's.
  EXPECT_NEAR(StudentT95(1000000), 1.959964, 1e-5);
}

TEST(StatisticsTest, TheIntervalOfAFewValues) {
  // Deviations -1, 0, 1: a standard deviation of 1, and 4.3027 / sqrt(3).
  const Interval interval = MeanInterval({4, 5, 6});
  EXPECT_DOUBLE_EQ(interval.mean, 5);
  EXPECT_NEAR(interval.high - 5, 4.302653 / std::sqrt(3.0), 1e-5);
  EXPECT_NEAR(5 - interval.low, interval.high - 5, 1e-12);
}

// Two accuracies that differ much: "-62.02 % to 217.52 %".
TEST(StatisticsTest, NoIntervalLeavesWhatTheQuantityCanBe) {
  const Interval wide = MeanInterval({0.6, 0.9}, kShare);
  EXPECT_LT(MeanInterval({0.6, 0.9}).low, 0);
  EXPECT_EQ(wide.low, 0);
  EXPECT_EQ(wide.high, 1);
  EXPECT_DOUBLE_EQ(wide.mean, 0.75);
  const Interval narrow = MeanInterval({0.5, 0.501}, kShare);
  EXPECT_EQ(narrow.low, MeanInterval({0.5, 0.501}).low);
  EXPECT_TRUE(std::isnan(MeanInterval({0.5}, kShare).low));
  // A loss may be as large as it likes.
  const Interval loss = MeanInterval({0.1, 9}, {0});
  EXPECT_EQ(loss.low, 0);
  EXPECT_EQ(loss.high, MeanInterval({0.1, 9}).high);
}

TEST(StatisticsTest, OneValueHasNoInterval) {
  const Interval interval = MeanInterval({4});
  EXPECT_EQ(interval.mean, 4);
  EXPECT_TRUE(std::isnan(interval.low));
  EXPECT_TRUE(std::isnan(interval.high));
  EXPECT_EQ(VerdictOf(interval, 5), Verdict::kUnknown);
}

TEST(StatisticsTest, TheVerdictIsTheIntervals) {
  EXPECT_EQ(VerdictOf({2, 1, 3}, 5), Verdict::kBeats);
  EXPECT_EQ(VerdictOf({-2, -3, -1}, 5), Verdict::kWorse);
  // Equal differences do not say how far they spread, but for none at all.
  EXPECT_EQ(VerdictOf({2, 2, 2}, 5), Verdict::kInconclusive);
  EXPECT_EQ(VerdictOf({0, 0, 0}, 5), Verdict::kNoDifference);
  EXPECT_EQ(VerdictOf({1, -1, 3}, 3.5), Verdict::kNoDifference);
  EXPECT_EQ(VerdictOf({1, -1, 3}, 3), Verdict::kInconclusive);
  EXPECT_EQ(VerdictOf({-1, -3, 1}, 3), Verdict::kInconclusive);
  EXPECT_EQ(VerdictOf(MeanInterval({0, 0, 0}), 0.1), Verdict::kNoDifference);
  EXPECT_EQ(VerdictName(Verdict::kBeats), "BEATS");
  EXPECT_EQ(VerdictName(Verdict::kWorse), "WORSE");
  EXPECT_EQ(VerdictName(Verdict::kNoDifference), "NO DIFFERENCE");
  EXPECT_EQ(VerdictName(Verdict::kInconclusive), "INCONCLUSIVE");
}

TEST(StatisticsTest, SaysHowManyPairsWouldDecide) {
  // Deviation 1, mean 0.5: t(n - 1) / sqrt(n) must be below 0.5 to be above 0,
  // or, with a margin of 2, below 1.5 to be between. Of a table of Student's t:
  // 2.110 / sqrt(18) = 0.497, 2.120 / sqrt(17) = 0.514; 3.182 / sqrt(4) = 1.59,
  // 2.776 / sqrt(5) = 1.24.
  const std::vector<double> differences = {0.5 - std::sqrt(0.5),
                                           0.5 + std::sqrt(0.5)};
  EXPECT_EQ(PairsToDecide(differences, 0.1), 18);
  EXPECT_EQ(PairsToDecide(differences, 2), 5);
  // A mean of 0 can only be shown to be small.
  EXPECT_EQ(PairsToDecide({-1, 1}, 1e-3), 0);
}

}  // namespace
}  // namespace distill
