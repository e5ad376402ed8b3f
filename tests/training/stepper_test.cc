// That the stepper which GPUs use takes the steps that the CPU's takes: here on
// the CPU, where both give the same bits.
#include "training/stepper.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/gpu_kernels.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"
#include "training/checkpoint.h"
#include "training/optimizer.h"

namespace distill {
namespace {

using testing::ToyDataset;
using testing::ToyOptions;

Batches MakeBatches(const char* augment = "none") {
  ToyOptions toy;
  toy.count = 150;
  BatchesOptions options;
  options.batch_size = 64;
  options.augment = *Augment::Parse(augment);
  return *Batches::Create(ToyDataset(toy), options);
}

std::shared_ptr<Network> MakeModel(const Graph& graph) {
  Random random(0, "test weights");
  return std::make_shared<Network>(graph, random);
}
std::shared_ptr<Network> MakeModel() { return MakeModel(StudentGraph()); }

// A small one with dropout.
std::shared_ptr<Network> MakeDroppingModel() {
  return MakeModel(*ParseModel("m", "cnn:16,fc20", {1, 28, 28}, 10, 0.5));
}

// What two epochs of steps find, read at the ends of epochs, and what they
// leave.
struct Taken {
  std::vector<StepLosses> losses;
  std::vector<at::Tensor> parameters;
};

Taken TakeSteps(bool on_device, const Objective& objective,
                const Batches& batches, const std::shared_ptr<Network>& model,
                const OptimizerOptions& optimizer = {}) {
  const Schedule schedule{ScheduleKind::kOneCycle, 0.01,
                          2 * batches.batch_count()};
  const StepperInputs inputs = {*model,   batches,   objective,
                                schedule, optimizer, OneProcess()};
  const std::unique_ptr<Stepper> stepper =
      on_device ? MakeDeviceStepper(inputs, at::kCPU) : MakeHostStepper(inputs);
  Taken run;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    stepper->BeginEpoch({batches.Order(epoch), batches.ViewsOf(epoch),
                         epoch * batches.batch_count(), 0});
    for (int64_t i = 0; i < batches.batch_count(); ++i) {
      stepper->Step(/*count_correct=*/i >= 1);
    }
    for (const StepLosses& losses : stepper->Read()) {
      run.losses.push_back(losses);
    }
    EXPECT_TRUE(stepper->Read().empty());
  }
  for (const at::Tensor& parameter : inputs.Parameters()) {
    run.parameters.push_back(parameter.detach().clone());
  }
  return run;
}

void ExpectSame(double a, double b) {
  if (std::isnan(a)) {
    EXPECT_TRUE(std::isnan(b));
  } else {
    EXPECT_EQ(a, b);
  }
}

// `make_objective` and `make_model` are asked once a run: training changes
// them.
template <typename MakeObjective, typename MakeModelOfTest>
void ExpectTheSameSteps(const MakeObjective& make_objective,
                        const MakeModelOfTest& make_model,
                        const char* augment = "none",
                        const OptimizerOptions& optimizer = {}) {
  const Batches batches = MakeBatches(augment);
  const Taken host =
      TakeSteps(false, make_objective(), batches, make_model(), optimizer);
  const Taken device =
      TakeSteps(true, make_objective(), batches, make_model(), optimizer);
  ASSERT_EQ(host.losses.size(), 6u);
  ASSERT_EQ(device.losses.size(), 6u);
  for (size_t i = 0; i < 6; ++i) {
    ExpectSame(device.losses[i].total, host.losses[i].total);
    ExpectSame(device.losses[i].soft, host.losses[i].soft);
    ExpectSame(device.losses[i].hard, host.losses[i].hard);
    EXPECT_EQ(device.losses[i].counted, i % 3 >= 1);
    EXPECT_EQ(device.losses[i].counted, host.losses[i].counted);
    EXPECT_EQ(device.losses[i].correct, host.losses[i].correct);
    EXPECT_EQ(device.losses[i].samples, i % 3 == 2 ? 22 : 64);
    EXPECT_EQ(device.losses[i].samples, host.losses[i].samples);
  }
  EXPECT_GT(host.losses[5].correct, 0);
  ASSERT_EQ(host.parameters.size(), device.parameters.size());
  for (size_t i = 0; i < host.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(host.parameters[i], device.parameters[i])) << i;
  }
}

