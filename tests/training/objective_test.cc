#include "training/objective.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "losses/cross_entropy.h"

namespace distill {
namespace {

Batch MakeBatch() {
  at::manual_seed(1);
  Batch batch;
  batch.images = at::zeros({4, 1, 2, 2});
  batch.labels = at::tensor({0, 1, 2, 1}, at::kLong);
  batch.indices = at::tensor({5, 0, 3, 7}, at::kLong);
  return batch;
}

TEST(LabelObjectiveTest, IsSmoothedByAsMuchAsItIsAsked) {
  const Batch batch = MakeBatch();
  const at::Tensor logits = at::randn({4, 3});
  for (const double smoothing : {0.0, 0.2}) {
    EXPECT_TRUE(
        LabelObjective(smoothing)
            .loss(batch, {logits, {}})
            .total.equal(
                CrossEntropyLoss(logits, batch.labels, smoothing).total));
  }
  EXPECT_TRUE(LabelObjective()
                  .loss(batch, {logits, {}})
                  .total.equal(CrossEntropyLoss(logits, batch.labels).total));
}

TEST(DistillationObjectiveTest, LabelsThatAreNotKnownAreNotLookedAt) {
  const at::Tensor labelled =
      at::tensor({1, 0, 0, 0, 0, 1, 0, 0}).to(at::kBool);
  const at::Tensor teacher = at::randn({8, 3});
  const at::Tensor logits = at::randn({4, 3});
  const Objective objective =
      DistillationObjective(CachedLogits(teacher), MethodOptions(), labelled);
  Batch batch = MakeBatch();
  const double before =
      objective.loss(batch, {logits, {}}).total.item<double>();
  // Samples 3 and 7 have no label; 999 would be an error if it were read.
  batch.labels[2] = 999;
  batch.labels[3] = 0;
  EXPECT_EQ(objective.loss(batch, {logits, {}}).total.item<double>(), before);
  // Sample 0 has one.
  batch.labels[1] = 2;
  EXPECT_NE(objective.loss(batch, {logits, {}}).total.item<double>(), before);
}

TEST(DistillationObjectiveTest, WithAllLabelsKnownAMaskChangesNothing) {
  const at::Tensor teacher = at::randn({8, 3}), logits = at::randn({4, 3});
  const Batch batch = MakeBatch();
  const LossTerms plain =
      DistillationObjective(CachedLogits(teacher), MethodOptions())
          .loss(batch, {logits, {}});
  const LossTerms masked =
      DistillationObjective(CachedLogits(teacher), MethodOptions(),
                            at::ones({8}, at::kBool))
          .loss(batch, {logits, {}});
  EXPECT_TRUE(at::equal(plain.total, masked.total));
}

}  // namespace
}  // namespace distill
