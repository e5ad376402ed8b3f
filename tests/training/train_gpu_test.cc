// Training on the GPU against training on the CPU.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "experiment/run.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/cuda.h"
#include "tests/testing/datasets.h"
#include "tests/testing/status.h"
#include "training/device.h"
#include "training/evaluation.h"
#include "training/loop.h"

namespace distill {
namespace {

using testing::FailsWith;
using testing::ToyDataset;
using testing::ToyOptions;

Observer nobody;

class TrainGpuTest : public testing::GpuTest {
 protected:
  void SetUp() override {
    testing::GpuTest::SetUp();
    if (IsSkipped()) return;
    ComputeOptions options;
    options.precision = "f32";
    options.deterministic = true;
    ASSERT_TRUE(ResolveCompute(options).ok());
  }

  static Batches MakeBatches(int64_t count) {
    ToyOptions toy;
    toy.count = count;
    return *Batches::Create(ToyDataset(toy));
  }

  static std::shared_ptr<Network> MakeModel(const Graph& graph,
                                            at::Device device) {
    Random random(0, "test weights");
    auto model = std::make_shared<Network>(graph, random);
    model->to(device);
    return model;
  }

  static TrainOptions Options(int64_t epochs, at::Device device) {
    TrainOptions options;
    options.name = "model";
    options.epochs = epochs;
    options.device = device;
    options.learning_rate = 0.002;
    return options;
  }
};

// More than enough steps for the graph, and a short batch in each epoch.
constexpr int64_t kSamples = 600;

TEST_F(TrainGpuTest, LossesFollowTheCpus) {
  const Batches batches = MakeBatches(kSamples);
  std::vector<EpochLosses> losses[2];
  const at::Device devices[] = {at::kCPU, at::kCUDA};
  for (int i = 0; i < 2; ++i) {
    auto model = MakeModel(TeacherGraph(), devices[i]);
    const auto result = Train(*model, batches, LabelObjective(),
                              Options(3, devices[i]), nobody);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->steps, 3 * batches.batch_count());
    losses[i] = result->epochs;
  }
  // Rounding differs, and training makes more of it with every step.
  EXPECT_NEAR(losses[1][0].total, losses[0][0].total, 0.01);
  EXPECT_NEAR(losses[1][2].total, losses[0][2].total, 0.1);
  EXPECT_LT(losses[1][2].total, losses[1][0].total);
}

TEST_F(TrainGpuTest, LogitsAgreeWithTheCpus) {
  const Batches batches = MakeBatches(kSamples);
  at::Tensor logits[2];
  const at::Device devices[] = {at::kCPU, at::kCUDA};
  for (int i = 0; i < 2; ++i) {
    const FrozenClassifier model(MakeModel(TeacherGraph(), devices[i]));
    logits[i] = ComputeLogits(model, batches, devices[i], "test", nobody).cpu();
  }
  EXPECT_TRUE(at::allclose(logits[0], logits[1], /*rtol=*/1e-4, /*atol=*/1e-5));
}

TEST_F(TrainGpuTest, DeterministicGivesTheSameBitsTwice) {
  const Batches batches = MakeBatches(kSamples);
  std::vector<at::Tensor> runs[2];
  for (auto& run : runs) {
    auto model = MakeModel(TeacherGraph(), at::kCUDA);
    ASSERT_TRUE(
        Train(*model, batches, LabelObjective(), Options(2, at::kCUDA), nobody)
            .ok());
    for (const at::Tensor& parameter : model->parameters()) {
      run.push_back(parameter.detach().cpu());
    }
  }
  for (size_t i = 0; i < runs[0].size(); ++i) {
    EXPECT_TRUE(at::equal(runs[0][i], runs[1][i])) << i;
  }
}

TEST_F(TrainGpuTest, CachedAndLiveLogitsGiveAlikeStudents) {
  const Batches batches = MakeBatches(kSamples);
  const auto teacher =
      std::make_shared<FrozenClassifier>(MakeModel(TeacherGraph(), at::kCUDA));
  const at::Tensor table =
      ComputeLogits(*teacher, batches, at::kCUDA, "test", nobody);
  double totals[2];
  int i = 0;
  for (const TeacherLogits& logits :
       {CachedLogits(table), LiveLogits(teacher)}) {
    auto model = MakeModel(StudentGraph(), at::kCUDA);
    const auto result =
        Train(*model, batches, DistillationObjective(logits, MethodOptions()),
              Options(2, at::kCUDA), nobody);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(std::isnan(result->epochs[1].soft));
    totals[i++] = result->epochs[1].total;
  }
  EXPECT_NEAR(totals[0], totals[1], 0.01);
}

TEST_F(TrainGpuTest, ALossThatIsNotFiniteStopsIt) {
  const Batches batches = MakeBatches(kSamples);
  auto model = MakeModel(StudentGraph(), at::kCUDA);
  TrainOptions options = Options(3, at::kCUDA);
  options.learning_rate = 1e30;
  EXPECT_TRUE(FailsWith(
      Train(*model, batches, LabelObjective(), options, nobody).status(),
      absl::StatusCode::kFailedPrecondition, {"not a finite number at step"}));
}

}  // namespace
}  // namespace distill