// The GPU's own kernels, by their phases: of convolutions with one and with
// several channels, layers and Adam. Their sums are in another order.
TEST(DeviceStepperTest, TheGpusKernelsTakeTheHostsStepsNearly) {
  const Batches batches = MakeBatches();
  const auto model = [] {
    return MakeModel(*ParseModel("m", "cnn:16,32,fc20", {1, 28, 28}, 10, 0));
  };
  const Taken host = TakeSteps(false, LabelObjective(), batches, model());
  SetGpuKernels(GpuKernels::kOwnOnHost);
  const Taken own = TakeSteps(true, LabelObjective(), batches, model());
  const Taken again = TakeSteps(true, LabelObjective(), batches, model());
  SetGpuKernels(GpuKernels::kLibTorch);
  ASSERT_EQ(own.losses.size(), host.losses.size());
  for (size_t i = 0; i < own.losses.size(); ++i) {
    EXPECT_NEAR(own.losses[i].total, host.losses[i].total, 1e-3) << i;
    EXPECT_EQ(own.losses[i].total, again.losses[i].total) << i;
  }
  bool other = false;
  for (size_t i = 0; i < own.parameters.size(); ++i) {
    EXPECT_TRUE(at::equal(own.parameters[i], again.parameters[i])) << i;
    other |= !at::equal(own.parameters[i], host.parameters[i]);
  }
  EXPECT_TRUE(other) << "the CPU's kernels were used";
}

TEST(DeviceStepperTest, TakesTheHostsStepsWithLabels) {
  ExpectTheSameSteps([] { return LabelObjective(); },
                     [] { return MakeModel(); });
}

TEST(DeviceStepperTest, TakesTheHostsStepsWithAnyOptimizer) {
  OptimizerOptions optimizer;
  optimizer.weight_decay = 0.01;
  for (const auto& [word, kind] : OptimizerKinds()) {
    SCOPED_TRACE(word);
    optimizer.kind = kind;
    ExpectTheSameSteps([] { return LabelObjective(); },
                       [] { return MakeModel(); }, "none", optimizer);
  }
}

TEST(DeviceStepperTest, TakesTheHostsStepsWithDropoutAndViews) {
  ExpectTheSameSteps([] { return LabelObjective(); }, MakeDroppingModel,
                     "crop:2,flip,cutout:5");
}

TEST(DeviceStepperTest, TakesTheHostsStepsWithFeaturesAndARegressor) {
  const auto teacher =
      std::make_shared<const FrozenClassifier>(MakeModel(TeacherGraph()));
  MethodOptions options;
  options.method = "fitnets";
  const auto make_objective = [&] {
    Random random(1, "regressor");
    const auto leaf = [&](const std::vector<int64_t>& sizes) {
      return UniformTensor(sizes, 0.25, random).requires_grad_(true);
    };
    const at::Tensor weight = leaf({32, 16});
    return FeatureObjective(LiveFeature(teacher, "conv1"), "conv1", options,
                            {weight, leaf({32})}, at::Tensor());
  };
  ExpectTheSameSteps(make_objective, [] { return MakeModel(); });

  const Objective objective = make_objective();
  const at::Tensor before = objective.parameters[0].detach().clone();
  TakeSteps(false, objective, MakeBatches(), MakeModel());
  EXPECT_FALSE(at::equal(objective.parameters[0], before))
      << "the regressor did not learn";
}

