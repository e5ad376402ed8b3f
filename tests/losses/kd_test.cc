#include "losses/kd.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "losses/kd_composed.h"
#include "tests/losses/reference.h"

namespace distill {
namespace {

using testing::Message;

// A batch's terms are accurate to far below this in double (the row's own test
// is stricter); it covers the sums of up to 1000 classes in the reference's
// order and another.
constexpr double kDoubleTolerance = 1e-12;

// float32 results of double arithmetic: rounded once, half an epsilon.
constexpr double kFloatTolerance = std::numeric_limits<float>::epsilon();

// The composed formula in float32 loses digits that the rows keep: the sum of
// p (log p - log q) by the ratio of its largest terms to itself. For logits
// some units apart that ratio is below 100, and 10 classes and T^2 apply to
// both alike.
constexpr double kComposedFloatTolerance =
    100 * std::numeric_limits<float>::epsilon();

KdOptions Options(double temperature, double alpha) {
  KdOptions options;
  options.temperature = temperature;
  options.alpha = alpha;
  return options;
}

at::Tensor Leaf(const at::Tensor& tensor) {
  return tensor.detach().clone().requires_grad_();
}

// A batch of logits some units apart, the labels 0, 1, 2, ... in turn.
struct Batch {
  Batch(int64_t batch, int64_t classes, at::ScalarType dtype = at::kDouble,
        uint64_t seed = 1) {
    at::Generator generator = at::detail::createCPUGenerator(seed);
    const auto draw = [&] {
      return (3 * at::randn({batch, classes}, generator, at::kDouble))
          .to(dtype);
    };
    student = draw().requires_grad_();
    teacher = draw();
    labels = at::arange(batch, at::kLong).remainder(classes);
  }

  at::Tensor student;
  at::Tensor teacher;
  at::Tensor labels;
};

struct Evaluated {
  LossTerms terms;
  at::Tensor gradient;  // Of total by the student's logits.
};

Evaluated Evaluate(const at::Tensor& student, const at::Tensor& teacher,
                   const at::Tensor& labels, const KdOptions& options) {
  const at::Tensor leaf = Leaf(student);
  Evaluated result;
  result.terms = KdLoss(leaf, teacher, labels, options);
  result.terms.total.backward();
  result.gradient = leaf.grad();
  return result;
}

Evaluated Evaluate(const Batch& batch, const KdOptions& options) {
  return Evaluate(batch.student, batch.teacher, batch.labels, options);
}

std::vector<double> RowOf(const at::Tensor& tensor, int64_t row) {
  const at::Tensor values =
      tensor.detach().select(0, row).to(at::kDouble).contiguous();
  const double* const data = values.const_data_ptr<double>();
  return {data, data + values.numel()};
}

// Soft, hard and the gradient of the total, row by row and in long double.
struct ReferenceBatch {
  double soft = 0;
  double hard = 0;
  at::Tensor gradient;
};

ReferenceBatch Reference(const at::Tensor& student, const at::Tensor& teacher,
                         const at::Tensor& labels, const KdOptions& options) {
  ReferenceBatch result;
  result.gradient = at::empty(student.sizes(), at::kDouble);
  auto gradient = result.gradient.accessor<double, 2>();
  const int64_t batch = student.size(0);
  long double soft = 0;
  long double hard = 0;
  for (int64_t row = 0; row < batch; ++row) {
    const ReferenceTerms terms =
        ReferenceRow(RowOf(student, row), RowOf(teacher, row),
                     labels[row].item<int64_t>(), options.temperature);
    soft += terms.soft / batch;
    hard += terms.hard / batch;
    for (int64_t i = 0; i < student.size(1); ++i) {
      gradient[row][i] =
          static_cast<double>((options.alpha * terms.soft_gradient[i] +
                               (1 - options.alpha) * terms.hard_gradient[i]) /
                              batch);
    }
  }
  result.soft = static_cast<double>(soft);
  result.hard = static_cast<double>(hard);
  return result;
}

void ExpectNear(const at::Tensor& actual, double expected, double tolerance) {
  ASSERT_TRUE(actual.defined());
  EXPECT_EQ(actual.dim(), 0);
  EXPECT_NEAR(actual.item<double>(), expected, tolerance * std::abs(expected));
}

// Within `tolerance` of the largest element of `expected`.
void ExpectNear(const at::Tensor& actual, const at::Tensor& expected,
                double tolerance) {
  ASSERT_TRUE(actual.defined());
  ASSERT_EQ(actual.sizes(), expected.sizes());
  const at::Tensor wanted = expected.to(at::kDouble);
  const double error =
      (actual.to(at::kDouble) - wanted).abs().max().item<double>();
  EXPECT_LE(error, tolerance * wanted.abs().max().item<double>());
}

void ExpectMatchesReference(const Evaluated& actual, const at::Tensor& student,
                            const at::Tensor& teacher, const at::Tensor& labels,
                            const KdOptions& options, double tolerance,
                            double gradient_tolerance) {
  const ReferenceBatch expected = Reference(student, teacher, labels, options);
  double total = 0;
  if (options.alpha != 0) {
    ExpectNear(actual.terms.soft, expected.soft, tolerance);
    total += options.alpha * expected.soft;
  }
  if (options.alpha != 1) {
    ExpectNear(actual.terms.hard, expected.hard, tolerance);
    total += (1 - options.alpha) * expected.hard;
  }
  ExpectNear(actual.terms.total, total, tolerance);
  ExpectNear(actual.gradient, expected.gradient, gradient_tolerance);
}

void ExpectSameBits(const Evaluated& a, const Evaluated& b) {
  EXPECT_TRUE(a.terms.total.equal(b.terms.total));
  EXPECT_TRUE(a.terms.soft.equal(b.terms.soft));
  EXPECT_TRUE(a.terms.hard.equal(b.terms.hard));
  EXPECT_TRUE(a.gradient.equal(b.gradient));
}

// `call` throws a c10::Error whose message holds every one of `parts`.
void ExpectRefused(const std::function<void()>& call,
                   const std::vector<std::string>& parts) {
  try {
    call();
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos)
          << "no \"" << part << "\" in: " << message;
    }
    return;
  }
  ADD_FAILURE() << "not refused, expected: " << testing::PrintToString(parts);
}

