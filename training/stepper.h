// How one step of training is taken, on the CPU and on a device.
#ifndef DISTILL_TRAINING_STEPPER_H_
#define DISTILL_TRAINING_STEPPER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "c10/core/Device.h"
#include "data/batches.h"
#include "models/classifier.h"
#include "training/losses.h"
#include "training/objective.h"
#include "training/optimizer.h"
#include "training/ranks.h"
#include "training/schedule.h"

namespace distill {

// Where in a training the next steps are.
struct EpochStart {
  // Of the epoch's samples, and their views (see Batches::FromOrder).
  std::vector<int64_t> order;
  Views views;
  int64_t steps_before = 0;  // Steps of the training before this epoch.
  int64_t done = 0;          // Steps of this epoch that were taken before.
};

// Takes the steps of one training: a batch, the model's logits, the objective,
// backward, the optimizer. The loop says when; this says how.
class Stepper {
 public:
  virtual ~Stepper() = default;

  // The next steps are those of this epoch.
  virtual void BeginEpoch(const EpochStart& start) = 0;

  // Takes the epoch's next step, or enqueues it on a device without waiting
  // for it. `count_correct`: see StepLosses.
  virtual void Step(bool count_correct) = 0;

  // Whether it is time to read: always where that costs nothing, and else often
  // enough for a progress bar.
  virtual bool Due() const = 0;

  // The losses of the steps of this epoch that were not read yet, in their
  // order. Waits for the device.
  virtual std::vector<StepLosses> Read() = 0;

  // All that steps change, by name, as it is kept between them: the model's
  // parameters and buffers, the objective's parameters and the optimizer's.
  // Writing to them is going on from another place.
  virtual std::vector<NamedTensor> State() const = 0;
};

// What the stepper works on; it must outlive it.
struct StepperInputs {
  Classifier& model;
  const Batches& batches;
  const Objective& objective;
  // The learning rate by number of step.
  const Schedule& schedule;
  OptimizerOptions optimizer;
  // Which take a part of each batch.
  Ranks& ranks;

  // What the optimizer changes: the model's parameters, then the objective's.
  std::vector<at::Tensor> Parameters() const;
  // Replaces the gradients of Parameters() by their sums over the ranks, and
  // returns the sum of `row` [n] float32, where the gradients are.
  at::Tensor SumOverRanks(const at::Tensor& row) const;
  // Stepper::State for them and the optimizer.
  std::vector<NamedTensor> State(const Optimizer& optimizer) const;
};

// On the CPU: one step at a time, its batch made on the host. Where the loss is
// not finite, no parameter is changed. Of several ranks each computes with its
// part of the batch, and gradients and losses are summed: what one process
// computes, up to rounding, but where a loss compares samples with each other
// (RKD, DIST), which it then does within a part.
std::unique_ptr<Stepper> MakeHostStepper(const StepperInputs& inputs);

// On any device, for GPUs: samples, order, learning rates and losses live on
// the device, and the host never waits for it but in Read(). On a CUDA device
// a step is one CUDA graph, if model and objective can be captured; a batch
// size that is seen seldom, as the last one of an epoch is, is run as it
// stands. Everything is enqueued on a stream of its own, current from here to
// the stepper's end. Of several ranks as on the CPU: the sum is part of the
// graph.
std::unique_ptr<Stepper> MakeDeviceStepper(const StepperInputs& inputs,
                                           at::Device device);

}  // namespace distill

#endif  // DISTILL_TRAINING_STEPPER_H_
