// The methods that compare features: their papers' formulas point by point,
// gradients, and what they must not see.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "losses/attention.h"
#include "losses/cross_entropy.h"
#include "losses/fitnets.h"
#include "losses/methods.h"
#include "losses/rkd.h"

namespace distill {
namespace {

using Point = std::vector<double>;

Point PointOf(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(at::kDouble).contiguous();
  const double* const data = values.const_data_ptr<double>();
  return {data, data + values.numel()};
}

std::vector<Point> PointsOf(const at::Tensor& feature) {
  std::vector<Point> points;
  for (int64_t i = 0; i < feature.size(0); ++i) {
    points.push_back(PointOf(feature[i]));
  }
  return points;
}

// Equation 3 of FitNets with the mean in place of half the sum.
long double HintFormula(const at::Tensor& student, const at::Tensor& teacher) {
  const Point s = PointOf(student), t = PointOf(teacher);
  long double sum = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    sum += (static_cast<long double>(s[i]) - t[i]) * (s[i] - t[i]);
  }
  return sum / static_cast<long double>(s.size());
}

// One image's map: the sum of squares over the channels, of norm 1.
std::vector<long double> AttentionOf(const at::Tensor& image) {
  const int64_t channels = image.size(0), places = image[0].numel();
  const Point values = PointOf(image);
  std::vector<long double> map(places);
  long double square = 0;
  for (int64_t p = 0; p < places; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      const long double value = values[c * places + p];
      map[p] += value * value;
    }
    square += map[p] * map[p];
  }
  for (long double& value : map) value /= std::sqrt(square);
  return map;
}

long double AttentionFormula(const at::Tensor& student,
                             const at::Tensor& teacher) {
  long double sum = 0;
  for (int64_t i = 0; i < student.size(0); ++i) {
    const auto s = AttentionOf(student[i]), t = AttentionOf(teacher[i]);
    for (size_t p = 0; p < s.size(); ++p) sum += (s[p] - t[p]) * (s[p] - t[p]);
  }
  return sum / static_cast<long double>(student.size(0));
}

long double Huber(long double difference) {
  const long double size = std::abs(difference);
  return size <= 1 ? size * size / 2 : size - 0.5L;
}

long double Distance(const Point& a, const Point& b) {
  long double square = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    square += (static_cast<long double>(a[i]) - b[i]) * (a[i] - b[i]);
  }
  return std::sqrt(square);
}

long double DistanceFormula(const at::Tensor& student,
                            const at::Tensor& teacher) {
  const auto s = PointsOf(student), t = PointsOf(teacher);
  const size_t n = s.size();
  const auto pairs = static_cast<long double>(n * (n - 1));
  long double mean_s = 0, mean_t = 0, sum = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      mean_s += Distance(s[i], s[j]) / pairs;
      mean_t += Distance(t[i], t[j]) / pairs;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      sum +=
          Huber(Distance(s[i], s[j]) / mean_s - Distance(t[i], t[j]) / mean_t);
    }
  }
  return sum / pairs;
}

// Of the angle at `o`.
long double Cosine(const Point& a, const Point& o, const Point& b) {
  long double inner = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    inner += (static_cast<long double>(a[i]) - o[i]) * (b[i] - o[i]);
  }
  return inner / Distance(a, o) / Distance(b, o);
}

long double AngleFormula(const at::Tensor& student, const at::Tensor& teacher) {
  const auto s = PointsOf(student), t = PointsOf(teacher);
  const size_t n = s.size();
  long double sum = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      for (size_t k = 0; k < n; ++k) {
        if (i == j || j == k || i == k) continue;
        sum += Huber(Cosine(s[i], s[j], s[k]) - Cosine(t[i], t[j], t[k]));
      }
    }
  }
  return sum / static_cast<long double>(n * (n - 1) * (n - 2));
}

struct Term {
  const char* name;
  std::function<at::Tensor(const at::Tensor&, const at::Tensor&)> loss;
  long double (*formula)(const at::Tensor&, const at::Tensor&);
  bool same_channels;
  int64_t least_batch;
};