TEST(KdLossTest, MatchesPyTorchTable) {
  for (const TableRow& row : PyTorchTable()) {
    SCOPED_TRACE(row);
    const auto logits = [](const std::vector<double>& values) {
      return at::tensor(values, at::kDouble).unsqueeze(0);
    };
    const LossTerms terms =
        KdLoss(logits(row.s), logits(row.t), at::tensor({row.label}, at::kLong),
               Options(row.temperature, 0.3));
    ExpectNear(terms.soft, row.soft, kTableTolerance);
    ExpectNear(terms.hard, row.hard, kTableTolerance);
    ExpectNear(terms.total, 0.3 * row.soft + 0.7 * row.hard, kTableTolerance);
  }
}

TEST(KdLossTest, MatchesReferenceOnRandomInputs) {
  for (int64_t batch : {1, 7}) {
    for (int64_t classes : {2, 3, 10, 1000}) {
      for (double alpha : {0.0, 0.3, 1.0}) {
        SCOPED_TRACE(Message() << "batch " << batch << ", " << classes
                               << " classes, alpha " << alpha);
        const KdOptions options = Options(4, alpha);
        for (at::ScalarType dtype : {at::kDouble, at::kFloat}) {
          const Batch inputs(batch, classes, dtype);
          const double tolerance =
              dtype == at::kDouble ? kDoubleTolerance : kFloatTolerance;
          const Evaluated actual = Evaluate(inputs, options);
          EXPECT_EQ(actual.terms.total.scalar_type(), dtype);
          EXPECT_EQ(actual.gradient.scalar_type(), dtype);
          ExpectMatchesReference(actual, inputs.student, inputs.teacher,
                                 inputs.labels, options, tolerance, tolerance);
        }
      }
    }
  }
}

