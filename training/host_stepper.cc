#include <cmath>
#include <limits>

#include "ATen/ops/argmax.h"
#include "ATen/ops/eq.h"
#include "ATen/ops/sum.h"
#include "absl/strings/str_cat.h"
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
      : in_(inputs), adam_(inputs.Parameters(), inputs.adam) {}

  void BeginEpoch(const EpochStart& start) override {
    order_ = start.order;
    shifts_ = start.shifts;
    next_batch_ = start.done;
    steps_ = start.steps_before + start.done;
    unread_.clear();
  }

  void Step(bool count_correct) override {
    const Batch batch = in_.batches.FromOrder(order_, next_batch_++, shifts_);
    const Outputs outputs =
        in_.model.Forward(batch.images, in_.objective.features);
    const LossTerms terms = in_.objective.loss(batch, outputs);
    StepLosses losses;
    losses.total = ValueOf(terms.total);
    losses.soft = ValueOf(terms.soft);
    losses.hard = ValueOf(terms.hard);
    losses.samples = batch.labels.size(0);
    losses.counted = count_correct;
    if (count_correct) {
      losses.correct = outputs.logits.detach()
                           .argmax(1)
                           .eq(batch.labels)
                           .sum()
                           .item<int64_t>();
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

  std::vector<NamedTensor> State() const override { return in_.State(adam_); }

 private:
  const StepperInputs in_;
  Adam adam_;
  std::vector<int64_t> order_;
  std::vector<Shift> shifts_;
  int64_t next_batch_ = 0;  // In the epoch.
  int64_t steps_ = 0;       // In the training.
  std::vector<StepLosses> unread_;
};

}  // namespace

std::vector<at::Tensor> StepperInputs::Parameters() const {
  std::vector<at::Tensor> all = model.parameters();
  all.insert(all.end(), objective.parameters.begin(),
             objective.parameters.end());
  return all;
}

std::vector<NamedTensor> StepperInputs::State(const Adam& adam) const {
  std::vector<NamedTensor> state;
  const auto add = [&state](const std::string& name, const at::Tensor& value) {
    state.push_back({name, value});
  };
  for (const NamedTensor& one : model.named_parameters()) {
    add("model." + one.name, one.value);
  }
  for (const NamedTensor& one : model.named_buffers()) {
    add("model." + one.name, one.value);
  }
  for (size_t i = 0; i < objective.parameters.size(); ++i) {
    add(absl::StrCat("objective.", i), objective.parameters[i]);
  }
  for (const NamedTensor& tensor : adam.State()) {
    add("adam." + tensor.name, tensor.value);
  }
  return state;
}

std::unique_ptr<Stepper> MakeHostStepper(const StepperInputs& inputs) {
  return std::make_unique<HostStepper>(inputs);
}

}  // namespace distill
