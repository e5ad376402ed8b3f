#include "training/loop.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_format.h"
#include "training/stepper.h"

namespace distill {
namespace {

// Means over the samples of many steps.
class MeanLosses {
 public:
  void Add(const StepLosses& step) {
    const double samples = static_cast<double>(step.samples);
    total_ += samples * step.total;
    soft_ += samples * step.soft;
    hard_ += samples * step.hard;
    samples_ += step.samples;
  }
  EpochLosses Means() const {
    const double samples = static_cast<double>(samples_);
    return {total_ / samples, soft_ / samples, hard_ / samples};
  }

 private:
  double total_ = 0, soft_ = 0, hard_ = 0;
  int64_t samples_ = 0;
};

absl::Status NotFinite(const TrainOptions& options, int64_t step,
                       const Schedule& schedule) {
  return absl::FailedPreconditionError(absl::StrFormat(
      "the %s's loss is not a finite number at step %d of %d (learning rate "
      "%g). The likely cause is too high a learning rate: try "
      "--learning_rate=%g%s",
      options.name, step + 1, schedule.steps, schedule.At(step),
      options.learning_rate / 10,
      options.schedule == ScheduleKind::kConstant
          ? " or --lr_schedule=one_cycle"
          : ""));
}

}  // namespace

absl::StatusOr<TrainResult> Train(Classifier& model, const Batches& batches,
                                  const Objective& objective,
                                  const TrainOptions& options,
                                  Observer& observer) {
  const int64_t batch_count = batches.batch_count();
  const int64_t late = std::max<int64_t>(batch_count / 10, 1);
  const int64_t steps =
      options.steps > 0 ? options.steps : options.epochs * batch_count;
  const Schedule schedule{options.schedule, options.learning_rate, steps};
  model.train();
  const StepperInputs inputs = {model, batches, objective, schedule,
                                options.adam};
  const std::unique_ptr<Stepper> stepper =
      options.device.is_cpu() ? MakeHostStepper(inputs)
                              : MakeDeviceStepper(inputs, options.device);
  TrainResult result;
  int64_t late_correct = 0, late_samples = 0, images_done = 0;
  const int64_t steps_of_point = (steps - 1) / kCurvePoints + 1;
  MeanLosses of_point;

  const int64_t in_last_epoch = (steps - 1) % batch_count + 1;
  observer.OnBegin(options.name + ": training",
                   (steps - 1) / batch_count * batches.sample_count() +
                       std::min(in_last_epoch * batches.options().batch_size,
                                batches.sample_count()));
  absl::Status status;
  int64_t step_index = 0;  // Of the next one to enqueue.
  for (int64_t epoch = 0; step_index < steps && status.ok(); ++epoch) {
    stepper->BeginEpoch(batches.Order(epoch), batches.Shifts(epoch));
    MeanLosses of_epoch;
    const int64_t end = std::min(step_index + batch_count, steps);
    while (step_index < end && status.ok()) {
      stepper->Step(/*count_correct=*/step_index >= steps - late);
      ++step_index;
      if (!stepper->Due() && step_index < end) continue;
      MeanLosses recent;
      for (const StepLosses& step : stepper->Read()) {
        if (!std::isfinite(step.total)) {
          status = NotFinite(options, result.steps, schedule);
          break;
        }
        of_epoch.Add(step);
        recent.Add(step);
        images_done += step.samples;
        ++result.steps;
        of_point.Add(step);
        if (result.steps % steps_of_point == 0 || result.steps == steps) {
          result.curve.push_back({result.steps, of_point.Means()});
          of_point = MeanLosses();
        }
        if (step.counted) {
          late_correct += step.correct;
          late_samples += step.samples;
        }
      }
      if (status.ok()) observer.OnProgress(images_done, recent.Means().total);
    }
    result.epochs.push_back(of_epoch.Means());
  }
  observer.OnEnd();
  if (!status.ok()) return status;
  result.late_accuracy =
      static_cast<double>(late_correct) / static_cast<double>(late_samples);
  return result;
}

}  // namespace distill