// The 16-bit logits are exact in float32, so the loss is as accurate as there;
// only the gradient is rounded to their dtype. `step` is the dtype's epsilon,
// and half of it the error of one rounding.
TEST(KdLossTest, SixteenBitLogitsAreComputedInFloat32) {
  for (const auto& [dtype, step] :
       {std::pair{at::kBFloat16, 1.0 / 128}, {at::kHalf, 1.0 / 1024}}) {
    SCOPED_TRACE(dtype);
    const Batch inputs(7, 10, dtype);
    const KdOptions options = Options(5, 0.5);
    const Evaluated actual = Evaluate(inputs, options);
    EXPECT_EQ(actual.terms.total.scalar_type(), at::kFloat);
    EXPECT_EQ(actual.terms.soft.scalar_type(), at::kFloat);
    EXPECT_EQ(actual.terms.hard.scalar_type(), at::kFloat);
    EXPECT_EQ(actual.gradient.scalar_type(), dtype);
    ExpectMatchesReference(actual, inputs.student, inputs.teacher,
                           inputs.labels, options, kFloatTolerance, step);
  }
}

// Central differences: h^2 f'''/6 plus epsilon * loss / h, with h = 1e-5 and
// losses and third derivatives below 10, is below 1e-9.
TEST(KdLossTest, GradientMatchesFiniteDifferences) {
  constexpr double kStep = 1e-5;
  for (int64_t classes : {2, 3, 10}) {
    for (double alpha : {0.0, 0.6, 1.0}) {
      const Batch inputs(3, classes);
      const KdOptions options = Options(3, alpha);
      const Evaluated actual = Evaluate(inputs, options);
      const auto value = [&](int64_t row, int64_t i, double step) {
        const at::Tensor moved = inputs.student.detach().clone();
        moved[row][i] += step;
        return KdLoss(moved, inputs.teacher, inputs.labels, options)
            .total.item<double>();
      };
      for (int64_t row = 0; row < 3; ++row) {
        for (int64_t i = 0; i < classes; ++i) {
          const double slope =
              (value(row, i, kStep) - value(row, i, -kStep)) / (2 * kStep);
          EXPECT_NEAR(actual.gradient[row][i].item<double>(), slope, 1e-9)
              << "alpha " << alpha << ", row " << row << ", class " << i;
        }
      }
    }
  }
}

// The mistake of reduction "mean": ten times too small on ten classes. A batch
// of one row repeated has the loss of that row, and ten classes of which only
// two carry any probability have the loss of those two.
TEST(KdLossTest, SumsOverClassesAndAveragesOverTheBatch) {
  const Batch one(1, 10);
  const KdOptions options = Options(5, 0.5);
  const LossTerms single =
      KdLoss(one.student, one.teacher, one.labels, options);
  const LossTerms repeated =
      KdLoss(one.student.repeat({6, 1}), one.teacher.repeat({6, 1}),
             one.labels.repeat({6}), options);
  ExpectNear(repeated.soft, single.soft.item<double>(), kDoubleTolerance);
  ExpectNear(repeated.hard, single.hard.item<double>(), kDoubleTolerance);

  const Batch two(1, 2);
  const auto padded = [](const at::Tensor& logits) {
    return at::constant_pad_nd(logits.detach(), {0, 8}, -1e4);
  };
  const LossTerms narrow =
      KdLoss(two.student, two.teacher, two.labels, options);
  const LossTerms wide =
      KdLoss(padded(two.student), padded(two.teacher), two.labels, options);
  ExpectNear(wide.soft, narrow.soft.item<double>(), kDoubleTolerance);
}

// Shifting by 7.3 rounds each logit by up to 4 epsilon, an absolute error.
TEST(KdLossTest, UnchangedWhenAConstantIsAddedToARow) {
  const Batch inputs(4, 10);
  const KdOptions options = Options(5, 0.5);
  const Evaluated plain = Evaluate(inputs, options);
  const at::Tensor shift =
      at::tensor({7.3, -2.1, 100.0, 0.4}, at::kDouble).unsqueeze(1);
  for (bool of_student : {true, false}) {
    const Evaluated moved =
        Evaluate(of_student ? inputs.student + shift : inputs.student,
                 of_student ? inputs.teacher : inputs.teacher + shift,
                 inputs.labels, options);
    ExpectNear(moved.terms.soft, plain.terms.soft.item<double>(),
               kDoubleTolerance);
    ExpectNear(moved.terms.hard, plain.terms.hard.item<double>(),
               kDoubleTolerance);
    ExpectNear(moved.gradient, plain.gradient, kDoubleTolerance);
  }
}

