// That the stepper which GPUs use takes the steps that the CPU's takes: here on
// the CPU, where both give the same bits.
#include "training/stepper.h"

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"

namespace distill {
namespace {

using testing::ToyDataset;
using testing::ToyOptions;

Batches MakeBatches() {
  ToyOptions toy;
  toy.count = 150;
  BatchesOptions options;
  options.batch_size = 64;
  return *Batches::Create(ToyDataset(toy), options);
}

std::shared_ptr<ConvNet> MakeModel() {
  Random random(0, "test weights");
  return std::make_shared<ConvNet>(StudentOptions(28, 28, 10), random);
}

// What two epochs of steps find, read at the ends of epochs, and what they
// leave.
struct Run {
  std::vector<StepLosses> losses;
  std::vector<at::Tensor> parameters;
};

Run TakeSteps(bool on_device, const Objective& objective) {
  const Batches batches = MakeBatches();
  auto model = MakeModel();
  const Schedule schedule{ScheduleKind::kOneCycle, 0.01,
                          2 * batches.batch_count()};
  const StepperInputs inputs = {*model, batches, objective, schedule, {}};
  const std::unique_ptr<Stepper> stepper =
      on_device ? MakeDeviceStepper(inputs, at::kCPU) : MakeHostStepper(inputs);
  Run run;
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    stepper->BeginEpoch(batches.Order(epoch));
    for (int64_t i = 0; i < batches.batch_count(); ++i) {
      stepper->Step(/*count_correct=*/i >= 1);
    }
    for (const StepLosses& losses : stepper->Read()) {
      run.losses.push_back(losses);
    }
    EXPECT_TRUE(stepper->Read().empty());
  }
  for (const at::Tensor& parameter : model->parameters()) {
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

void ExpectTheSameSteps(const Objective& objective) {
  const Run host = TakeSteps(false, objective);
  const Run device = TakeSteps(true, objective);
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

TEST(DeviceStepperTest, TakesTheHostsStepsWithLabels) {
  ExpectTheSameSteps(LabelObjective());
}

TEST(DeviceStepperTest, TakesTheHostsStepsWithATeacher) {
  at::manual_seed(3);
  ExpectTheSameSteps(DistillationObjective(CachedLogits(at::randn({150, 10})),
                                           MethodOptions()));
}

TEST(DeviceStepperTest, ReadsInPartsWhatItWouldReadAtOnce) {
  const Batches batches = MakeBatches();
  auto model = MakeModel();
  const Schedule schedule{ScheduleKind::kConstant, 0.001, 3};
  const Objective objective = LabelObjective();
  const StepperInputs inputs = {*model, batches, objective, schedule, {}};
  const auto stepper = MakeDeviceStepper(inputs, at::kCPU);
  EXPECT_TRUE(stepper->Due());
  stepper->BeginEpoch(batches.Order(0));
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
  const Objective broken = [](const Batch& batch, const at::Tensor& logits) {
    LossTerms terms = LabelObjective()(batch, logits);
    terms.total = terms.total * std::numeric_limits<double>::quiet_NaN();
    return terms;
  };
  const StepperInputs inputs = {*model, batches, broken, schedule, {}};
  const auto stepper = MakeHostStepper(inputs);
  stepper->BeginEpoch(batches.Order(0));
  stepper->Step(false);
  EXPECT_TRUE(std::isnan(stepper->Read()[0].total));
  EXPECT_TRUE(at::equal(model->parameters()[0], before));
}

}  // namespace
}  // namespace distill
