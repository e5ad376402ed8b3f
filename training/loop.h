// The training loop: one for teacher, student and control, on any device.
#ifndef DISTILL_TRAINING_LOOP_H_
#define DISTILL_TRAINING_LOOP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "data/batches.h"
#include "models/classifier.h"
#include "training/adam.h"
#include "training/objective.h"
#include "training/observer.h"
#include "training/schedule.h"

namespace distill {

// Enough to draw a curve from.
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
  // Of the learning rate over all epochs.
  ScheduleKind schedule = ScheduleKind::kOneCycle;
  double learning_rate = 0.01;
  AdamOptions adam;
};

// Means over the samples of an epoch, each taken from the step that trained on
// it. soft and hard are the terms without their weights; NaN where the
// objective does not evaluate the term.
struct EpochLosses {
  double total = 0;
  double soft = 0;
  double hard = 0;
};

// Means over the samples of the steps after the point before, up to `step`.
struct CurvePoint {
  int64_t step = 0;  // Counted from 1.
  EpochLosses losses;
};

struct TrainResult {
  // The last one's are those of its steps that were made.
  std::vector<EpochLosses> epochs;
  // The learning curve: at most kCurvePoints, evenly spaced, the last of them
  // at the last step.
  std::vector<CurvePoint> curve;
  int64_t steps = 0;
  // Share of right predictions over the last steps, as many as a tenth of an
  // epoch has, each batch predicted before it is trained on. In a training of
  // one epoch these are images that the model had not seen.
  double late_accuracy = 0;
};

// Trains `model` with Adam on all of `batches`, options.epochs times (or for
// options.steps), in the order that `batches` gives to each epoch; the last,
// short batch is a step too. The model is put into train mode and left there.
//
// Deterministic on the CPU: the same model, batches and number of threads give
// the same bits. Reads no global generator.
//
// FailedPrecondition, with the step, the rate and the likely cause, as soon as
// the loss is seen to be NaN or infinite; on the CPU that is before the step
// changes a parameter.
absl::StatusOr<TrainResult> Train(Classifier& model, const Batches& batches,
                                  const Objective& objective,
                                  const TrainOptions& options,
                                  Observer& observer);

}  // namespace distill

#endif  // DISTILL_TRAINING_LOOP_H_
