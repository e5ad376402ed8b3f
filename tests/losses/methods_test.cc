// The properties that every method has to have (docs/numerics.md), each
// method's formula in long double, and what is special to one.
#include "losses/methods.h"

#include <cmath>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "losses/dist.h"
#include "losses/kd.h"
#include "losses/logit_mse.h"
#include "losses/standardize.h"
#include "tests/losses/reference.h"

namespace distill {
namespace {

using Row = std::vector<double>;

Row RowOf(const at::Tensor& tensor, int64_t row) {
  const at::Tensor values =
      tensor.detach().select(0, row).to(at::kDouble).contiguous();
  const double* const data = values.const_data_ptr<double>();
  return {data, data + values.numel()};
}

void Standardise(Row& row) {
  long double mean = 0, square = 0;
  for (double x : row) mean += x / static_cast<long double>(row.size());
  for (double x : row) {
    square += (x - mean) * (x - mean) / static_cast<long double>(row.size());
  }
  for (double& x : row) {
    x = static_cast<double>((x - mean) / (std::sqrt(square) + 1e-7L));
  }
}

// The soft term of one row by the formula of the paper, plainly.
long double RowFormula(const MethodOptions& options, const Row& s, const Row& t,
                       int64_t label) {
  const double temperature = options.kd.temperature;
  if (options.method == "kd") {
    return ReferenceRow(s, t, label, temperature).soft;
  }
  if (options.method == "logit_mse") {
    long double sum = 0;
    for (size_t i = 0; i < s.size(); ++i) {
      sum += (s[i] - t[i]) * (s[i] - t[i]) / static_cast<long double>(s.size());
    }
    return sum;
  }
  EXPECT_EQ(options.method, "dkd") << "a method without a formula here";
  const auto log_q = LogSoftmax(s, temperature);
  const auto log_p = LogSoftmax(t, temperature);
  const long double q = std::exp(log_q[label]), p = std::exp(log_p[label]);
  const long double target =
      p * (log_p[label] - log_q[label]) + (1 - p) * std::log((1 - p) / (1 - q));
  long double nontarget = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    if (static_cast<int64_t>(i) == label) continue;
    const long double qi = std::exp(log_q[i]) / (1 - q);
    const long double pi = std::exp(log_p[i]) / (1 - p);
    nontarget += pi * std::log(pi / qi);
  }
  return temperature * temperature *
         (options.dkd_target_weight * target +
          options.dkd_nontarget_weight * nontarget);
}

// Equations 4, 6 and 8 of DIST, of a batch of rows.
long double DistFormula(const MethodOptions& options, const std::vector<Row>& s,
                        const std::vector<Row>& t) {
  using Vector = std::vector<long double>;
  const auto disagreement = [](const Vector& a, const Vector& b) {
    const auto n = static_cast<long double>(a.size());
    if (n == 1) return 0.0L;
    long double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      mean_a += a[i] / n;
      mean_b += b[i] / n;
    }
    for (size_t i = 0; i < a.size(); ++i) {
      ab += (a[i] - mean_a) * (b[i] - mean_b);
      aa += (a[i] - mean_a) * (a[i] - mean_a);
      bb += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return 1 - ab / std::sqrt(aa * bb);
  };
  const auto softened = [&](const std::vector<Row>& rows) {
    std::vector<Vector> all;
    for (const Row& row : rows) {
      all.push_back(LogSoftmax(row, options.kd.temperature));
      for (long double& x : all.back()) x = std::exp(x);
    }
    return all;
  };
  const auto column = [](const std::vector<Vector>& rows, size_t i) {
    Vector values;
    for (const Vector& row : rows) values.push_back(row[i]);
    return values;
  };
  const std::vector<Vector> q = softened(s), p = softened(t);
  const size_t classes = q[0].size();
  long double inter = 0, intra = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    inter += disagreement(q[i], p[i]) / static_cast<long double>(q.size());
  }
  for (size_t i = 0; i < classes; ++i) {
    intra += disagreement(column(q, i), column(p, i)) /
             static_cast<long double>(classes);
  }
  return options.kd.temperature * options.kd.temperature *
         (options.dist_inter_weight * inter +
          options.dist_intra_weight * intra);
}

