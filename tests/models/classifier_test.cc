#include "models/classifier.h"

#include <memory>

#include "ATen/ATen.h"
#include "data/random.h"
#include "gtest/gtest.h"
#include "models/zoo.h"

namespace distill {
namespace {

std::shared_ptr<ConvNet> MakeStudent() {
  Random random(0, "test weights");
  return std::make_shared<ConvNet>(StudentOptions(28, 28, 10), random);
}

TEST(FrozenClassifierTest, IsInEvalModeAndNeedsNoGradient) {
  auto model = MakeStudent();
  model->train();
  model->Logits(at::ones({1, 1, 28, 28})).sum().backward();
  const FrozenClassifier frozen(model);
  EXPECT_FALSE(model->is_training());
  for (const at::Tensor& parameter : model->parameters()) {
    EXPECT_FALSE(parameter.requires_grad());
    EXPECT_FALSE(parameter.grad().defined());
  }
}

TEST(FrozenClassifierTest, GivesTheModelsLogitsWithoutAGraph) {
  auto model = MakeStudent();
  const at::Tensor images = at::ones({2, 1, 28, 28});
  const at::Tensor expected = model->Logits(images).detach();
  const FrozenClassifier frozen(model);
  const at::Tensor logits = frozen.Logits(images);
  EXPECT_TRUE(at::equal(logits, expected));
  EXPECT_FALSE(logits.requires_grad());
  // Also if somebody wants the image's gradient.
  EXPECT_FALSE(frozen.Logits(images.clone().requires_grad_()).requires_grad());
}

}  // namespace
}  // namespace distill
