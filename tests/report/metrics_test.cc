#include "report/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "ATen/ops/tensor.h"
#include "base/random.h"
#include "c10/util/Exception.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

// Sums of a few thousand numbers in double, in different orders: each rounding
// is 2^-53 of at most about 1e4.
constexpr double kRounding = 1e-11;

at::Tensor Logits(const std::vector<float>& values, int64_t classes) {
  return at::tensor(values).reshape({-1, classes});
}

// The logits that give these probabilities, to float32's digits.
at::Tensor LogitsOf(std::vector<float> probabilities, int64_t classes) {
  for (float& p : probabilities) p = std::log(p);
  return Logits(probabilities, classes);
}

// Four samples of two classes. Predicted: 0, 1, 0, 1; so the third is wrong.
const std::vector<int32_t>& FourLabels() {
  static const auto& labels = *new std::vector<int32_t>{0, 1, 1, 1};
  return labels;
}
Predictions FourAnswers() {
  return PredictionsOf(
      LogitsOf({0.9f, 0.1f, 0.3f, 0.7f, 0.6f, 0.4f, 0.38f, 0.62f}, 2));
}

// Random logits, labels that are often the largest one, and a slow reference.
struct Made {
  explicit Made(int64_t classes, uint64_t seed = 1) : classes(classes) {
    Random random(seed, "test metrics");
    for (int64_t i = 0; i < kSamples; ++i) {
      labels.push_back(
          static_cast<int32_t>(random.Below(static_cast<uint64_t>(classes))));
      for (int64_t c = 0; c < classes; ++c) {
        values.push_back(static_cast<float>(6 * random.Uniform() - 3) +
                         (c == labels.back() ? 2 : 0));
      }
    }
    predictions = PredictionsOf(Logits(values, classes));
  }
  // By the definition, without care for overflow.
  double P(int64_t i, int64_t c, double temperature = 1) const {
    double sum = 0;
    for (int64_t j = 0; j < classes; ++j) {
      sum += std::exp(values[i * classes + j] / temperature);
    }
    return std::exp(values[i * classes + c] / temperature) / sum;
  }
  int64_t Predicted(int64_t i) const {
    int64_t best = 0;
    for (int64_t c = 1; c < classes; ++c) {
      if (values[i * classes + c] > values[i * classes + best]) best = c;
    }
    return best;
  }
  static constexpr int64_t kSamples = 700;
  int64_t classes;
  std::vector<float> values;
  std::vector<int32_t> labels;
  Predictions predictions;
};