// The soft term of a batch.
long double Formula(const MethodOptions& options, std::vector<Row> s,
                    std::vector<Row> t, const std::vector<int64_t>& labels) {
  if (options.standardize_logits) {
    for (Row& row : s) Standardise(row);
    for (Row& row : t) Standardise(row);
  }
  if (options.method == "dist") return DistFormula(options, s, t);
  long double sum = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    sum += RowFormula(options, s[i], t[i], labels[i]);
  }
  return sum / static_cast<long double>(s.size());
}

struct Inputs {
  Inputs(int64_t batch, int64_t classes, uint64_t seed = 1) {
    at::manual_seed(seed);
    student = 2 * at::randn({batch, classes}, at::kDouble);
    teacher = 3 * at::randn({batch, classes}, at::kDouble);
    labels = at::arange(batch, at::kLong).remainder(classes);
  }
  at::Tensor student, teacher, labels;
};

class MethodTest
    : public ::testing::TestWithParam<std::tuple<std::string, bool>> {
 protected:
  MethodOptions Options(double alpha, double temperature = 4) const {
    MethodOptions options;
    options.method = std::get<0>(GetParam());
    options.standardize_logits = std::get<1>(GetParam());
    options.kd.alpha = alpha;
    options.kd.temperature = temperature;
    options.dkd_target_weight = 1.5;
    options.dkd_nontarget_weight = 3;
    options.dist_inter_weight = 1.5;
    options.dist_intra_weight = 3;
    return options;
  }
  // The soft term alone.
  LossTerms Soft(const Inputs& in) const {
    return MethodLoss(in.student, in.teacher, in.labels, Options(1));
  }
  // Whether it sees logits only up to a constant.
  bool IgnoresConstants() const {
    return std::get<0>(GetParam()) != "logit_mse" || std::get<1>(GetParam());
  }
};

at::Tensor Gradient(const Inputs& in, const MethodOptions& options) {
  const at::Tensor leaf = in.student.detach().clone().requires_grad_(true);
  MethodLoss(leaf, in.teacher, in.labels, options).total.backward();
  return leaf.grad();
}

TEST_P(MethodTest, IsThePapersFormula) {
  for (int64_t classes : {2, 3, 10, 1000}) {
    for (int64_t batch : {1, 7}) {
      for (double temperature : {1.0, 5.0}) {
        const Inputs in(batch, classes);
        const MethodOptions options = Options(0.3, temperature);
        const LossTerms terms =
            MethodLoss(in.student, in.teacher, in.labels, options);
        std::vector<Row> s, t;
        std::vector<int64_t> labels;
        long double hard = 0;
        for (int64_t row = 0; row < batch; ++row) {
          s.push_back(RowOf(in.student, row));
          t.push_back(RowOf(in.teacher, row));
          labels.push_back(in.labels[row].item<int64_t>());
          hard += ReferenceRow(s[row], t[row], labels[row], 1).hard / batch;
        }
        const long double soft = Formula(options, s, t, labels);
        EXPECT_EQ(terms.total.scalar_type(), at::kDouble);
        EXPECT_EQ(terms.total.dim(), 0);
        const double scale = 1 + std::abs(static_cast<double>(soft));
        EXPECT_NEAR(terms.soft.item<double>(), soft, 1e-11 * scale);
        EXPECT_NEAR(terms.hard.item<double>(), hard, 1e-12 * (1 + hard));
        EXPECT_NEAR(terms.total.item<double>(), 0.3 * soft + 0.7 * hard,
                    1e-11 * scale);
        EXPECT_FALSE(terms.soft.requires_grad());
      }
    }
  }
}

TEST_P(MethodTest, ItsGradientIsThatOfFiniteDifferences) {
  for (int64_t classes : {2, 3, 10}) {
    const Inputs in(3, classes);
    const MethodOptions options = Options(0.6);
    const at::Tensor gradient = Gradient(in, options);
    const double step = 1e-5;
    for (int64_t row = 0; row < 3; ++row) {
      for (int64_t i = 0; i < classes; ++i) {
        const auto at_offset = [&](double offset) {
          at::Tensor moved = in.student.clone();
          moved[row][i] += offset;
          return MethodLoss(moved, in.teacher, in.labels, options)
              .total.item<double>();
        };
        const double expected =
            (at_offset(step) - at_offset(-step)) / (2 * step);
        EXPECT_NEAR(gradient[row][i].item<double>(), expected,
                    1e-7 * (1 + std::abs(expected)));
      }
    }
  }
}