std::vector<Term> Terms() {
  return {{"hint", FitNetsHint, HintFormula, true, 1},
          {"attention", AttentionTransfer, AttentionFormula, false, 1},
          {"distance", RkdDistance, DistanceFormula, false, 2},
          {"angle", RkdAngle, AngleFormula, false, 3}};
}

struct Inputs {
  Inputs(const Term& term, int64_t batch, at::ScalarType dtype = at::kDouble) {
    at::manual_seed(batch + 10);
    student = at::randn({batch, 3, 4, 5}, at::kDouble).to(dtype);
    teacher =
        (2 * at::randn({batch, term.same_channels ? 3 : 7, 4, 5}, at::kDouble))
            .to(dtype);
  }
  at::Tensor student, teacher;
};

class FeatureTermTest : public ::testing::TestWithParam<Term> {
 protected:
  at::Tensor Gradient(const at::Tensor& student, const at::Tensor& teacher) {
    const at::Tensor leaf = student.detach().clone().requires_grad_(true);
    GetParam().loss(leaf, teacher).backward();
    return leaf.grad();
  }
};

TEST_P(FeatureTermTest, IsThePapersFormula) {
  for (int64_t batch : {1, 2, 3, 8}) {
    if (batch < GetParam().least_batch) continue;
    const Inputs in(GetParam(), batch);
    const auto expected =
        static_cast<double>(GetParam().formula(in.student, in.teacher));
    const at::Tensor found = GetParam().loss(in.student, in.teacher);
    EXPECT_EQ(found.dim(), 0);
    EXPECT_EQ(found.scalar_type(), at::kDouble);
    EXPECT_NEAR(found.item<double>(), expected, 1e-12 * (1 + expected));
  }
}

TEST_P(FeatureTermTest, ItsGradientIsThatOfFiniteDifferences) {
  const Inputs in(GetParam(), 4);
  const at::Tensor gradient = Gradient(in.student, in.teacher);
  const double step = 1e-5;
  for (int64_t i = 0; i < in.student.numel(); i += 7) {
    const auto at_offset = [&](double offset) {
      at::Tensor moved = in.student.clone();
      moved.view({-1})[i] += offset;
      return GetParam().loss(moved, in.teacher).item<double>();
    };
    EXPECT_NEAR(gradient.view({-1})[i].item<double>(),
                (at_offset(step) - at_offset(-step)) / (2 * step), 1e-8);
  }
}

TEST_P(FeatureTermTest, ATeacherThatIsTheStudentTeachesNothing) {
  const Inputs in(GetParam(), 4);
  EXPECT_NEAR(GetParam().loss(in.student, in.student).item<double>(), 0, 1e-14);
  EXPECT_LE(Gradient(in.student, in.student.clone()).abs().max().item<double>(),
            1e-14);
}

TEST_P(FeatureTermTest, TheTeacherReceivesNoGradient) {
  const Inputs in(GetParam(), 4);
  in.student.requires_grad_(true);
  in.teacher.requires_grad_(true);
  GetParam().loss(in.student, in.teacher).backward();
  EXPECT_TRUE(in.student.grad().defined());
  EXPECT_FALSE(in.teacher.grad().defined());
}

TEST_P(FeatureTermTest, IsFiniteForDeadAndForHugeFeatures) {
  for (at::ScalarType dtype : {at::kFloat, at::kDouble}) {
    for (double size : {0.0, 1e4}) {
      Inputs in(GetParam(), 4, dtype);
      in.student = in.student * size;
      EXPECT_TRUE(std::isfinite(
          GetParam().loss(in.student, in.teacher).item<double>()));
      EXPECT_TRUE(
          Gradient(in.student, in.teacher).isfinite().all().item<bool>())
          << size;
      // And a teacher whose layer is dead.
      EXPECT_TRUE(
          Gradient(in.student, in.teacher * 0).isfinite().all().item<bool>());
    }
  }
}