TEST(MetricsTest, CountsByHand) {
  const ModelMetrics metrics = Measure(FourAnswers(), FourLabels());
  EXPECT_EQ(metrics.samples, 4);
  EXPECT_EQ(metrics.errors, 1);
  EXPECT_EQ(metrics.label_samples, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(metrics.label_hits, (std::vector<int64_t>{1, 2}));
  ASSERT_EQ(metrics.confusions.size(), 1u);
  EXPECT_EQ(metrics.Confused(0, 0), 1);
  EXPECT_EQ(metrics.Confused(0, 1), 0);
  EXPECT_EQ(metrics.Confused(1, 0), 1);
  EXPECT_EQ(metrics.Confused(1, 1), 2);
  EXPECT_DOUBLE_EQ(metrics.ClassAccuracy(0), 1);
  EXPECT_DOUBLE_EQ(metrics.ClassAccuracy(1), 2.0 / 3);
  // The labels' probabilities are 0.9, 0.7, 0.4, 0.62, as float32's.
  EXPECT_NEAR(
      metrics.nll,
      -(std::log(0.9) + std::log(0.7) + std::log(0.4) + std::log(0.62)) / 4,
      1e-6);
}

// The tops are 0.9, 0.7, 0.6, 0.62: times 15 that is 13.5, 10.5, 9.0, 9.3. 0.6
// is the end of bin 8, and 0.62 in bin 9. Each bin has one sample, so the error
// is the mean of |hit - top|: (0.1 + 0.3 + 0.6 + 0.38) / 4.
TEST(MetricsTest, CalibrationByHand) {
  const ModelMetrics metrics =
      Measure(PredictionsOf(LogitsOf(
                  {0.9f, 0.1f, 0.3f, 0.7f, 0.599f, 0.401f, 0.38f, 0.62f}, 2)),
              FourLabels());
  for (int bin : {13, 10, 8, 9}) {
    EXPECT_EQ(metrics.bins[bin].samples, 1) << bin;
  }
  EXPECT_EQ(metrics.bins[8].hits, 0);
  EXPECT_NEAR(metrics.bins[9].confidence, 0.62, 1e-6);
  EXPECT_NEAR(metrics.ece, (0.1 + 0.3 + 0.599 + 0.38) / 4, 1e-6);
}

// Two samples of one bin, 0.95 and 0.97, one of them right: |1 - 1.92| / 2.
TEST(MetricsTest, ABinIsJudgedAsAWhole) {
  const ModelMetrics metrics =
      Measure(PredictionsOf(LogitsOf({0.95f, 0.05f, 0.97f, 0.03f}, 2)), {0, 1});
  EXPECT_EQ(metrics.bins[14].samples, 2);
  EXPECT_NEAR(metrics.ece, 0.46, 1e-6);
}

TEST(MetricsTest, AgreesWithASlowReference) {
  for (int64_t classes : {2, 10, 256}) {
    const Made made(classes);
    const ModelMetrics metrics = Measure(made.predictions, made.labels);
    int64_t errors = 0;
    double nll = 0, ece = 0;
    for (int64_t i = 0; i < Made::kSamples; ++i) {
      errors += made.Predicted(i) != made.labels[i] ? 1 : 0;
      nll -= std::log(made.P(i, made.labels[i]));
    }
    int64_t binned = 0;
    for (int bin = 0; bin < 15; ++bin) {
      double gap = 0;
      for (int64_t i = 0; i < Made::kSamples; ++i) {
        const double top = made.P(i, made.Predicted(i));
        if (top <= bin / 15.0 || top > (bin + 1) / 15.0) continue;
        gap += (made.Predicted(i) == made.labels[i] ? 1 : 0) - top;
        ++binned;
      }
      ece += std::fabs(gap) / Made::kSamples;
    }
    ASSERT_EQ(binned, Made::kSamples);
    EXPECT_EQ(metrics.errors, errors);
    EXPECT_NEAR(metrics.nll, nll / Made::kSamples, kRounding);
    EXPECT_NEAR(metrics.ece, ece, kRounding);
    int64_t wrong = 0;
    for (int64_t a = 0; a < classes; ++a) {
      for (int64_t b = 0; b < classes; ++b) {
        if (a != b) wrong += metrics.Confused(a, b);
      }
    }
    EXPECT_EQ(wrong, errors);
  }
}

TEST(MetricsTest, ManyAndFewLogitsOverflowNothing) {
  const Predictions predictions =
      PredictionsOf(Logits({1000, -1000, 3e38f, -3e38f, 0, 0}, 2));
  EXPECT_EQ(predictions.predicted, (std::vector<int>{0, 0, 0}));
  EXPECT_DOUBLE_EQ(predictions.LogProbability(0, 1), -2000);
  const ModelMetrics metrics = Measure(predictions, {1, 0, 1});
  EXPECT_NEAR(metrics.nll, (2000 + std::log(2)) / 3, kRounding);
  EXPECT_NEAR(Softened(predictions, 2, 5)[0], 0.5, kRounding);
}

TEST(MetricsTest, NeedsFiniteLogitsAndALabelEach) {
  EXPECT_THROW(PredictionsOf(Logits({1, NAN}, 2)), c10::Error);
  EXPECT_THROW(PredictionsOf(Logits({1, INFINITY}, 2)), c10::Error);
  EXPECT_THROW(PredictionsOf(at::tensor({1.0, 2.0}).reshape({1, 2})),
               c10::Error);
  EXPECT_THROW(Measure(FourAnswers(), {0, 1}), c10::Error);
}

TEST(MetricsTest, AClassWithoutSamplesHasNoAccuracy) {
  const ModelMetrics metrics =
      Measure(PredictionsOf(Logits({3, 2, 1}, 3)), {0});
  EXPECT_DOUBLE_EQ(metrics.ClassAccuracy(0), 1);
  EXPECT_TRUE(std::isnan(metrics.ClassAccuracy(2)));
}

// A row of `classes` logits: 9 of class 0, 8 of class 1, and so on; then 0.
std::vector<float> Falling(int64_t classes) {
  std::vector<float> row(classes);
  for (int i = 0; i < 9; ++i) row[i] = static_cast<float>(9 - i);
  return row;
}

TEST(MetricsTest, TheFifthGuessIsOfTheTopFive) {
  std::vector<float> logits;
  for (int i = 0; i < 4; ++i) {
    const std::vector<float> row = Falling(20);
    logits.insert(logits.end(), row.begin(), row.end());
  }
  // The first, the fifth, the sixth and the last of equal ones.
  const Predictions predictions = PredictionsOf(Logits(logits, 20));
  EXPECT_DOUBLE_EQ(Measure(predictions, {0, 4, 5, 19}).top5.value(), 0.5);
  EXPECT_DOUBLE_EQ(Measure(predictions, {0, 1, 2, 3}).top5.value(), 1);
  EXPECT_EQ(Measure(predictions, {0, 1, 2, 3}).errors, 3);
  // Of equal logits the first are the largest.
  const Predictions equal =
      PredictionsOf(Logits(std::vector<float>(4 * 20, 1.5f), 20));
  EXPECT_DOUBLE_EQ(Measure(equal, {0, 4, 5, 19}).top5.value(), 0.5);
  // Of fewer classes five guesses say little.
  EXPECT_FALSE(
      Measure(PredictionsOf(Logits(Falling(19), 19)), {0}).top5.has_value());
}

// Of label 0 three of four are right, of label 1 one of one, of label 2 none of
// one, and label 3 has no samples, though it is predicted.
TEST(MetricsTest, BalancedAccuracyByHand) {
  const auto measured = [](const std::vector<int32_t>& labels,
                           const std::vector<int>& predicted) {
    std::vector<float> logits;
    for (const int p : predicted) {
      for (int c = 0; c < 4; ++c) logits.push_back(c == p ? 1.0f : 0.0f);
    }
    return Measure(PredictionsOf(Logits(logits, 4)), labels);
  };
  EXPECT_NEAR(measured({0, 0, 0, 0, 1, 2}, {0, 0, 3, 0, 1, 1}).balanced.value(),
              (0.75 + 1 + 0) / 3, kRounding);
  // Twice as many is not more than twice, and no samples are no class.
  EXPECT_FALSE(measured({0, 0, 1}, {0, 0, 1}).balanced.has_value());
  EXPECT_TRUE(measured({0, 0, 0, 1}, {0, 0, 0, 1}).balanced.has_value());
}

// A matrix of 65,536 classes would be 32 GiB.
TEST(MetricsTest, ManyClassesTakeTheRoomOfTheErrors) {
  constexpr int64_t kClasses = 65536;
  std::vector<float> logits(3 * kClasses);
  for (int i = 0; i < 3; ++i) logits[i * kClasses + 65535] = 1;
  const ModelMetrics metrics =
      Measure(PredictionsOf(Logits(logits, kClasses)), {65535, 7, 7});
  EXPECT_EQ(metrics.confusions,
            (std::map<std::pair<int64_t, int64_t>, int64_t>{{{7, 65535}, 2}}));
  EXPECT_EQ(metrics.Confused(65535, 65535), 1);
  EXPECT_DOUBLE_EQ(metrics.ClassAccuracy(7), 0);
}

// The ends are where |share - p| = z sqrt(p (1 - p) / n), which is how Wilson
// finds them; and by symmetry those of the misses are 1 less these.
TEST(MetricsTest, WilsonsIntervalSolvesItsEquation) {
  for (int64_t n : {1, 10, 10000}) {
    for (int64_t hits : {int64_t{0}, n / 3, n}) {
      const Interval interval = WilsonInterval(hits, n);
      const double share = static_cast<double>(hits) / static_cast<double>(n);
      EXPECT_DOUBLE_EQ(interval.mean, share);
      for (double p : {interval.low, interval.high}) {
        EXPECT_GE(p, 0);
        EXPECT_LE(p, 1);
        if (p == share) continue;
        EXPECT_NEAR(std::fabs(share - p),
                    1.959964 * std::sqrt(p * (1 - p) / static_cast<double>(n)),
                    1e-6);
      }
      const Interval misses = WilsonInterval(n - hits, n);
      EXPECT_NEAR(misses.low, 1 - interval.high, kRounding);
    }
  }
  // With none of 10: 0, and z^2 / (n + z^2) = 3.841459 / 13.841459.
  EXPECT_EQ(WilsonInterval(0, 10).low, 0);
  EXPECT_NEAR(WilsonInterval(0, 10).high, 0.277533, 1e-6);
}

// The teacher predicts 0, 1, 0, 1, the student below 0, 1, 0, 0: three in four
// agree, and on the one that the teacher has wrong (the third) they agree.
TEST(MetricsTest, FidelityByHand) {
  const Predictions student = PredictionsOf(
      LogitsOf({0.9f, 0.1f, 0.3f, 0.7f, 0.6f, 0.4f, 0.5f, 0.5f}, 2));
  const Fidelity fidelity =
      CompareWithTeacher(FourAnswers(), student, FourLabels());
  EXPECT_EQ(fidelity.agreed, 3);
  EXPECT_EQ(fidelity.teacher_errors, 1);
  EXPECT_EQ(fidelity.agreed_on_teacher_errors, 1);
  // Only the last differs: 0.38 log(0.38 / 0.5) + 0.62 log(0.62 / 0.5).
  EXPECT_NEAR(fidelity.kl, (0.38 * std::log(0.76) + 0.62 * std::log(1.24)) / 4,
              1e-6);
  const Discordance discordance =
      CompareErrors(FourAnswers(), student, FourLabels());
  EXPECT_EQ(discordance.only_first_right, 1);
  EXPECT_EQ(discordance.only_second_right, 0);
}

TEST(MetricsTest, FidelityAgreesWithASlowReference) {
  const Made teacher(10), student(10, 2);
  const Fidelity fidelity = CompareWithTeacher(
      teacher.predictions, student.predictions, teacher.labels);
  double kl = 0;
  int64_t agreed = 0;
  for (int64_t i = 0; i < Made::kSamples; ++i) {
    agreed += teacher.Predicted(i) == student.Predicted(i) ? 1 : 0;
    for (int64_t c = 0; c < 10; ++c) {
      kl += teacher.P(i, c) * std::log(teacher.P(i, c) / student.P(i, c));
    }
  }
  EXPECT_EQ(fidelity.agreed, agreed);
  EXPECT_NEAR(fidelity.kl, kl / Made::kSamples, kRounding);
  EXPECT_NEAR(CompareWithTeacher(teacher.predictions, teacher.predictions,
                                 teacher.labels)
                  .kl,
              0, kRounding);
}

TEST(MetricsTest, DarkKnowledgeIsWhatTheTeacherHasRightAndUnsure) {
  // Right are samples 0, 1 and 3, with tops of 0.9, 0.7 and 0.62. Of two
  // classes, entropy falls with the top at any temperature.
  EXPECT_EQ(MostDarkKnowledge(FourAnswers(), FourLabels(), 5, 10),
            (std::vector<int64_t>{3, 1, 0}));
  EXPECT_EQ(MostDarkKnowledge(FourAnswers(), FourLabels(), 5, 1),
            (std::vector<int64_t>{3}));
  EXPECT_NEAR(Entropy({0.5, 0.25, 0.25, 0}), 1.5 * std::log(2), kRounding);
}

TEST(MetricsTest, SofteningDividesTheLogits) {
  const Made made(10);
  for (double temperature : {0.5, 1.0, 5.0}) {
    const std::vector<double> softened =
        Softened(made.predictions, 3, temperature);
    for (int64_t c = 0; c < 10; ++c) {
      EXPECT_NEAR(softened[c], made.P(3, c, temperature), kRounding);
    }
  }
}

TEST(MetricsTest, TheStudentIsAlone) {
  const std::vector<int32_t> labels = {0, 0, 0, 0};
  const auto predictions = [](const std::vector<float>& right) {
    std::vector<float> logits;
    for (float r : right) logits.insert(logits.end(), {r, 1 - r});
    return PredictionsOf(Logits(logits, 2));
  };
  const Predictions teacher = predictions({1, 1, 0, 1});
  const Predictions student = predictions({0, 0, 0, 1});
  const Predictions control = predictions({1, 0, 1, 1});
  EXPECT_EQ(StudentAlone(false, teacher, student, &control, labels),
            (std::vector<int64_t>{0}));
  EXPECT_EQ(StudentAlone(false, teacher, student, nullptr, labels),
            (std::vector<int64_t>{0, 1}));
  // What is alone right of the one is alone wrong of the other.
  EXPECT_EQ(StudentAlone(true, student, teacher, &student, labels),
            (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(StudentAlone(true, student, teacher, &teacher, labels),
            (std::vector<int64_t>{}));
}

}  // namespace
}  // namespace distill