TEST_P(MethodTest, AConstantAddedToARowChangesNothing) {
  if (!IgnoresConstants()) GTEST_SKIP() << "it compares the logits themselves";
  Inputs in(4, 10);
  const double before = Soft(in).soft.item<double>();
  in.student = in.student + 17.0 * at::arange(4, at::kDouble).unsqueeze(1);
  in.teacher = in.teacher - 5.0;
  EXPECT_NEAR(Soft(in).soft.item<double>(), before, 1e-11 * (1 + before));
}

TEST_P(MethodTest, IsFiniteForLogitsOfTenThousand) {
  for (at::ScalarType dtype : {at::kDouble, at::kFloat}) {
    Inputs in(2, 3);
    in.student = at::tensor({1e4, 0., -1e4, -1e4, 1e4, 1e4}, at::kDouble)
                     .view({2, 3})
                     .to(dtype);
    in.teacher = -in.student;
    EXPECT_TRUE(std::isfinite(Soft(in).total.item<double>()));
    EXPECT_TRUE(Gradient(in, Options(1)).isfinite().all().item<bool>());
  }
}

TEST_P(MethodTest, ATeacherThatIsTheStudentTeachesNothing) {
  Inputs in(4, 10);
  in.teacher = in.student.clone();
  EXPECT_NEAR(Soft(in).soft.item<double>(), 0, 1e-14);
  EXPECT_LE(Gradient(in, Options(1)).abs().max().item<double>(), 1e-14);
}

TEST_P(MethodTest, TheTeacherReceivesNoGradient) {
  Inputs in(4, 10);
  in.student.requires_grad_(true);
  in.teacher.requires_grad_(true);
  Soft(in).total.backward();
  EXPECT_FALSE(in.teacher.grad().defined());
  EXPECT_TRUE(in.student.grad().defined());
}

TEST_P(MethodTest, NarrowDtypesAreComputedInFloat32) {
  const Inputs exact(4, 10);
  for (at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf}) {
    Inputs in(4, 10);
    in.student = in.student.to(dtype);
    in.teacher = in.teacher.to(dtype);
    Inputs same(4, 10);
    same.student = in.student.to(at::kDouble);
    same.teacher = in.teacher.to(at::kDouble);
    const LossTerms terms =
        MethodLoss(in.student, in.teacher, in.labels, Options(0.5));
    EXPECT_EQ(terms.total.scalar_type(), at::kFloat);
    const double expected =
        MethodLoss(same.student, same.teacher, same.labels, Options(0.5))
            .total.item<double>();
    EXPECT_NEAR(terms.total.item<double>(), expected, 1e-4 * (1 + expected));
    EXPECT_EQ(Gradient(in, Options(0.5)).scalar_type(), dtype);
  }
}

TEST_P(MethodTest, StridesDoNotMatter) {
  const Inputs in(5, 4);
  Inputs strided = in;
  strided.student = in.student.t().contiguous().t();
  strided.teacher = in.teacher.t().contiguous().t();
  ASSERT_FALSE(strided.student.is_contiguous());
  EXPECT_NEAR(Soft(strided).total.item<double>(), Soft(in).total.item<double>(),
              1e-12);
}

