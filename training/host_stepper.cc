#include <cmath>
#include <limits>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/eq.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/zeros.h"
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
      : in_(inputs), optimizer_(inputs.Parameters(), inputs.optimizer) {}

  void BeginEpoch(const EpochStart& start) override {
    order_ = start.order;
    views_ = start.views;
    next_batch_ = start.done;
    steps_ = start.steps_before + start.done;
    unread_.clear();
  }

  void Step(bool count_correct) override {
    const int64_t number = next_batch_++;
    const int64_t samples = in_.batches.SpanOf(number).count;
    const Span part = in_.ranks.SpanOf(samples);
    StepLosses losses;
    losses.samples = samples;
    losses.counted = count_correct;
    LossTerms terms;
    if (part.count > 0) {
      const Batch batch = in_.batches.FromOrder(order_, number, views_, part);
      const Outputs outputs =
          in_.model.Forward(batch.images, in_.objective.features);
      terms = in_.objective.loss(batch, outputs);
      losses.total = ValueOf(terms.total);
      losses.soft = ValueOf(terms.soft);
      losses.hard = ValueOf(terms.hard);
      if (count_correct) {
        losses.correct = outputs.logits.detach()
                             .argmax(1)
                             .eq(batch.labels)
                             .sum()
                             .item<int64_t>();
      }
    }
    const int64_t step = steps_++;
    if (in_.ranks.size() > 1) {
      // Losses are means over samples: a part's counts by its size.
      const double weight =
          static_cast<double>(part.count) / static_cast<double>(samples);
      if (part.count > 0) (terms.total * weight).backward();
      Sum(weight, losses);
    }
    unread_.push_back(losses);
    if (!std::isfinite(losses.total)) return;
    if (in_.ranks.size() == 1) terms.total.backward();
    optimizer_.Step(in_.schedule.At(step));
  }

  bool Due() const override { return true; }

  std::vector<StepLosses> Read() override {
    std::vector<StepLosses> read;
    read.swap(unread_);
    return read;
  }

  std::vector<NamedTensor> State() const override {
    return in_.State(optimizer_);
  }

 private:
  // Gradients and losses of this rank's part, which is `weight` of the batch,
  // to the whole batch's.
  void Sum(double weight, StepLosses& losses) {
    at::Tensor row = at::zeros({4}, at::kFloat);
    float* const mine = row.mutable_data_ptr<float>();
    if (weight > 0) {
      mine[0] = static_cast<float>(weight * losses.total);
      mine[1] = static_cast<float>(weight * losses.soft);
      mine[2] = static_cast<float>(weight * losses.hard);
      mine[3] = static_cast<float>(losses.correct);
    }
    row = in_.SumOverRanks(row);
    const float* const sum = row.const_data_ptr<float>();
    losses.total = sum[0];
    losses.soft = sum[1];
    losses.hard = sum[2];
    losses.correct = std::lround(sum[3]);
  }

  const StepperInputs in_;
  Optimizer optimizer_;
  std::vector<int64_t> order_;
  Views views_;
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

at::Tensor StepperInputs::SumOverRanks(const at::Tensor& row) const {
  const std::vector<at::Tensor> parameters = Parameters();
  // In one buffer: a message costs more than its bytes.
  std::vector<at::Tensor> flat = {row};
  flat.reserve(parameters.size() + 1);
  for (const at::Tensor& parameter : parameters) {
    flat.push_back(parameter.grad().defined()
                       ? parameter.grad().reshape({-1})
                       : at::zeros({parameter.numel()}, parameter.options()));
  }
  const at::Tensor sum = at::cat(flat);
  ranks.Sum(sum);
  int64_t at = row.numel();
  for (const at::Tensor& parameter : parameters) {
    parameter.mutable_grad() =
        sum.narrow(0, at, parameter.numel()).view(parameter.sizes());
    at += parameter.numel();
  }
  return sum.narrow(0, 0, row.numel());
}

std::vector<NamedTensor> StepperInputs::State(
    const Optimizer& optimizer) const {
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
  for (const NamedTensor& one : optimizer.State()) add(one.name, one.value);
  return state;
}

std::unique_ptr<Stepper> MakeHostStepper(const StepperInputs& inputs) {
  return std::make_unique<HostStepper>(inputs);
}

}  // namespace distill
