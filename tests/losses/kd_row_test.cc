#include "losses/kernels/kd_row.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tests/losses/reference.h"

namespace distill {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kFloatEpsilon = std::numeric_limits<float>::epsilon();

// Relative error allowed to one row in double. The arithmetic gives each class
// a few epsilon and the exponents' size (|logit| / T, here at most about 20)
// times epsilon more; the sums of up to 1000 classes add at most 1000 epsilon.
constexpr double kDoubleTolerance = 2000 * kEpsilon;

// Likewise for Real = float, on rows of 10 classes: 10 epsilon from the sums,
// 20 from the exponents, a few from the rest.
constexpr double kFloatTolerance = 40 * kFloatEpsilon;

template <typename Scalar>
struct RowResult {
  double soft;
  double hard;
  std::vector<Scalar> gradient;
};

template <typename Real = double, typename Scalar>
RowResult<Scalar> Evaluate(const std::vector<Scalar>& s,
                           const std::vector<Scalar>& t, int64_t label,
                           double temperature, double soft_weight,
                           double hard_weight) {
  std::vector<Scalar> gradient(s.size());
  const KdRowTerms<Real> terms =
      KdRow<Real>(s.data(), t.data(), s.size(), label, temperature, soft_weight,
                  hard_weight, gradient.data());
  return {terms.soft, terms.hard, gradient};
}

template <typename Scalar>
std::vector<Scalar> RandomRow(std::mt19937_64& generator, int64_t classes,
                              double scale) {
  std::normal_distribution<double> normal(0, scale);
  std::vector<Scalar> row(classes);
  for (Scalar& value : row) value = static_cast<Scalar>(normal(generator));
  return row;
}

template <typename Scalar>
std::vector<double> ToDouble(const std::vector<Scalar>& row) {
  return {row.begin(), row.end()};
}

double Largest(const std::vector<long double>& values) {
  long double largest = 0;
  for (long double value : values) {
    largest = std::max(largest, std::fabs(value));
  }
  return static_cast<double>(largest);
}

// Soft and hard terms relative to themselves, gradients to their largest.
template <typename Scalar>
void ExpectMatchesReference(const RowResult<Scalar>& result,
                            const std::vector<Scalar>& s,
                            const std::vector<Scalar>& t, int64_t label,
                            double temperature, double soft_weight,
                            double hard_weight, double tolerance) {
  const ReferenceTerms expected =
      ReferenceRow(ToDouble(s), ToDouble(t), label, temperature);
  const double soft = static_cast<double>(expected.soft);
  const double hard = static_cast<double>(expected.hard);
  if (soft_weight != 0) {
    EXPECT_NEAR(result.soft, soft, tolerance * soft);
  }
  if (hard_weight != 0) {
    EXPECT_NEAR(result.hard, hard, tolerance * hard);
  }
  std::vector<long double> gradient;
  for (std::size_t i = 0; i < s.size(); ++i) {
    gradient.push_back(soft_weight * expected.soft_gradient[i] +
                       hard_weight * expected.hard_gradient[i]);
  }
  const double largest = Largest(gradient);
  for (std::size_t i = 0; i < s.size(); ++i) {
    EXPECT_NEAR(result.gradient[i], static_cast<double>(gradient[i]),
                tolerance * largest)
        << "class " << i << " of " << s.size();
  }
}

TEST(KdRowTest, MatchesPyTorchTable) {
  for (const TableRow& row : PyTorchTable()) {
    SCOPED_TRACE(row);
    const RowResult<double> result =
        Evaluate(row.s, row.t, row.label, row.temperature, 0.5, 0.5);
    EXPECT_NEAR(result.soft, row.soft, kTableTolerance * row.soft);
    EXPECT_NEAR(result.hard, row.hard, kTableTolerance * row.hard);
  }
}

TEST(KdRowTest, MatchesReferenceOnRandomRows) {
  std::mt19937_64 generator(1);
  for (int64_t classes : {2, 3, 10, 1000}) {
    for (double temperature : {0.5, 1.0, 5.0, 20.0}) {
      for (double alpha : {0.0, 0.3, 1.0}) {
        SCOPED_TRACE(testing::Message() << classes << " classes, T "
                                        << temperature << ", alpha " << alpha);
        const auto s = RandomRow<double>(generator, classes, 3);
        const auto t = RandomRow<double>(generator, classes, 3);
        const int64_t label = classes / 2;
        ExpectMatchesReference(
            Evaluate(s, t, label, temperature, alpha, 1 - alpha), s, t, label,
            temperature, alpha, 1 - alpha, kDoubleTolerance);
      }
    }
  }
}

TEST(KdRowTest, FloatArithmeticMatchesReference) {
  std::mt19937_64 generator(2);
  for (int repeat = 0; repeat < 100; ++repeat) {
    for (double temperature : {1.0, 5.0, 20.0}) {
      SCOPED_TRACE(temperature);
      const auto s = RandomRow<float>(generator, 10, 3);
      const auto t = RandomRow<float>(generator, 10, 3);
      ExpectMatchesReference(Evaluate<float>(s, t, 4, temperature, 0.5, 0.5), s,
                             t, 4, temperature, 0.5, 0.5, kFloatTolerance);
    }
  }
}

// Logits that nearly agree, at temperatures that make them agree more. The
// plain sum of p (log p - log q) in float has no digit right here: its terms
// are 1e-5, their sum 1e-10.
TEST(KdRowTest, KeepsDigitsWhereStudentIsNearTeacher) {
  std::mt19937_64 generator(3);
  for (double temperature : {20.0, 100.0}) {
    for (double distance : {1e-1, 1e-2, 1e-3}) {
      SCOPED_TRACE(testing::Message()
                   << "T " << temperature << ", distance " << distance);
      const auto t = RandomRow<float>(generator, 10, 3);
      auto s = RandomRow<float>(generator, 10, distance);
      for (std::size_t i = 0; i < s.size(); ++i) s[i] += t[i];
      // The gradient is rounded to float in any case.
      ExpectMatchesReference(Evaluate<double>(s, t, 0, temperature, 1, 0), s, t,
                             0, temperature, 1, 0, kFloatEpsilon);
      ExpectMatchesReference(Evaluate<float>(s, t, 0, temperature, 1, 0), s, t,
                             0, temperature, 1, 0, kFloatTolerance);
    }
  }
}

// The plain sum in double keeps 7 digits at the smallest distance here: T^2 =
// 400 times an epsilon of rounding, against a sum of 1e-6. The same count for
// the long double of the reference gives 1e-10, so that much is tested, with a
// factor of ten to spare.
TEST(KdRowTest, DoubleKeepsNineDigitsWhereStudentIsNearTeacher) {
  std::mt19937_64 generator(4);
  for (double distance : {1e-1, 1e-2, 1e-3}) {
    SCOPED_TRACE(distance);
    const auto t = RandomRow<double>(generator, 10, 3);
    auto s = RandomRow<double>(generator, 10, distance);
    for (std::size_t i = 0; i < s.size(); ++i) s[i] += t[i];
    ExpectMatchesReference(Evaluate(s, t, 0, 20, 1, 0), s, t, 0, 20, 1, 0,
                           1e-9);
  }
}

TEST(KdRowTest, EqualLogitsGiveExactlyZero) {
  std::mt19937_64 generator(5);
  for (int64_t classes : {2, 3, 10, 1000}) {
    for (double temperature : {0.3, 1.0, 5.0, 100.0}) {
      const auto row = RandomRow<float>(generator, classes, 5);
      const auto in_double = Evaluate<double>(row, row, 0, temperature, 1, 0);
      const auto in_float = Evaluate<float>(row, row, 0, temperature, 1, 0);
      const std::vector<float> zeros(classes, 0);
      EXPECT_EQ(in_double.soft, 0);
      EXPECT_EQ(in_double.gradient, zeros);
      EXPECT_EQ(in_float.soft, 0);
      EXPECT_EQ(in_float.gradient, zeros);
    }
  }
}

TEST(KdRowTest, SoftTermIsNeverNegative) {
  std::mt19937_64 generator(6);
  for (int repeat = 0; repeat < 1000; ++repeat) {
    const auto t = RandomRow<float>(generator, 10, 1);
    auto s = t;
    s[repeat % 10] = std::nextafter(s[repeat % 10], 100.f);
    EXPECT_GE(Evaluate<float>(s, t, 0, 5, 1, 0).soft, 0);
    EXPECT_GT(Evaluate<double>(s, t, 0, 5, 1, 0).soft, 0);
  }
}

// Logits in steps of 1/64 up to 8, and 1024 added: sums and differences are
// exact, so the shift may not change a bit.
TEST(KdRowTest, ConstantAddedToEitherRowChangesNothing) {
  std::mt19937_64 generator(7);
  std::uniform_int_distribution<int> steps(-512, 512);
  std::vector<double> s(10), t(10);
  for (double& value : s) value = steps(generator) / 64.0;
  for (double& value : t) value = steps(generator) / 64.0;
  const RowResult<double> result = Evaluate(s, t, 3, 5, 0.4, 0.6);
  for (bool shift_student : {true, false}) {
    std::vector<double> shifted = shift_student ? s : t;
    for (double& value : shifted) value += 1024;
    const RowResult<double> moved = shift_student
                                        ? Evaluate(shifted, t, 3, 5, 0.4, 0.6)
                                        : Evaluate(s, shifted, 3, 5, 0.4, 0.6);
    EXPECT_EQ(moved.soft, result.soft);
    EXPECT_EQ(moved.hard, result.hard);
    EXPECT_EQ(moved.gradient, result.gradient);
  }
}

TEST(KdRowTest, LargeLogitsStayFinite) {
  const std::vector<float> s = {1e4f, 0, -1e4f, 3};
  const std::vector<float> t = {-1e4f, 1e4f, 1e4f, 0};
  for (double temperature : {0.5, 1.0, 20.0}) {
    for (int64_t label = 0; label < 4; ++label) {
      const auto in_double = Evaluate<double>(s, t, label, temperature, .5, .5);
      ExpectMatchesReference(in_double, s, t, label, temperature, 0.5, 0.5,
                             kFloatEpsilon);
      const auto in_float = Evaluate<float>(s, t, label, temperature, .5, .5);
      ExpectMatchesReference(in_float, s, t, label, temperature, 0.5, 0.5,
                             kFloatTolerance);
    }
  }
}

// Hinton 2015, eq. 4, for one row: gradient -> (s - mean s - t + mean t) /
// classes. What it leaves out is smaller by (largest logit) / T, here under
// 15 / T. T = 1e300 is not sensible, but it is accepted, so it must be right.
TEST(KdRowTest, GradientTendsToDifferenceOfCentredLogits) {
  std::mt19937_64 generator(8);
  for (int64_t classes : {2, 10}) {
    const auto s = RandomRow<double>(generator, classes, 3);
    const auto t = RandomRow<double>(generator, classes, 3);
    double s_mean = 0, t_mean = 0;
    for (int64_t i = 0; i < classes; ++i) {
      s_mean += s[i] / classes;
      t_mean += t[i] / classes;
    }
    for (double temperature : {1e3, 1e6, 1e12, 1e300}) {
      SCOPED_TRACE(temperature);
      const RowResult<double> result = Evaluate(s, t, 0, temperature, 1, 0);
      double square = 0;
      for (int64_t i = 0; i < classes; ++i) {
        const double centred = s[i] - s_mean - t[i] + t_mean;
        square += centred * centred;
        EXPECT_NEAR(result.gradient[i], centred / classes,
                    15 * (15 / temperature + kDoubleTolerance));
      }
      // The value tends to what that gradient belongs to.
      const double limit = square / (2 * classes);
      EXPECT_NEAR(result.soft, limit,
                  limit * (30 / temperature + kDoubleTolerance));
    }
  }
}

// log(1 + e^-40) rounds to 0 where it is formed as a logarithm of 1 + e^-40.
TEST(KdRowTest, ConfidentRightAnswerKeepsItsSmallLoss) {
  const std::vector<double> s = {40, 0};
  const RowResult<double> result = Evaluate(s, s, 0, 1, 0, 1);
  const double expected = std::exp(-40.0);
  EXPECT_NEAR(result.hard, expected, 1e-12 * expected);
  EXPECT_NEAR(result.gradient[0], -expected, 1e-12 * expected);
  EXPECT_NEAR(result.gradient[1], expected, 1e-12 * expected);
}

// Central differences: the error of step h is h^2 f'''/6 (f''' below 1 here)
// plus 10 epsilon / h from rounding a loss below 10; h = 1e-5 balances the two
// below 1e-9.
TEST(KdRowTest, GradientMatchesFiniteDifferences) {
  constexpr double kStep = 1e-5;
  std::mt19937_64 generator(9);
  for (int64_t classes : {2, 3, 10}) {
    for (double alpha : {0.0, 0.7, 1.0}) {
      const auto s = RandomRow<double>(generator, classes, 2);
      const auto t = RandomRow<double>(generator, classes, 2);
      const auto value = [&](std::vector<double> at, int64_t i, double step) {
        at[i] += step;
        const auto terms = Evaluate(at, t, 1, 3, alpha, 1 - alpha);
        return alpha * terms.soft + (1 - alpha) * terms.hard;
      };
      const auto gradient = Evaluate(s, t, 1, 3, alpha, 1 - alpha).gradient;
      for (int64_t i = 0; i < classes; ++i) {
        const double slope =
            (value(s, i, kStep) - value(s, i, -kStep)) / (2 * kStep);
        EXPECT_NEAR(gradient[i], slope, 1e-9) << "alpha " << alpha;
      }
    }
  }
}

TEST(KdRowTest, TermOfWeightZeroReadsNothing) {
  const std::vector<double> s = {1, 2, 3};
  const std::vector<double> t = {3, 2, 1};
  std::vector<double> gradient(3);
  const auto hard_only = KdRow(s.data(), static_cast<const double*>(nullptr), 3,
                               2, 5, 0, 1, gradient.data());
  EXPECT_EQ(hard_only.soft, 0);
  EXPECT_GT(hard_only.hard, 0);
  const int64_t no_label = std::numeric_limits<int64_t>::max() / 16;
  const auto soft_only =
      KdRow(s.data(), t.data(), 3, no_label, 5, 1, 0, gradient.data());
  EXPECT_EQ(soft_only.hard, 0);
  EXPECT_GT(soft_only.soft, 0);
}

TEST(KdRowTest, NoGradientWantedGivesTheSameTerms) {
  const std::vector<double> s = {1, 2, 3};
  const std::vector<double> t = {3, 2, 1};
  const auto with = Evaluate(s, t, 2, 5, 0.5, 0.5);
  const auto without = KdRow(s.data(), t.data(), 3, 2, 5, 0.5, 0.5,
                             static_cast<double*>(nullptr));
  EXPECT_EQ(without.soft, with.soft);
  EXPECT_EQ(without.hard, with.hard);
}

TEST(KdRowTest, NanIsNotHidden) {
  const std::vector<double> clean = {1, 2, 3};
  for (int i = 0; i < 3; ++i) {
    std::vector<double> broken = clean;
    broken[i] = std::nan("");
    EXPECT_TRUE(std::isnan(Evaluate(broken, clean, 2, 5, 1, 0).soft)) << i;
    EXPECT_TRUE(std::isnan(Evaluate(clean, broken, 2, 5, 1, 0).soft)) << i;
    EXPECT_TRUE(std::isnan(Evaluate(broken, clean, 2, 5, 0, 1).hard)) << i;
  }
}

}  // namespace
}  // namespace distill
