#include <cmath>
#include <limits>

#include "ATen/ops/argmax.h"
#include "ATen/ops/eq.h"
#include "ATen/ops/sum.h"
#include "training/stepper.h"

namespace distill {
namespace {

double ValueOf(const at::Tensor& term) {
  return term.defined() ? term.item<double>()
                        : std::numeric_limits<double>::quiet_NaN();
}

class HostStepper : public Stepper {
 public:
  explicit HostStepper(const StepperInputs& inputs)
      : in_(inputs), adam_(inputs.model.parameters(), inputs.adam) {}

  void BeginEpoch(const std::vector<int64_t>& order) override {
    order_ = order;
    next_batch_ = 0;
    unread_.clear();
  }

  void Step(bool count_correct) override {
    const Batch batch = in_.batches.FromOrder(order_, next_batch_++);
    const at::Tensor logits = in_.model.Logits(batch.images);
    const LossTerms terms = in_.objective(batch, logits);
    StepLosses losses;
    losses.total = ValueOf(terms.total);
    losses.soft = ValueOf(terms.soft);
    losses.hard = ValueOf(terms.hard);
    losses.samples = batch.labels.size(0);
    losses.counted = count_correct;
    if (count_correct) {
      losses.correct =
          logits.detach().argmax(1).eq(batch.labels).sum().item<int64_t>();
    }
    unread_.push_back(losses);
    const int64_t step = steps_++;
    if (!std::isfinite(losses.total)) return;
    terms.total.backward();
    adam_.Step(in_.schedule.At(step));
  }

  bool Due() const override { return true; }

  std::vector<StepLosses> Read() override {
    std::vector<StepLosses> read;
    read.swap(unread_);
    return read;
  }

 private:
  const StepperInputs in_;
  Adam adam_;
  std::vector<int64_t> order_;
  int64_t next_batch_ = 0;  // In the epoch.
  int64_t steps_ = 0;       // In the training.
  std::vector<StepLosses> unread_;
};

}  // namespace

std::unique_ptr<Stepper> MakeHostStepper(const StepperInputs& inputs) {
  return std::make_unique<HostStepper>(inputs);
}

}  // namespace distill
