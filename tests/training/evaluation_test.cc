#include "training/evaluation.h"

#include <cmath>
#include <memory>
#include <string>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"

namespace distill {
namespace {

TEST(EvaluationTest, CountsErrorsAndAveragesTheLoss) {
  Dataset dataset;
  dataset.count = 3;
  dataset.classes = 3;
  dataset.labels = {0, 2, 1};
  const at::Tensor logits =
      at::tensor({2.0f, 1.0f, 0.0f, 0.0f, 3.0f, 1.0f, 0.0f, 5.0f, 0.0f})
          .reshape({3, 3});
  const Evaluation evaluation = EvaluateLogits(logits, dataset);
  EXPECT_EQ(evaluation.samples, 3);
  EXPECT_EQ(evaluation.errors, 1);  // The second answers 1, its label is 2.
  EXPECT_DOUBLE_EQ(evaluation.accuracy(), 2.0 / 3);
  // -log softmax(row)[label], by the definition.
  const double expected = (std::log(1 + std::exp(-1.0) + std::exp(-2.0)) +
                           (std::log(1 + std::exp(3.0) + std::exp(1.0)) - 1) +
                           std::log(1 + 2 * std::exp(-5.0))) /
                          3;
  EXPECT_NEAR(evaluation.loss, expected, 1e-6);
}

TEST(EvaluationTest, LogitsAreInTheDataSetsOrderWhateverBatchesAndThreads) {
  testing::ToyOptions toy;
  toy.count = 1500;
  const auto dataset = testing::ToyDataset(toy);
  Random random(0, "test weights");
  const FrozenClassifier model(
      std::make_shared<Network>(StudentGraph(), random));
  Observer nobody;
  const Batches batches = *Batches::Create(dataset);
  const int before = at::get_num_threads();
  for (int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    const at::Tensor logits =
        ComputeLogits(model, batches, at::kCPU, "test", nobody);
    ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{1500, 10}));
    EXPECT_FALSE(logits.requires_grad());
    for (int64_t i : {0, 31, 63, 64, 512, 1499}) {
      EXPECT_TRUE(
          at::equal(logits[i], model.Logits(batches.Range(i, 1).images)[0]))
          << i << " with " << threads << " threads";
    }
  }
  at::set_num_threads(before);
}

}  // namespace
}  // namespace distill