TEST(DeviceStepperTest, TakesTheHostsStepsWithATeacher) {
  at::manual_seed(3);
  const at::Tensor logits = at::randn({150, 10});
  ExpectTheSameSteps(
      [&] {
        return DistillationObjective(CachedLogits(logits), MethodOptions());
      },
      [] { return MakeModel(); });
}

TEST(StepperTest, GoesOnFromAnothersState) {
  const Batches batches = MakeBatches("shift:1");
  const Schedule schedule{ScheduleKind::kOneCycle, 0.01, 3};
  const Objective objective = LabelObjective();
  const auto make = [&](const std::shared_ptr<Network>& model, bool on_device) {
    const StepperInputs inputs = {*model,   batches, objective,
                                  schedule, {},      OneProcess()};
    return on_device ? MakeDeviceStepper(inputs, at::kCPU)
                     : MakeHostStepper(inputs);
  };
  const auto whole_model = MakeDroppingModel();
  const auto whole = make(whole_model, false);
  whole->BeginEpoch({batches.Order(0), batches.ViewsOf(0), 0, 0});
  for (int i = 0; i < 3; ++i) whole->Step(true);
  for (bool on_device : {false, true}) {
    const auto first_model = MakeDroppingModel(), model = MakeDroppingModel();
    const auto first = make(first_model, !on_device);
    first->BeginEpoch({batches.Order(0), batches.ViewsOf(0), 0, 0});
    first->Step(true);
    first->Read();
    const auto second = make(model, on_device);
    ASSERT_TRUE(Restore(first->State(), second->State()).ok());
    second->BeginEpoch({batches.Order(0), batches.ViewsOf(0), 0, 1});
    second->Step(true);
    second->Step(true);
    const std::vector<StepLosses> losses = second->Read();
    ASSERT_EQ(losses.size(), 2u);
    EXPECT_EQ(losses[1].samples, 22);
    for (size_t i = 0; i < model->parameters().size(); ++i) {
      EXPECT_TRUE(
          at::equal(model->parameters()[i], whole_model->parameters()[i]))
          << i;
    }
  }
}

TEST(DeviceStepperTest, ReadsInPartsWhatItWouldReadAtOnce) {
  const Batches batches = MakeBatches();
  auto model = MakeModel();
  const Schedule schedule{ScheduleKind::kConstant, 0.001, 3};
  const Objective objective = LabelObjective();
  const StepperInputs inputs = {*model,   batches, objective,
                                schedule, {},      OneProcess()};
  const auto stepper = MakeDeviceStepper(inputs, at::kCPU);
  EXPECT_TRUE(stepper->Due());
  stepper->BeginEpoch({batches.Order(0), {}, 0, 0});
  stepper->Step(false);
  EXPECT_EQ(stepper->Read().size(), 1u);
  stepper->Step(false);
  stepper->Step(false);
  const std::vector<StepLosses> rest = stepper->Read();
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[1].samples, 22);
}

TEST(HostStepperTest, ChangesNothingWhereTheLossIsNotFinite) {
  const Batches batches = MakeBatches();
  auto model = MakeModel();
  const at::Tensor before = model->parameters()[0].detach().clone();
  const Schedule schedule{ScheduleKind::kConstant, 0.001, 3};
  Objective broken = LabelObjective();
  broken.loss = [](const Batch& batch, const Outputs& outputs) {
    LossTerms terms = LabelObjective().loss(batch, outputs);
    terms.total = terms.total * std::numeric_limits<double>::quiet_NaN();
    return terms;
  };
  const StepperInputs inputs = {*model,   batches, broken,
                                schedule, {},      OneProcess()};
  const auto stepper = MakeHostStepper(inputs);
  stepper->BeginEpoch({batches.Order(0), {}, 0, 0});
  stepper->Step(false);
  EXPECT_TRUE(std::isnan(stepper->Read()[0].total));
  EXPECT_TRUE(at::equal(model->parameters()[0], before));
}

}  // namespace
}  // namespace distill
