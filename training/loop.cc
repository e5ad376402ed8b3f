#include "training/loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "ATen/core/grad_mode.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "base/interrupt.h"
#include "base/status.h"
#include "training/evaluation.h"
#include "training/stepper.h"

namespace distill {
namespace {

using Clock = std::chrono::steady_clock;

// One call of Train.
class Training {
 public:
  Training(Classifier& model, const Batches& batches,
           const Objective& objective, const TrainOptions& options,
           Observer& observer)
      : model_(model),
        batches_(batches),
        options_(options),
        observer_(observer),
        batch_count_(batches.batch_count()),
        steps_(options.steps > 0 ? options.steps
                                 : options.epochs * batch_count_),
        schedule_{options.schedule, options.learning_rate, steps_} {
    model.train();
    const StepperInputs inputs = {model,     batches,           objective,
                                  schedule_, options.optimizer, *options.ranks};
    stepper_ = options.device.is_cpu()
                   ? MakeHostStepper(inputs)
                   : MakeDeviceStepper(inputs, options.device);
    if (objective.labelled.defined()) labelled_ = objective.labelled.cpu();
    if (!options.keep_best) return;
    TORCH_CHECK(options.judged != nullptr, "nothing says what is best");
    for (const NamedTensor& one : Learnt()) {
      best_.push_back({one.name, one.value.detach().clone()});
    }
  }

  absl::StatusOr<TrainResult> Run() {
    absl::Status status = GoOn();
    if (!status.ok()) return status;
    for (const NamedTensor& one : Tensors()) {
      options_.ranks->Broadcast(one.value);
    }
    if (state_.result.steps < steps_) {
      start_ = Clock::now();
      observer_.OnBegin(options_.name + ": training", ImagesOf(steps_));
      while (status.ok() && state_.result.steps < steps_) status = TrainEpoch();
      observer_.OnEnd();
    }
    if (status.ok() && options_.keep_best) status = TakeBest();
    if (!status.ok()) return status;
    return state_.result;
  }

 private:
  // Images of the first so many steps.
  int64_t ImagesOf(int64_t steps) const {
    return steps / batch_count_ * batches_.sample_count() +
           std::min(steps % batch_count_ * batches_.options().batch_size,
                    batches_.sample_count());
  }

  // Of the stepper's state, all that is no optimizer's.
  std::vector<NamedTensor> Learnt() const {
    std::vector<NamedTensor> learnt;
    for (NamedTensor& one : stepper_->State()) {
      if (absl::StartsWith(one.name, "model.") ||
          absl::StartsWith(one.name, "objective.")) {
        learnt.push_back(std::move(one));
      }
    }
    return learnt;
  }

  // All that is kept between two steps.
  std::vector<NamedTensor> Tensors() const {
    std::vector<NamedTensor> tensors = stepper_->State();
    for (const NamedTensor& one : best_) {
      tensors.push_back({"best." + one.name, one.value});
    }
    return tensors;
  }

  // From the latest state, if there is one: rank 0's, which keeps them.
  absl::Status GoOn() {
    std::optional<TrainingState> latest;
    if (options_.checkpoints != nullptr) {
      ASSIGN_OR_RETURN(latest, options_.checkpoints->Latest());
    }
    if (options_.ranks->size() > 1) {
      ASSIGN_OR_RETURN(latest, OfRankZero(latest));
    }
    if (!latest) return absl::OkStatus();
    state_ = *std::move(latest);
    seconds_before_ = state_.result.seconds;
    kept_steps_ = state_.result.steps;
    return Restore(state_.tensors, Tensors());
  }