TEST_P(FeatureTermTest, NarrowDtypesAreComputedInFloat32) {
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const Inputs in(GetParam(), 5, dtype);
    const at::Tensor found = GetParam().loss(in.student, in.teacher);
    EXPECT_EQ(found.scalar_type(), at::kFloat);
    EXPECT_NEAR(
        found.item<double>(),
        GetParam()
            .loss(in.student.to(at::kDouble), in.teacher.to(at::kDouble))
            .item<double>(),
        1e-5 * (1 + found.item<double>()));
    EXPECT_EQ(Gradient(in.student, in.teacher).scalar_type(), dtype);
  }
}

TEST_P(FeatureTermTest, StridesDoNotMatter) {
  const Inputs in(GetParam(), 4);
  const auto strided = [](const at::Tensor& x) {
    return x.permute({3, 2, 1, 0}).contiguous().permute({3, 2, 1, 0});
  };
  ASSERT_FALSE(strided(in.student).is_contiguous());
  EXPECT_NEAR(
      GetParam().loss(strided(in.student), strided(in.teacher)).item<double>(),
      GetParam().loss(in.student, in.teacher).item<double>(), 1e-13);
}

TEST_P(FeatureTermTest, MismatchesNameBothSides) {
  const Inputs in(GetParam(), 4);
  const auto message = [&](const at::Tensor& student,
                           const at::Tensor& teacher) -> std::string {
    try {
      GetParam().loss(student, teacher);
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  const std::string batches = message(in.student, in.teacher.narrow(0, 0, 3));
  EXPECT_NE(batches.find("[4, 3, 4, 5]"), std::string::npos) << batches;
  EXPECT_NE(batches.find("[3, "), std::string::npos) << batches;
  const std::string types = message(in.student, in.teacher.to(at::kFloat));
  EXPECT_NE(types.find("Double"), std::string::npos) << types;
  EXPECT_NE(types.find("Float"), std::string::npos) << types;
  EXPECT_NE(message(in.student, at::Tensor()), "");
  EXPECT_NE(message(in.student.to(at::kLong), in.teacher), "");
}

INSTANTIATE_TEST_SUITE_P(All, FeatureTermTest, ::testing::ValuesIn(Terms()),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

TEST(AttentionTransferTest, SeesWhereAndNotHowMuch) {
  const Inputs in(Terms()[1], 3);
  EXPECT_NEAR(AttentionTransfer(1000 * in.student, in.teacher).item<double>(),
              AttentionTransfer(in.student, in.teacher).item<double>(), 1e-12);
  EXPECT_THROW(AttentionTransfer(in.student, in.teacher.narrow(2, 0, 3)),
               c10::Error);
  EXPECT_THROW(AttentionTransfer(in.student.flatten(1), in.teacher.flatten(1)),
               c10::Error);
}

TEST(RkdTest, DoesNotSeeWhereTheSpaceIsNorItsScale) {
  const Inputs in(Terms()[2], 6);
  const at::Tensor moved = 30 * in.student + 100;
  EXPECT_NEAR(RkdDistance(moved, in.teacher).item<double>(),
              RkdDistance(in.student, in.teacher).item<double>(), 1e-10);
  EXPECT_NEAR(RkdAngle(moved, in.teacher).item<double>(),
              RkdAngle(in.student, in.teacher).item<double>(), 1e-10);
}

TEST(RkdTest, BatchesWithoutRelationsTeachNothing) {
  for (int64_t batch : {1, 2}) {
    const at::Tensor student = at::randn({batch, 4}).requires_grad_(true);
    const at::Tensor teacher = at::randn({batch, 9});
    EXPECT_EQ(RkdAngle(student, teacher).item<double>(), 0);
    RkdAngle(student, teacher).backward();
    EXPECT_EQ(student.grad().abs().max().item<double>(), 0);
    if (batch == 1) {
      EXPECT_EQ(RkdDistance(student, teacher).item<double>(), 0);
    }
  }
}

TEST(RkdTest, PointsThatCoincideHaveNoDirection) {
  // Three points, two of them the same: each has one distance of 0 and one of
  // d, so the mean over the six pairs is 4 d / 6 and the others are at 1.5 of
  // it. The teacher's are the corners of an equilateral triangle: all at 1.
  // Distance loss: (2 * Huber(1) + 4 * Huber(0.5)) / 6 = (2 * 0.5 + 4 * 0.125)
  // / 6.
  const at::Tensor student =
      at::tensor({0., 0., 0., 0., 3., 4.}, at::kDouble).view({3, 2});
  const at::Tensor teacher =
      at::tensor({0., 0., 1., 0., 0.5, std::sqrt(0.75)}, at::kDouble)
          .view({3, 2});
  EXPECT_NEAR(RkdDistance(student, teacher).item<double>(), 1.5 / 6, 1e-12);
  // The triangle's cosines are 1/2. At the lone point the angle is 0: cosine 1.
  // At each of the twins one leg has no direction: cosine 0. All differ by 1/2.
  EXPECT_NEAR(RkdAngle(student, teacher).item<double>(), 0.125, 1e-12);
}

TEST(RegressTest, IsAConvolutionOfOnePlace) {
  at::manual_seed(1);
  const Regressor regressor = {at::randn({7, 3}, at::kDouble),
                               at::randn({7}, at::kDouble)};
  const at::Tensor maps = at::randn({2, 3, 4, 5}, at::kDouble);
  const at::Tensor expected =
      at::conv2d(maps, regressor.weight.view({7, 3, 1, 1}), regressor.bias);
  EXPECT_LE((Regress(regressor, maps) - expected).abs().max().item<double>(),
            1e-13);
  const at::Tensor rows = at::randn({2, 3}, at::kDouble);
  EXPECT_LE((Regress(regressor, rows) -
             at::linear(rows, regressor.weight, regressor.bias))
                .abs()
                .max()
                .item<double>(),
            1e-13);
  EXPECT_TRUE(at::equal(Regress(Regressor(), maps), maps));
  EXPECT_THROW(Regress(regressor, maps.narrow(1, 0, 2)), c10::Error);
}

TEST(FeatureLossTest, AddsTheCrossEntropyWithItsWeight) {
  at::manual_seed(1);
  const at::Tensor logits = at::randn({4, 10}, at::kDouble);
  const at::Tensor labels = at::arange(4, at::kLong);
  const FeaturePair pair = {at::randn({4, 3, 2, 2}, at::kDouble),
                            at::randn({4, 3, 2, 2}, at::kDouble)};
  const double hard = CrossEntropyLoss(logits, labels).total.item<double>();
  MethodOptions options;
  options.kd.alpha = 0.25;
  options.hint_weight = 2;
  options.attention_weight = 3;
  options.rkd_distance_weight = 4;
  options.rkd_angle_weight = 5;
  const auto& [s, t] = pair;
  const std::pair<const char*, double> expected[] = {
      {"fitnets", 2 * FitNetsHint(s, t).item<double>()},
      {"at", 3 * AttentionTransfer(s, t).item<double>()},
      {"rkd", 4 * RkdDistance(s, t).item<double>() +
                  5 * RkdAngle(s, t).item<double>()}};
  for (const auto& [name, soft] : expected) {
    options.method = name;
    const LossTerms terms = FeatureLoss(logits, pair, labels, options);
    EXPECT_NEAR(terms.soft.item<double>(), soft, 1e-12);
    EXPECT_NEAR(terms.hard.item<double>(), hard, 1e-12);
    EXPECT_NEAR(terms.total.item<double>(), 0.25 * soft + 0.75 * hard, 1e-12);
    // Features are no logits.
    EXPECT_THROW(MethodLoss(logits, logits, labels, options), c10::Error);
  }
  options.kd.alpha = 0;
  EXPECT_NEAR(FeatureLoss(logits, {}, labels, options).total.item<double>(),
              hard, 1e-12);
  options.method = "kd";
  EXPECT_THROW(FeatureLoss(logits, pair, labels, options), c10::Error);
}

}  // namespace
}  // namespace distill
