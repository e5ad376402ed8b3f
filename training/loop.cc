#include "training/loop.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ATen/ops/argmax.h"
#include "ATen/ops/eq.h"
#include "ATen/ops/stack.h"
#include "ATen/ops/sum.h"
#include "absl/strings/str_format.h"

namespace distill {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Losses that are still on the device, and the sums of those that were read.
// Reading makes the host wait for a GPU, so there it is done seldom.
class LossSums {
 public:
  explicit LossSums(at::Device device) : device_(device) {}

  void Add(const LossTerms& terms, int64_t samples) {
    for (const at::Tensor& term : {terms.total, terms.soft, terms.hard}) {
      pending_.push_back(term.defined() ? term.detach() : at::Tensor());
    }
    pending_samples_.push_back(samples);
  }

  bool Due() const {
    return device_.is_cpu() ||
           static_cast<int64_t>(pending_samples_.size()) >= kStepsBetweenReads;
  }

  // Reads what is pending. Returns how many of its steps, from the first, had a
  // finite total: all of them, unless training has gone wrong.
  int64_t Read() {
    std::vector<double> values(pending_.size(), kNaN);
    std::vector<at::Tensor> defined;
    for (const at::Tensor& term : pending_) {
      if (term.defined()) defined.push_back(term);
    }
    const at::Tensor read = at::stack(defined).to(at::kCPU, at::kDouble);
    const double* next = read.const_data_ptr<double>();
    for (size_t i = 0; i < pending_.size(); ++i) {
      if (pending_[i].defined()) values[i] = *next++;
    }
    double recent = 0;
    int64_t recent_samples = 0, finite = 0;
    bool all_finite = true;
    for (size_t step = 0; step < pending_samples_.size(); ++step) {
      const double* terms = &values[3 * step];
      const double samples = static_cast<double>(pending_samples_[step]);
      all_finite = all_finite && std::isfinite(terms[0]);
      if (all_finite) ++finite;
      total_ += samples * terms[0];
      soft_ += samples * terms[1];
      hard_ += samples * terms[2];
      samples_ += pending_samples_[step];
      recent += samples * terms[0];
      recent_samples += pending_samples_[step];
    }
    recent_ = recent / std::max<int64_t>(recent_samples, 1);
    pending_.clear();
    pending_samples_.clear();
    return finite;
  }

  double recent() const { return recent_; }
  int64_t pending_steps() const {
    return static_cast<int64_t>(pending_samples_.size());
  }
  EpochLosses Means() const {
    const double samples = static_cast<double>(samples_);
    return {total_ / samples, soft_ / samples, hard_ / samples};
  }

 private:
  static constexpr int64_t kStepsBetweenReads = 64;

  at::Device device_;
  std::vector<at::Tensor> pending_;
  std::vector<int64_t> pending_samples_;
  double total_ = 0, soft_ = 0, hard_ = 0, recent_ = 0;
  int64_t samples_ = 0;
};

absl::Status NotFinite(const TrainOptions& options, int64_t step, int64_t steps,
                       double learning_rate) {
  return absl::FailedPreconditionError(absl::StrFormat(
      "the %s's loss is not a finite number at step %d of %d (learning rate "
      "%g). The likely cause is too high a learning rate: try "
      "--learning_rate=%g%s",
      options.name, step + 1, steps, learning_rate, options.learning_rate / 10,
      options.schedule == ScheduleKind::kConstant
          ? " or --lr_schedule=one_cycle"
          : ""));
}

Batch MoveTo(at::Device device, Batch batch) {
  if (device.is_cpu()) return batch;
  return {batch.images.to(device), batch.labels.to(device),
          batch.indices.to(device)};
}

}  // namespace

absl::StatusOr<TrainResult> Train(Classifier& model, const Batches& batches,
                                  const Objective& objective,
                                  const TrainOptions& options,
                                  Observer& observer) {
  const int64_t batch_count = batches.batch_count();
  const int64_t late = std::max<int64_t>(batch_count / 10, 1);
  const Schedule schedule{options.schedule, options.learning_rate,
                          options.epochs * batch_count};
  model.train();
  Adam adam(model.parameters(), options.adam);
  TrainResult result;
  at::Tensor late_correct;
  int64_t late_samples = 0, images_done = 0;

  observer.OnBegin(options.name + ": training",
                   options.epochs * batches.sample_count());
  absl::Status status;
  for (int64_t epoch = 0; epoch < options.epochs && status.ok(); ++epoch) {
    const std::vector<int64_t> order = batches.Order(epoch);
    LossSums sums(options.device);
    for (int64_t index = 0; index < batch_count; ++index) {
      const Batch batch =
          MoveTo(options.device, batches.FromOrder(order, index));
      const at::Tensor logits = model.Logits(batch.images);
      const LossTerms terms = objective(batch, logits);
      const int64_t samples = batch.labels.size(0);
      sums.Add(terms, samples);
      const int64_t step = result.steps;
      const double learning_rate = schedule.At(step);
      if (sums.Due() || index + 1 == batch_count) {
        const int64_t pending = sums.pending_steps();
        const int64_t finite = sums.Read();
        if (finite < pending) {
          status = NotFinite(options, step - pending + 1 + finite,
                             schedule.steps, learning_rate);
          break;
        }
        observer.OnProgress(images_done + samples, sums.recent());
      }
      if (epoch + 1 == options.epochs && index >= batch_count - late) {
        const at::Tensor correct =
            logits.detach().argmax(1).eq(batch.labels).sum();
        late_correct =
            late_correct.defined() ? late_correct + correct : correct;
        late_samples += samples;
      }
      terms.total.backward();
      adam.Step(learning_rate);
      ++result.steps;
      images_done += samples;
    }
    result.epochs.push_back(sums.Means());
  }
  observer.OnEnd();
  if (!status.ok()) return status;
  result.late_accuracy =
      late_correct.item<double>() / static_cast<double>(late_samples);
  return result;
}

}  // namespace distill