  absl::StatusOr<std::optional<TrainingState>> OfRankZero(
      const std::optional<TrainingState>& own) {
    std::string bytes;
    if (options_.ranks->rank() == 0 && own) {
      ASSIGN_OR_RETURN(bytes, StateToFile(*own, options_.name));
    }
    bytes = options_.ranks->Broadcast(bytes);
    if (bytes.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(KeptState kept, StateFromFile(bytes, "rank 0's state"));
    return std::move(kept.state);
  }

  // The rest of the epoch that the next step is in.
  absl::Status TrainEpoch() {
    const int64_t epoch = state_.result.steps / batch_count_;
    const int64_t before = epoch * batch_count_;
    const int64_t end = std::min(before + batch_count_, steps_);
    order_ = batches_.Order(epoch);
    stepper_->BeginEpoch({order_, batches_.ViewsOf(epoch), before,
                          state_.result.steps - before});
    // Of the next step to enqueue; the result has those that were read.
    int64_t next = state_.result.steps;
    while (next < end) {
      // All ranks stop after one step.
      if (options_.ranks->Any(InterruptSignal() != 0)) return Interrupted();
      const int64_t late = std::max<int64_t>(batch_count_ / 10, 1);
      stepper_->Step(/*count_correct=*/next >= steps_ - late);
      ++next;
      const bool wanted =
          options_.checkpoints != nullptr && options_.checkpoints->Wants(next);
      const bool judges = options_.judged != nullptr &&
                          (next < steps_ ? next % options_.judge_every == 0
                                         : options_.keep_best);
      if (!stepper_->Due() && !wanted && !judges && next < end) continue;
      absl::Status status = ReadSteps();
      if (next == end && status.ok()) EndEpoch();
      if (judges && status.ok()) status = Judge();
      if ((wanted || next == end) && status.ok()) status = KeepState();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Takes account of the steps that were not read yet.
  absl::Status ReadSteps() {
    TrainResult& result = state_.result;
    const int64_t steps_of_point = (steps_ - 1) / kCurvePoints + 1;
    LossSums recent;
    for (StepLosses step : stepper_->Read()) {
      if (!std::isfinite(step.total)) return NotFinite(result.steps);
      step.labelled = LabelledOf(result.steps % batch_count_, step.samples);
      state_.of_epoch.Add(step);
      recent.Add(step);
      ++result.steps;
      state_.of_point.Add(step);
      if (result.steps % steps_of_point == 0 || result.steps == steps_) {
        result.curve.push_back({result.steps, state_.of_point.Means()});
        state_.of_point = LossSums();
      }
      if (step.counted) {
        result.late_correct += step.correct;
        result.late_samples += step.samples;
      }
    }
    result.seconds =
        seconds_before_ +
        std::chrono::duration<double>(Clock::now() - start_).count();
    if (recent.samples > 0) {
      observer_.OnProgress(ImagesOf(result.steps), recent.Means().total);
    }
    return absl::OkStatus();
  }

  // How many samples of the epoch's batch of that number have a label.
  int64_t LabelledOf(int64_t batch, int64_t samples) const {
    if (!labelled_.defined()) return samples;
    const bool* const labelled = labelled_.const_data_ptr<bool>();
    const auto first = order_.begin() + batch * batches_.options().batch_size;
    return std::count_if(first, first + samples,
                         [=](int64_t sample) { return labelled[sample]; });
  }

  void EndEpoch() {
    MeanBuffers();
    TrainResult& result = state_.result;
    result.epochs.push_back(state_.of_epoch.Means());
    state_.of_epoch = LossSums();
  }

  // Of several ranks each has buffers of its own shares of the batches, like
  // the running statistics of a batch norm: all go on with their means.
  void MeanBuffers() {
    const int64_t size = options_.ranks->size();
    if (size == 1) return;
    const at::NoGradGuard no_grad;
    for (const NamedTensor& one : model_.named_buffers()) {
      if (!one.persistent || !one.value.is_floating_point()) continue;
      options_.ranks->Sum(one.value);
      one.value.div_(size);
    }
  }

  absl::Status Judge() {
    const Clock::time_point before = Clock::now();
    // (Where that is inside an epoch. All ranks must judge one model.)
    MeanBuffers();
    model_.eval();
    state_.result.accuracies.push_back(
        {state_.result.steps,
         Evaluate(model_, *options_.judged, options_.device).accuracy()});
    model_.train();
    start_ += Clock::now() - before;
    const bool is_best = &Best() == &state_.result.accuracies.back();
    return options_.keep_best && is_best ? Restore(Learnt(), best_)
                                         : absl::OkStatus();
  }

  const AccuracyPoint& Best() const {
    const auto& points = state_.result.accuracies;
    return *std::max_element(
        points.begin(), points.end(),
        [](const auto& a, const auto& b) { return a.accuracy < b.accuracy; });
  }

  absl::Status TakeBest() {
    const int64_t step = Best().step;
    state_.result.kept_step = step == steps_ ? 0 : step;
    return Restore(best_, Learnt());
  }

  absl::Status KeepState() {
    // The same state again would take the place of the one before it.
    if (options_.checkpoints == nullptr || state_.result.steps == kept_steps_) {
      return absl::OkStatus();
    }
    kept_steps_ = state_.result.steps;
    state_.tensors = Tensors();
    const absl::Status kept = options_.checkpoints->Save(
        state_, /*last=*/state_.result.steps == steps_);
    state_.tensors.clear();
    return kept;
  }

  absl::Status Interrupted() {
    absl::Status status = ReadSteps();
    if (status.ok()) status = KeepState();
    if (!status.ok()) return status;
    return absl::CancelledError(
        absl::StrFormat("interrupted in the %s's training, after step %d of %d",
                        options_.name, state_.result.steps, steps_));
  }

  absl::Status NotFinite(int64_t step) const {
    return absl::FailedPreconditionError(absl::StrFormat(
        "the %s's loss is not a finite number at step %d of %d (learning rate "
        "%g). The likely cause is too high a learning rate: try "
        "--learning_rate=%g%s",
        options_.name, step + 1, steps_, schedule_.At(step),
        options_.learning_rate / 10,
        options_.schedule == ScheduleKind::kConstant
            ? " or --lr_schedule=one_cycle"
            : ""));
  }

  Classifier& model_;
  const Batches& batches_;
  const TrainOptions& options_;
  Observer& observer_;
  const int64_t batch_count_, steps_;
  const Schedule schedule_;
  std::unique_ptr<Stepper> stepper_;
  std::vector<int64_t> order_;  // Of the epoch's samples.
  at::Tensor labelled_;         // Objective::labelled, on the CPU.
  // What Learnt() was when it was judged best; empty if that is not kept.
  std::vector<NamedTensor> best_;
  TrainingState state_;
  Clock::time_point start_;
  double seconds_before_ = 0;  // Of the training before it was interrupted.
  int64_t kept_steps_ = 0;     // Of the latest state that is kept.
};

}  // namespace

absl::StatusOr<TrainResult> Train(Classifier& model, const Batches& batches,
                                  const Objective& objective,
                                  const TrainOptions& options,
                                  Observer& observer) {
  return Training(model, batches, objective, options, observer).Run();
}

}  // namespace distill
