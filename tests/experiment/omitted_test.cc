#include "experiment/omitted.h"

#include <algorithm>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

Dataset Labels(std::vector<int32_t> labels) {
  Dataset dataset;
  dataset.count = static_cast<int64_t>(labels.size());
  dataset.classes = 3;
  dataset.labels = std::move(labels);
  return dataset;
}

TEST(OmittedTest, ABiasBringsTheOmittedClassBack) {
  // Class 2 was never seen: its logit is always a little too low.
  const at::Tensor logits = at::tensor({5.f, 0.f, 3.f,   //
                                        4.f, 0.f, 1.f,   //
                                        3.f, 1.f, 2.5f,  //
                                        0.f, 3.f, 2.f})
                                .view({4, 3});
  const Dataset dataset = Labels({2, 0, 2, 1});
  // Between 2, which makes sample 0 right, and 3, which makes sample 1 wrong;
  // but 1 already makes sample 3 wrong, and 0.5 sample 2 right. Errors: 2, then
  // 1 above 0.5, 2 above 1, 1 above 2, 2 above 3. The nearest to 0 is in the
  // middle of 0.5 and 1.
  const double bias = BestBias(logits, dataset, {2});
  EXPECT_DOUBLE_EQ(bias, 0.75);
  const OmittedResult result = EvaluateOmitted(logits, dataset, {2}, bias);
  EXPECT_EQ(result.samples, 2);
  EXPECT_EQ(result.errors, 2);
  EXPECT_EQ(result.corrected_errors, 1);
  EXPECT_EQ(result.corrected_omitted_errors, 1);
}

TEST(OmittedTest, WhereNoBiasHelpsItIsZero) {
  const at::Tensor logits =
      at::tensor({5.f, 0.f, 3.f, 0.f, 4.f, 1.f}).view({2, 3});
  EXPECT_EQ(BestBias(logits, Labels({0, 1}), {2}), 0);
}

TEST(OmittedTest, NoOtherBiasLeavesFewerErrors) {
  at::manual_seed(3);
  const at::Tensor logits = at::randn({500, 3});
  std::vector<int32_t> labels(500);
  for (int i = 0; i < 500; ++i) {
    at::Tensor row = logits[i];
    labels[i] = static_cast<uint8_t>(i % 3);
    row[i % 3] += 2.f;
    row[2] -= 1.5f;
  }
  const Dataset dataset = Labels(labels);
  const double best = BestBias(logits, dataset, {2});
  const int64_t least =
      EvaluateOmitted(logits, dataset, {2}, best).corrected_errors;
  EXPECT_GT(best, 0.5);
  for (double bias = 0; bias < 6; bias += 0.01) {
    EXPECT_GE(EvaluateOmitted(logits, dataset, {2}, bias).corrected_errors,
              least)
        << bias;
  }
}

}  // namespace
}  // namespace distill
