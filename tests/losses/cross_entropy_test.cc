#include "losses/cross_entropy.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "losses/kd.h"
#include "tests/losses/reference.h"

namespace distill {
namespace {

at::Tensor RandomLogits(int64_t batch, int64_t classes) {
  at::Generator generator = at::detail::createCPUGenerator(11);
  return 3 * at::randn({batch, classes}, generator, at::kDouble);
}

at::Tensor LabelsInTurn(int64_t batch, int64_t classes) {
  return at::arange(batch, at::kLong).remainder(classes);
}

TEST(CrossEntropyLossTest, MatchesPyTorchTable) {
  for (const TableRow& row : PyTorchTable()) {
    SCOPED_TRACE(row);
    const LossTerms terms =
        CrossEntropyLoss(at::tensor(row.s, at::kDouble).unsqueeze(0),
                         at::tensor({row.label}, at::kLong));
    EXPECT_NEAR(terms.hard.item<double>(), row.hard,
                kTableTolerance * row.hard);
    EXPECT_TRUE(terms.total.equal(terms.hard));
    EXPECT_FALSE(terms.soft.defined());
  }
}

// An independent implementation of the same formula, in double: the sums of
// 1000 classes in another order differ by less than 1e-12.
TEST(CrossEntropyLossTest, MatchesATen) {
  for (int64_t batch : {1, 5}) {
    for (int64_t classes : {2, 3, 10, 1000}) {
      SCOPED_TRACE(testing::Message()
                   << "batch " << batch << ", " << classes << " classes");
      const at::Tensor ours = RandomLogits(batch, classes).requires_grad_();
      const at::Tensor theirs = ours.detach().clone().requires_grad_();
      const at::Tensor labels = LabelsInTurn(batch, classes);
      const LossTerms terms = CrossEntropyLoss(ours, labels);
      const at::Tensor expected = at::cross_entropy_loss(theirs, labels);
      EXPECT_NEAR(terms.total.item<double>(), expected.item<double>(),
                  1e-12 * expected.item<double>());
      terms.total.backward();
      expected.backward();
      EXPECT_LE((ours.grad() - theirs.grad()).abs().max().item<double>(),
                1e-12 * theirs.grad().abs().max().item<double>());
    }
  }
}

TEST(CrossEntropyLossTest, SmoothedItIsPyTorchsAndTheFormula) {
  for (const double smoothing : {0.0, 0.1, 0.7}) {
    const at::Tensor ours = RandomLogits(5, 10).requires_grad_();
    const at::Tensor theirs = ours.detach().clone().requires_grad_();
    const at::Tensor labels = LabelsInTurn(5, 10);
    const LossTerms terms = CrossEntropyLoss(ours, labels, smoothing);
    long double formula = 0;
    for (int64_t row = 0; row < 5; ++row) {
      const at::Tensor logits = ours.detach()[row].contiguous();
      const double* const s = logits.const_data_ptr<double>();
      const auto log_p = LogSoftmax({s, s + 10}, 1);
      formula -= (1 - smoothing) * log_p[row] / 5;
      for (const long double x : log_p) formula -= smoothing * x / 50;
    }
    EXPECT_NEAR(terms.total.item<double>(), formula, 1e-12 * formula);
    EXPECT_TRUE(terms.hard.equal(terms.total));
    EXPECT_FALSE(terms.hard.requires_grad());
    const at::Tensor expected = at::cross_entropy_loss(
        theirs, labels, {}, at::Reduction::Mean, kNoLabel, smoothing);
    EXPECT_NEAR(expected.item<double>(), formula, 1e-12 * formula);
    terms.total.backward();
    expected.backward();
    EXPECT_LE((ours.grad() - theirs.grad()).abs().max().item<double>(), 1e-13);
    // A row without a label counts in the mean alone.
    const at::Tensor one_of_two =
        at::tensor({labels[0].item<int64_t>(), kNoLabel}, at::kLong);
    EXPECT_NEAR(
        2 * CrossEntropyLoss(ours.narrow(0, 0, 2), one_of_two, smoothing)
                .total.item<double>(),
        CrossEntropyLoss(ours.narrow(0, 0, 1), labels.narrow(0, 0, 1),
                         smoothing)
            .total.item<double>(),
        1e-12);
  }
}

TEST(CrossEntropyLossTest, EqualsKdWithAlphaZero) {
  const at::Tensor logits = RandomLogits(6, 10).to(at::kFloat);
  const at::Tensor labels = LabelsInTurn(6, 10);
  KdOptions options;
  options.alpha = 0;
  EXPECT_TRUE(
      CrossEntropyLoss(logits, labels)
          .total.equal(KdLoss(logits, logits.flip(1), labels, options).total));
}

// An untrained model with zero logits: log(classes), a gradient of
// (1/classes - [i = label]) / batch.
TEST(CrossEntropyLossTest, UniformLogitsGiveLogOfClasses) {
  const at::Tensor logits = at::zeros({2, 4}, at::kDouble).requires_grad_();
  const LossTerms terms =
      CrossEntropyLoss(logits, at::tensor({0, 3}, at::kLong));
  terms.total.backward();
  EXPECT_NEAR(terms.total.item<double>(), std::log(4.0), 1e-15);
  const at::Tensor expected =
      at::tensor({-.75, .25, .25, .25, .25, .25, .25, -.75}, at::kDouble)
          .view({2, 4}) /
      2;
  EXPECT_LE((logits.grad() - expected).abs().max().item<double>(), 1e-15);
}

TEST(CrossEntropyLossTest, ErrorsNameLogitsNotAStudent) {
  const auto message = [](const at::Tensor& logits, const at::Tensor& labels) {
    try {
      CrossEntropyLoss(logits, labels);
    } catch (const c10::Error& error) {
      return std::string(error.what_without_backtrace());
    }
    return std::string("not refused");
  };
  const at::Tensor logits = RandomLogits(2, 3);
  const at::Tensor labels = LabelsInTurn(2, 3);
  EXPECT_EQ(message(at::softmax(logits, 1), labels).find("logits are prob"),
            0u);
  EXPECT_EQ(message(logits[0], labels).find("logits must be [batch, classes]"),
            0u);
  const std::string mismatch = message(logits, labels.narrow(0, 0, 1));
  EXPECT_NE(mismatch.find("[1]"), std::string::npos) << mismatch;
  EXPECT_NE(mismatch.find("[2, 3]"), std::string::npos) << mismatch;
  EXPECT_EQ(mismatch.find("student"), std::string::npos) << mismatch;
  EXPECT_NE(message(logits, labels + 2).find("label 3 of row 1"),
            std::string::npos);
}

}  // namespace
}  // namespace distill
