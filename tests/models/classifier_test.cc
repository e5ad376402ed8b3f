#include "models/classifier.h"

#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"

namespace distill {
namespace {

std::shared_ptr<Network> MakeStudent() {
  Random random(0, "test weights");
  return std::make_shared<Network>(StudentGraph(), random);
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

TEST(FrozenClassifierTest, ItsStateIsParametersAndBuffersAndDoesNotChange) {
  Graph graph = StudentGraph({1, 8, 8}, 3);
  graph.operations[1].kind = Operation::Kind::kBatchNorm;
  graph.operations[1].name = "bn1";
  Random random(0, "test weights");
  auto model = std::make_shared<Network>(graph, random);
  const at::Tensor images = at::rand({4, 1, 8, 8});
  model->Logits(images);
  const FrozenClassifier frozen(model);
  const std::vector<NamedTensor> before = frozen.State();
  std::vector<std::string> names;
  names.reserve(before.size());
  for (const NamedTensor& one : before) names.push_back(one.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias",
                       "fc1.weight", "fc1.bias", "bn1.running_mean",
                       "bn1.running_var", "bn1.num_batches_tracked"}));
  frozen.Logits(images);
  const std::vector<NamedTensor> after = frozen.State();
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(at::equal(before[i].value, after[i].value)) << before[i].name;
  }
}

TEST(FrozenClassifierTest, ItsStateHasNoStepOfDropout) {
  Random random(0, "test weights");
  auto model = std::make_shared<Network>(
      *ParseModel("m", "mlp:4", {1, 8, 8}, 3, /*dropout=*/0.5), random);
  // A training has it, to go on.
  ASSERT_EQ(model->named_buffers().size(), 1u);
  EXPECT_EQ(model->named_buffers()[0].name, "dropout_step");
  for (const NamedTensor& one : FrozenClassifier(model).State()) {
    EXPECT_NE(one.name, "dropout_step");
  }
}

}  // namespace
}  // namespace distill