TEST_P(MethodTest, MismatchesNameBothSides) {
  const Inputs in(4, 10);
  const auto message = [&](const at::Tensor& student,
                           const at::Tensor& teacher) -> std::string {
    try {
      MethodLoss(student, teacher, in.labels, Options(0.5));
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "";
  };
  const std::string shapes = message(in.student, in.teacher.narrow(1, 0, 9));
  EXPECT_NE(shapes.find("[4, 10]"), std::string::npos) << shapes;
  EXPECT_NE(shapes.find("[4, 9]"), std::string::npos) << shapes;
  EXPECT_NE(
      message(in.student.view({4, 10, 1}), in.teacher).find("[batch, classes]"),
      std::string::npos);
  EXPECT_NE(message(in.student, at::Tensor()), "");
}

TEST_P(MethodTest, AlphaZeroDoesNotEvaluateTheTeacher) {
  const Inputs in(4, 10);
  const LossTerms terms =
      MethodLoss(in.student, at::Tensor(), in.labels, Options(0));
  EXPECT_FALSE(terms.soft.defined());
  EXPECT_TRUE(std::isfinite(terms.total.item<double>()));
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Method& method : Methods()) {
    // features_test.cc has the others.
    if (method.compares == Compares::kLogits) names.emplace_back(method.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, MethodTest,
                         ::testing::Combine(::testing::ValuesIn(Names()),
                                            ::testing::Bool()));

TEST(MethodsTest, KdIsKdLossToTheBit) {
  const Inputs in(4, 10);
  MethodOptions options;
  const LossTerms found =
      MethodLoss(in.student, in.teacher, in.labels, options);
  const LossTerms expected =
      KdLoss(in.student, in.teacher, in.labels, options.kd);
  EXPECT_TRUE(at::equal(found.total, expected.total));
}

TEST(DkdTest, WithKdsOwnWeightsItIsKd) {
  // Zhao et al. 2022, equation 7: KD = TCKD + (1 - p(label)) NCKD.
  const Inputs in(1, 10);
  DkdOptions options;
  const double p =
      at::softmax(in.teacher / options.temperature, 1)[0][0].item<double>();
  options.nontarget_weight = 1 - p;
  KdOptions kd;
  kd.temperature = options.temperature;
  kd.alpha = 1;
  EXPECT_NEAR(
      Dkd(in.student, in.teacher, in.labels, options).item<double>(),
      KdLoss(in.student, in.teacher, in.labels, kd).total.item<double>(),
      1e-12);
}

TEST(DkdTest, ARowWithoutALabelIsRefused) {
  const Inputs in(4, 10);
  at::Tensor labels = in.labels.clone();
  labels[2] = kNoLabel;
  EXPECT_THROW(Dkd(in.student, in.teacher, labels, DkdOptions()), c10::Error);
}

TEST(DistTest, WhatDoesNotVaryHasADefinedTermAndNoGradient) {
  DistOptions options;
  options.temperature = 1;
  const auto term = [&](at::Tensor student, const at::Tensor& teacher) {
    student = student.clone().requires_grad_(true);
    const at::Tensor loss = Dist(student, teacher, options);
    loss.backward();
    return std::make_pair(loss.item<double>(), student.grad());
  };
  for (at::ScalarType dtype : {at::kDouble, at::kFloat}) {
    const at::Tensor row = at::tensor({0.3, -1., 2.}, at::kDouble).to(dtype);
    const at::Tensor other = at::tensor({1., 0.5, -1.}, at::kDouble).to(dtype);
    // Equal rows: no class's probability varies over the batch.
    const at::Tensor equal_rows = row.expand({7, 3});
    const at::Tensor varied = Inputs(7, 3).teacher.to(dtype);
    options.inter_weight = 0;
    auto [loss, gradient] = term(equal_rows, varied);
    EXPECT_DOUBLE_EQ(loss, 0.5);
    EXPECT_EQ(gradient.abs().max().item<double>(), 0);
    EXPECT_EQ(term(equal_rows, other.expand({7, 3})).first, 0);
    EXPECT_EQ(term(row.unsqueeze(0), other.unsqueeze(0)).first, 0);
    // Equal logits: no row varies.
    options.inter_weight = 1;
    options.intra_weight = 0;
    const at::Tensor equal_logits = at::full({7, 3}, 0.7, dtype);
    std::tie(loss, gradient) = term(equal_logits, varied);
    EXPECT_DOUBLE_EQ(loss, 0.5);
    EXPECT_EQ(gradient.abs().max().item<double>(), 0);
    EXPECT_EQ(term(equal_logits, equal_logits).first, 0);
    // A class that nobody gives any probability.
    options.intra_weight = 1;
    const at::Tensor none = at::tensor({0., 0., -1e4}, at::kDouble).to(dtype);
    std::tie(loss, gradient) = term(varied + none, varied + none);
    EXPECT_EQ(loss, 0);
    EXPECT_TRUE(gradient.isfinite().all().item<bool>());
  }
}

TEST(DistTest, LogitsThatAreNoNumbersAreNotTakenForConstants) {
  Inputs in(4, 10);
  in.student[1][2] = std::nan("");
  EXPECT_TRUE(std::isnan(Dist(in.student, in.teacher, {}).item<double>()));
}

TEST(StandardizeLogitsTest, RowsHaveMeanZeroAndDeviationOne) {
  const Inputs in(5, 10);
  const at::Tensor z = StandardizeLogits(in.teacher * 100 + 3);
  EXPECT_LE(z.mean(1).abs().max().item<double>(), 1e-12);
  EXPECT_LE((z.square().mean(1) - 1).abs().max().item<double>(), 1e-6);
}

TEST(StandardizeLogitsTest, ARowOfEqualsHasAFiniteGradient) {
  const at::Tensor leaf = at::full({1, 3}, 2.0).requires_grad_(true);
  StandardizeLogits(leaf).square().sum().backward();
  EXPECT_TRUE(leaf.grad().isfinite().all().item<bool>());
}

TEST(MethodOptionsTest, RefusesWhatIsOutOfRange) {
  const auto message = [](const std::function<void(MethodOptions&)>& change) {
    MethodOptions options;
    change(options);
    return std::string(options.Validate().message());
  };
  EXPECT_EQ(message([](MethodOptions&) {}), "");
  const std::string unknown =
      message([](MethodOptions& o) { o.method = "fsp"; });
  EXPECT_NE(unknown.find("--method is \"fsp\""), std::string::npos);
  EXPECT_NE(unknown.find("kd, logit_mse, dkd, dist, fitnets, at, rkd"),
            std::string::npos)
      << unknown;
  EXPECT_NE(message([](MethodOptions& o) { o.kd.alpha = 2; }), "");
  for (double weight : {-1.0, HUGE_VAL, std::nan("")}) {
    EXPECT_NE(message([=](MethodOptions& o) { o.dkd_target_weight = weight; }),
              "");
    EXPECT_NE(
        message([=](MethodOptions& o) { o.dkd_nontarget_weight = weight; }),
        "");
    for (double MethodOptions::*field :
         {&MethodOptions::dist_inter_weight, &MethodOptions::dist_intra_weight,
          &MethodOptions::hint_weight, &MethodOptions::attention_weight,
          &MethodOptions::rkd_distance_weight,
          &MethodOptions::rkd_angle_weight}) {
      EXPECT_NE(message([=](MethodOptions& o) { o.*field = weight; }), "");
    }
  }
}

TEST(MethodOptionsTest, RefusesWhatWouldChangeNothing) {
  MethodOptions options;
  options.method = "at";
  EXPECT_TRUE(options.Validate().ok());
  options.standardize_logits = true;
  EXPECT_NE(options.Validate().message().find("--standardize_logits"),
            std::string::npos);
  options.standardize_logits = false;
  options.kd.alpha = 1;
  EXPECT_NE(options.Validate().message().find("--alpha is 1"),
            std::string::npos);
  options = MethodOptions();
  options.method = "rkd";
  options.rkd_distance_weight = options.rkd_angle_weight = 0;
  EXPECT_FALSE(options.Validate().ok());
  options = MethodOptions();
  options.method = "dkd";
  options.dkd_target_weight = options.dkd_nontarget_weight = 0;
  EXPECT_NE(options.Validate().message().find(
                "--dkd_target_weight and --dkd_nontarget_weight are both 0"),
            std::string::npos)
      << options.Validate();
  options.dkd_nontarget_weight = 1;
  EXPECT_TRUE(options.Validate().ok());
  options.method = "dist";
  options.dist_inter_weight = options.dist_intra_weight = 0;
  EXPECT_NE(options.Validate().message().find(
                "--dist_inter_weight and --dist_intra_weight are both 0"),
            std::string::npos)
      << options.Validate();
  options = MethodOptions();
  options.hint_weight = options.attention_weight = 0;
  EXPECT_TRUE(options.Validate().ok());
  options.method = "fitnets";
  EXPECT_NE(options.Validate().message().find("--hint_weight is 0"),
            std::string::npos);
  options.method = "at";
  EXPECT_NE(options.Validate().message().find("--attention_weight is 0"),
            std::string::npos);
}

TEST(MethodOptionsTest, TheFormulaHasItsNumbers) {
  MethodOptions options;
  options.method = "dkd";
  options.standardize_logits = true;
  options.kd.alpha = 0.25;
  EXPECT_EQ(options.Formula(),
            "loss = 0.25 * 5^2 * (1 * TCKD + 8 * NCKD) of standardised logits "
            "+ 0.75 * CE(student, labels)");
  options = MethodOptions();
  EXPECT_EQ(options.Formula(),
            "loss = 0.5 * 5^2 * KL(teacher || student at T=5) + 0.5 * "
            "CE(student, labels)");
}

TEST(MethodOptionsTest, TheFormulaLeavesOutATermOfWeightZero) {
  MethodOptions options;
  options.kd.alpha = 0;
  EXPECT_EQ(options.Formula(), "loss = CE(student, labels)");
  options.kd.alpha = 1;
  EXPECT_EQ(options.Formula(), "loss = 5^2 * KL(teacher || student at T=5)");
}

}  // namespace
}  // namespace distill