TEST(KdLossTest, LargeLogitsStayFinite) {
  const at::Tensor student =
      at::tensor({1e4, 0., -1e4, -1e4, 1e4, 1e4}, at::kDouble).view({2, 3});
  const at::Tensor teacher =
      at::tensor({-1e4, 0., 1e4, 1e4, -1e4, 0.}, at::kDouble).view({2, 3});
  const at::Tensor labels = at::tensor({1, 0}, at::kLong);
  for (at::ScalarType dtype : {at::kDouble, at::kFloat, at::kHalf}) {
    SCOPED_TRACE(dtype);
    for (double temperature : {0.5, 1.0, 20.0}) {
      const Evaluated actual = Evaluate(student.to(dtype), teacher.to(dtype),
                                        labels, Options(temperature, 0.5));
      EXPECT_TRUE(std::isfinite(actual.terms.total.item<double>()));
      EXPECT_TRUE(actual.gradient.isfinite().all().item<bool>());
      EXPECT_GT(actual.gradient.abs().max().item<double>(), 0);
    }
  }
}

TEST(KdLossTest, EqualLogitsGiveNoSoftTermAndNoGradient) {
  for (at::ScalarType dtype :
       {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    const Batch inputs(5, 10, dtype);
    const Evaluated actual = Evaluate(inputs.student, inputs.student.detach(),
                                      inputs.labels, Options(5, 1));
    EXPECT_EQ(actual.terms.soft.item<double>(), 0);
    EXPECT_EQ(actual.terms.total.item<double>(), 0);
    EXPECT_TRUE(actual.gradient.equal(at::zeros({5, 10}, dtype)));
  }
}

// Hinton 2015, eq. 4. What the limit leaves out is smaller by (largest logit) /
// T: below 15 / 1e6.
TEST(KdLossTest, SoftGradientTendsToDifferenceOfCentredLogits) {
  const Batch inputs(4, 10);
  const Evaluated actual = Evaluate(inputs, Options(1e6, 1));
  const auto centred = [](const at::Tensor& logits) {
    return logits.detach() - logits.detach().mean(1, /*keepdim=*/true);
  };
  ExpectNear(actual.gradient,
             (centred(inputs.student) - centred(inputs.teacher)) / (10 * 4),
             15e-6);
}

TEST(KdLossTest, NonContiguousInputsGiveTheSameBits) {
  const Batch inputs(6, 10, at::kFloat);
  const Evaluated plain = Evaluate(inputs, Options(5, 0.5));
  const auto strided = [](const at::Tensor& tensor) {
    return at::stack({tensor.detach(), tensor.detach()}, -1).select(-1, 0);
  };
  const at::Tensor transposed = inputs.student.detach().t().contiguous().t();
  ASSERT_FALSE(transposed.is_contiguous());
  ASSERT_FALSE(strided(inputs.labels).is_contiguous());
  at::Tensor leaf = transposed.detach().requires_grad_();
  ASSERT_FALSE(leaf.is_contiguous());
  Evaluated actual;
  actual.terms = KdLoss(leaf, strided(inputs.teacher), strided(inputs.labels),
                        Options(5, 0.5));
  actual.terms.total.backward();
  actual.gradient = leaf.grad();
  ExpectSameBits(actual, plain);
}

TEST(KdLossTest, GradientReachesTheStudentAndNotTheTeacher) {
  const Batch inputs(4, 10, at::kFloat);
  const at::Tensor teacher = Leaf(inputs.teacher);
  const at::Tensor before = teacher.detach().clone();
  const LossTerms terms =
      KdLoss(inputs.student, teacher, inputs.labels, Options(5, 0.5));
  EXPECT_TRUE(terms.total.requires_grad());
  EXPECT_FALSE(terms.soft.requires_grad());
  EXPECT_FALSE(terms.hard.requires_grad());
  terms.total.backward();
  EXPECT_FALSE(teacher.grad().defined());
  EXPECT_TRUE(teacher.detach().equal(before));
  EXPECT_GT(inputs.student.grad().abs().max().item<double>(), 0);
  // Not even through the teacher alone.
  EXPECT_FALSE(
      KdLoss(inputs.student.detach(), teacher, inputs.labels, Options(5, 0.5))
          .total.requires_grad());
}

// Twice the logits on the way in, minus three times the loss on the way out.
TEST(KdLossTest, IncomingGradientScalesTheGradient) {
  const Batch inputs(4, 10);
  const KdOptions options = Options(5, 0.5);
  const Evaluated plain =
      Evaluate(inputs.student * 2, inputs.teacher, inputs.labels, options);
  const at::Tensor leaf = Leaf(inputs.student);
  (KdLoss(leaf * 2, inputs.teacher, inputs.labels, options).total * -3)
      .backward();
  ExpectNear(leaf.grad(), plain.gradient * -6, kDoubleTolerance);
}

TEST(KdLossTest, NoGradientWantedGivesTheSameTerms) {
  const Batch inputs(4, 10);
  const Evaluated plain = Evaluate(inputs, Options(5, 0.5));
  const at::NoGradGuard no_grad;
  const LossTerms terms =
      KdLoss(inputs.student, inputs.teacher, inputs.labels, Options(5, 0.5));
  EXPECT_FALSE(terms.total.requires_grad());
  EXPECT_TRUE(terms.total.equal(plain.terms.total.detach()));
}

TEST(KdLossTest, SecondDerivativeIsRefused) {
  const Batch inputs(4, 10);
  const LossTerms terms =
      KdLoss(inputs.student, inputs.teacher, inputs.labels, Options(5, 0.5));
  ExpectRefused(
      [&] {
        torch::autograd::grad({terms.total}, {inputs.student}, {},
                              /*retain_graph=*/true, /*create_graph=*/true);
      },
      {"no second derivative"});
}

TEST(KdLossTest, TwoCallsGiveTheSameBits) {
  const Batch inputs(64, 10, at::kFloat);
  ExpectSameBits(Evaluate(inputs, Options(5, 0.5)),
                 Evaluate(inputs, Options(5, 0.5)));
}

TEST(KdLossTest, ThreadsDoNotChangeABit) {
  const Batch inputs(501, 1000, at::kFloat);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Evaluated one = Evaluate(inputs, Options(5, 0.5));
  at::set_num_threads(2);
  const Evaluated two = Evaluate(inputs, Options(5, 0.5));
  at::set_num_threads(threads);
  ExpectSameBits(one, two);
}

TEST(KdLossTest, AlphaZeroDoesNotEvaluateTheTeacher) {
  const Batch inputs(4, 10);
  const KdOptions options = Options(5, 0);
  const Evaluated plain = Evaluate(inputs, options);
  for (const at::Tensor& teacher :
       {at::full_like(inputs.teacher, std::nan("")), at::Tensor()}) {
    const Evaluated actual =
        Evaluate(inputs.student, teacher, inputs.labels, options);
    EXPECT_FALSE(actual.terms.soft.defined());
    EXPECT_TRUE(std::isfinite(actual.terms.total.item<double>()));
    EXPECT_TRUE(actual.terms.total.equal(plain.terms.total));
    EXPECT_TRUE(actual.terms.hard.equal(plain.terms.total.detach()));
    EXPECT_TRUE(actual.gradient.equal(plain.gradient));
  }
}

TEST(KdLossTest, AlphaOneDoesNotEvaluateTheLabels) {
  const Batch inputs(4, 10);
  const KdOptions options = Options(5, 1);
  const Evaluated plain = Evaluate(inputs, options);
  for (const at::Tensor& labels :
       {at::full({4}, -1, at::kLong), at::Tensor()}) {
    const Evaluated actual =
        Evaluate(inputs.student, inputs.teacher, labels, options);
    EXPECT_FALSE(actual.terms.hard.defined());
    EXPECT_TRUE(actual.terms.total.equal(plain.terms.total));
    EXPECT_TRUE(actual.terms.soft.equal(plain.terms.total.detach()));
    EXPECT_TRUE(actual.gradient.equal(plain.gradient));
  }
}

TEST(KdLossTest, ARowWithoutALabelHasOnlyTheTeachersTerm) {
  const Batch inputs(4, 10);
  at::Tensor labels = inputs.labels.clone();
  labels[1] = kNoLabel;
  labels[3] = kNoLabel;
  const KdOptions options = Options(5, 0.25);
  const Evaluated actual =
      Evaluate(inputs.student, inputs.teacher, labels, options);
  // Rows 0 and 2 as ever; of rows 1 and 3 what alpha 1 makes of them, times
  // alpha. All four are the batch.
  const Evaluated all = Evaluate(inputs, options);
  const Evaluated soft = Evaluate(inputs, Options(5, 1));
  double hard = 0;
  for (int64_t row = 0; row < 4; ++row) {
    const bool labelled = row % 2 == 0;
    const at::Tensor expected =
        labelled ? all.gradient[row] : options.alpha * soft.gradient[row];
    ExpectNear(actual.gradient[row], expected, kDoubleTolerance);
    if (!labelled) continue;
    hard += KdLoss(inputs.student.narrow(0, row, 1), at::Tensor(),
                   inputs.labels.narrow(0, row, 1), Options(5, 0))
                .total.item<double>() /
            4;
  }
  ExpectNear(actual.terms.hard, hard, kDoubleTolerance);
  ExpectNear(actual.terms.soft, soft.terms.soft.item<double>(),
             kDoubleTolerance);
  const LossTerms composed =
      KdComposed(inputs.student, inputs.teacher, labels, options);
  ExpectNear(composed.total, actual.terms.total.item<double>(),
             kDoubleTolerance);
}

TEST(KdLossTest, ABatchWithoutAnyLabelHasAHardTermOfZero) {
  const Batch inputs(4, 10);
  const Evaluated actual =
      Evaluate(inputs.student, inputs.teacher,
               at::full({4}, kNoLabel, at::kLong), Options(5, 0.5));
  EXPECT_EQ(actual.terms.hard.item<double>(), 0);
  EXPECT_TRUE(std::isfinite(actual.terms.total.item<double>()));
}

// A weight of 0.001 is not a weight of 0.
TEST(KdLossTest, SmallWeightsAreEvaluated) {
  const Batch inputs(4, 10);
  EXPECT_TRUE(Evaluate(inputs, Options(5, 0.001)).terms.soft.defined());
  EXPECT_TRUE(Evaluate(inputs, Options(5, 0.999)).terms.hard.defined());
}

TEST(KdLossTest, NanInTheLogitsIsNotHidden) {
  const Batch inputs(4, 10);
  const at::Tensor broken = inputs.student.detach().clone();
  broken[2][3] = std::nan("");
  EXPECT_TRUE(std::isnan(
      Evaluate(broken, inputs.teacher, inputs.labels, Options(5, 0.5))
          .terms.total.item<double>()));
}

// What is left off the CPU: the composed formula, here on the CPU.
TEST(KdComposedTest, MatchesTheRows) {
  for (double alpha : {0.0, 0.4, 1.0}) {
    for (double temperature : {1.0, 5.0}) {
      for (at::ScalarType dtype : {at::kDouble, at::kFloat}) {
        SCOPED_TRACE(Message() << "alpha " << alpha << ", T " << temperature
                               << ", " << dtype);
        const KdOptions options = Options(temperature, alpha);
        const Batch inputs(8, 10, dtype);
        const Evaluated rows = Evaluate(inputs, options);
        const at::Tensor leaf = Leaf(inputs.student);
        const at::Tensor teacher = Leaf(inputs.teacher);
        const LossTerms composed =
            KdComposed(leaf, teacher, inputs.labels, options);
        composed.total.backward();
        const double tolerance =
            dtype == at::kDouble ? kDoubleTolerance : kComposedFloatTolerance;
        EXPECT_EQ(composed.total.scalar_type(), dtype);
        EXPECT_EQ(composed.soft.defined(), alpha != 0);
        EXPECT_EQ(composed.hard.defined(), alpha != 1);
        if (alpha != 0) {
          ExpectNear(composed.soft, rows.terms.soft.item<double>(), tolerance);
          EXPECT_FALSE(composed.soft.requires_grad());
        }
        if (alpha != 1) {
          ExpectNear(composed.hard, rows.terms.hard.item<double>(), tolerance);
          EXPECT_FALSE(composed.hard.requires_grad());
        }
        ExpectNear(composed.total, rows.terms.total.item<double>(), tolerance);
        ExpectNear(leaf.grad(), rows.gradient, tolerance);
        EXPECT_FALSE(teacher.grad().defined());
      }
    }
  }
}

TEST(KdComposedTest, SixteenBitLogitsAreComputedInFloat32) {
  const Batch inputs(8, 10, at::kBFloat16);
  const KdOptions options = Options(5, 0.5);
  const Evaluated rows = Evaluate(inputs, options);
  const at::Tensor leaf = Leaf(inputs.student);
  const LossTerms composed =
      KdComposed(leaf, inputs.teacher, inputs.labels, options);
  composed.total.backward();
  EXPECT_EQ(composed.total.scalar_type(), at::kFloat);
  ExpectNear(composed.total, rows.terms.total.item<double>(),
             kComposedFloatTolerance);
  // Each term's gradient is rounded to bfloat16, then their sum.
  ExpectNear(leaf.grad(), rows.gradient, 2.0 / 128);
}

TEST(KdComposedTest, LargeLogitsStayFinite) {
  const at::Tensor student = Leaf(at::tensor({1e4f, 0.f, -1e4f}).unsqueeze(0));
  const at::Tensor teacher = at::tensor({-1e4f, 0.f, 1e4f}).unsqueeze(0);
  const LossTerms terms =
      KdComposed(student, teacher, at::tensor({1}, at::kLong), Options(20, .5));
  terms.total.backward();
  // Row 5 of the table; these numbers are exact in float32.
  EXPECT_EQ(terms.soft.item<double>(), 400000);
  EXPECT_EQ(terms.hard.item<double>(), 10000);
  EXPECT_TRUE(student.grad().isfinite().all().item<bool>());
}

TEST(KdLossTest, MismatchesNameBothSides) {
  const Batch inputs(4, 10, at::kFloat);
  const auto call = [&](const at::Tensor& student, const at::Tensor& teacher,
                        const at::Tensor& labels) {
    return [=] { KdLoss(student, teacher, labels, Options(5, 0.5)); };
  };
  const auto& [student, teacher, labels] = inputs;
  ExpectRefused(call(student, teacher.narrow(1, 0, 9), labels),
                {"student logits", "[4, 10]", "teacher logits", "[4, 9]"});
  ExpectRefused(call(student, teacher.narrow(0, 0, 3), labels),
                {"student logits", "[4, 10]", "teacher logits", "[3, 10]"});
  ExpectRefused(call(student, teacher.to(at::kDouble), labels),
                {"student logits", "Float", "teacher logits", "Double"});
  ExpectRefused(call(student, teacher.to(at::kBFloat16), labels),
                {"student logits", "Float", "teacher logits", "BFloat16"});
  ExpectRefused(call(student, teacher.to(at::kMeta), labels),
                {"student logits", "cpu", "teacher logits", "meta"});
  ExpectRefused(call(student, teacher, labels.to(at::kMeta)),
                {"labels", "meta", "student logits", "cpu"});
  ExpectRefused(call(student, teacher, labels.narrow(0, 0, 3)),
                {"labels", "[3]", "student logits", "[4, 10]"});
  ExpectRefused(call(student, teacher, labels.unsqueeze(1)),
                {"labels", "[4, 1]", "student logits", "[4, 10]"});
  ExpectRefused(call(student, teacher, labels.to(at::kInt)),
                {"labels", "int64", "Int"});
}

TEST(KdLossTest, WrongShapesAndDtypesAreRefused) {
  const Batch inputs(4, 10, at::kFloat);
  const auto call = [&](const at::Tensor& student, const at::Tensor& teacher,
                        const at::Tensor& labels) {
    return [=] { KdLoss(student, teacher, labels, Options(5, 0.5)); };
  };
  const auto& [student, teacher, labels] = inputs;
  ExpectRefused(call(student.view({4, 10, 1}), teacher, labels),
                {"student logits", "[batch, classes]", "[4, 10, 1]"});
  ExpectRefused(call(student.narrow(0, 0, 0), teacher, labels),
                {"student logits", "batch >= 1", "[0, 10]"});
  ExpectRefused(call(student.narrow(1, 0, 1), teacher, labels),
                {"student logits", "classes >= 2", "[4, 1]"});
  ExpectRefused(call(student, teacher[0], labels),
                {"teacher logits", "[batch, classes]", "[10]"});
  ExpectRefused(call(student.to(at::kLong), teacher, labels),
                {"student logits", "float32", "Long"});
  ExpectRefused(call(at::Tensor(), teacher, labels),
                {"student logits", "missing"});
  ExpectRefused(call(student, at::Tensor(), labels),
                {"teacher logits", "missing"});
  ExpectRefused(call(student, teacher, at::Tensor()), {"labels", "missing"});
}

TEST(KdLossTest, LabelsOutOfRangeAreRefused) {
  const Batch inputs(4, 10);
  for (int64_t wrong : {-1, 10}) {
    const at::Tensor labels = inputs.labels.clone();
    labels[2] = wrong;
    ExpectRefused(
        [&] {
          KdLoss(inputs.student, inputs.teacher, labels, Options(5, 0.5));
        },
        {"label " + std::to_string(wrong), "row 2", "[0, 10)"});
  }
}

TEST(KdLossTest, ProbabilitiesAreRefused) {
  for (at::ScalarType dtype :
       {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    for (int64_t classes : {2, 10, 1000}) {
      SCOPED_TRACE(Message() << dtype << ", " << classes << " classes");
      const Batch inputs(4, classes, dtype);
      const auto softmax = [](const at::Tensor& logits) {
        return at::softmax(logits.detach(), 1);
      };
      ExpectRefused(
          [&] {
            KdLoss(softmax(inputs.student), inputs.teacher, inputs.labels,
                   Options(5, 0.5));
          },
          {"student logits", "probabilities", "softmax"});
      ExpectRefused(
          [&] {
            KdLoss(inputs.student, softmax(inputs.teacher), inputs.labels,
                   Options(5, 0.5));
          },
          {"teacher logits", "probabilities", "softmax"});
    }
  }
  // A float32 softmax that was cast, and a one-hot teacher.
  const Batch inputs(4, 10);
  ExpectRefused(
      [&] {
        KdLoss(inputs.student,
               at::softmax(inputs.teacher.to(at::kFloat), 1).to(at::kDouble),
               inputs.labels, Options(5, 0.5));
      },
      {"probabilities"});
  ExpectRefused(
      [&] {
        KdLoss(inputs.student, at::one_hot(inputs.labels, 10).to(at::kDouble),
               inputs.labels, Options(5, 0.5));
      },
      {"probabilities"});
}

TEST(KdLossTest, LogitsThatLookABitLikeProbabilitiesAreNotRefused) {
  const Batch inputs(4, 10);
  const auto accepted = [&](const at::Tensor& teacher) {
    EXPECT_NO_THROW(
        KdLoss(inputs.student, teacher, inputs.labels, Options(5, 0.5)));
  };
  accepted(at::zeros({4, 10}, at::kDouble));  // An untrained last layer.
  accepted(at::ones({4, 10}, at::kDouble));
  accepted(at::one_hot(inputs.labels, 10).to(at::kDouble) * 8);
  // Sums of 1, but negative values among them.
  accepted(inputs.teacher - inputs.teacher.mean(1, true) + 0.1);
  // One row among others.
  at::Tensor mixed = at::softmax(inputs.teacher, 1);
  mixed[3] = inputs.teacher[3];
  accepted(mixed);
  accepted(at::log_softmax(inputs.teacher, 1));
}

TEST(KdLossTest, InvalidOptionsAreRefused) {
  const Batch inputs(4, 10);
  ExpectRefused(
      [&] {
        KdLoss(inputs.student, inputs.teacher, inputs.labels, Options(0, 0.5));
      },
      {"temperature", "greater than 0", "got 0"});
  ExpectRefused(
      [&] {
        KdLoss(inputs.student, inputs.teacher, inputs.labels, Options(5, 1.5));
      },
      {"alpha", "[0, 1]", "got 1.5"});
}

}  // namespace
}  // namespace distill
