#include "training/schedule.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

std::vector<double> Rates(const Schedule& schedule) {
  std::vector<double> rates;
  for (int64_t step = 0; step < schedule.steps; ++step) {
    rates.push_back(schedule.At(step));
  }
  return rates;
}

TEST(ScheduleTest, ConstantIsConstant) {
  for (double rate : Rates({ScheduleKind::kConstant, 0.01, 938})) {
    EXPECT_EQ(rate, 0.01);
  }
}

TEST(ScheduleTest, OneCycleRisesForAFifthAndFallsToNearZero) {
  const std::vector<double> rates =
      Rates({ScheduleKind::kOneCycle, 0.01, 1000});
  EXPECT_DOUBLE_EQ(rates[0], 0.01 / 200);
  EXPECT_DOUBLE_EQ(rates[99], 0.005);
  EXPECT_DOUBLE_EQ(rates[199], 0.01);
  EXPECT_EQ(std::max_element(rates.begin(), rates.end()) - rates.begin(), 199);
  EXPECT_TRUE(std::is_sorted(rates.begin(), rates.begin() + 200));
  EXPECT_TRUE(std::is_sorted(rates.rbegin(), rates.rbegin() + 801));
  EXPECT_DOUBLE_EQ(rates[999], 0.01 / 801);
}

TEST(ScheduleTest, CosineFallsFromTheRateToNearZero) {
  const std::vector<double> rates = Rates({ScheduleKind::kCosine, 0.01, 1000});
  EXPECT_EQ(rates[0], 0.01);
  for (int step = 0; step < 1000; ++step) {
    EXPECT_NEAR(rates[step], 0.01 * (1 + std::cos(M_PI * step / 1000)) / 2,
                1e-16);
  }
  EXPECT_TRUE(std::is_sorted(rates.rbegin(), rates.rend()));
  const int64_t many = int64_t{1} << 40;
  EXPECT_GT((Schedule{ScheduleKind::kCosine, 0.01, many}.At(many - 1)), 0);
}

TEST(ScheduleTest, EveryStepOfAnyLengthMovesSomething) {
  for (int64_t steps = 1; steps < 30; ++steps) {
    for (const auto& [word, kind] : ScheduleKinds()) {
      for (double rate : Rates({kind, 0.01, steps})) {
        EXPECT_GT(rate, 0) << word << " " << steps;
        EXPECT_LE(rate, 0.01) << word << " " << steps;
      }
    }
  }
}

}  // namespace
}  // namespace distill
