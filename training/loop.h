// The training loop: one for teacher, student and control, on any device.
#ifndef DISTILL_TRAINING_LOOP_H_
#define DISTILL_TRAINING_LOOP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/observer.h"
#include "c10/core/Device.h"
#include "data/batches.h"
#include "models/classifier.h"
#include "training/checkpoint.h"
#include "training/losses.h"
#include "training/objective.h"
#include "training/optimizer.h"
#include "training/ranks.h"
#include "training/schedule.h"

namespace distill {

// Enough to draw a learning curve from.
constexpr int64_t kCurvePoints = 100;

struct TrainOptions {
  // Whose training this is, for messages: "teacher".
  std::string name;
  // Times that every sample is seen; at least 1.
  int64_t epochs = 1;
  // If above 0, as many steps instead, ending inside an epoch if need be.
  int64_t steps = 0;
  // Where the model's parameters are; batches are moved there.
  at::Device device = at::kCPU;
  // The schedule of the learning rate over all epochs.
  ScheduleKind schedule = ScheduleKind::kOneCycle;
  double learning_rate = 0.01;
  OptimizerOptions optimizer;
  // The processes that train together. All are given the same arguments, but
  // for checkpoints, which rank 0 alone may have; its model, or state, is where
  // each begins. At the end of an epoch each goes on with the means of all
  // ranks' persistent buffers.
  Ranks* ranks = &OneProcess();
  // What the model is judged by, every so many steps before the last; not if
  // null. The training's seconds are without it.
  const Batches* judged = nullptr;
  int64_t judge_every = 0;
  // Whether the model, and what is learnt beside it, ends as it was when it was
  // judged best, the first time of equals. It must be judged then (TORCH_CHECK)
  // and is after the last step too.
  bool keep_best = false;
  // Where states are kept to go on from; none if null.
  CheckpointStore* checkpoints = nullptr;
};

// Trains `model` on all of `batches`, options.epochs times (or for
// options.steps), in the order that `batches` gives to each epoch; the last,
// short batch is a step too. The model is put into train mode and left there.
//
// Deterministic on the CPU: the same model, batches and number of threads give
// the same bits. Reads no global generator, but where the model is a Script:
// that seeds it for each step.
//
// FailedPrecondition, with the step, the rate and the likely cause, as soon as
// the loss is seen to be NaN or infinite; on the CPU that is before the step
// changes a parameter. Cancelled, after the step and with its state kept, when
// an InterruptSignal() has come. Those of the checkpoints.
//
// With a checkpoints the training goes on from its latest state, and gives the
// bits of one that was never stopped; one that is over takes no step.
absl::StatusOr<TrainResult> Train(Classifier& model, const Batches& batches,
                                  const Objective& objective,
                                  const TrainOptions& options,
                                  Observer& observer);

}  // namespace distill

#endif  // DISTILL_TRAINING_LOOP_H_
