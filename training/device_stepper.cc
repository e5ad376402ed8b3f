#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/empty_like.h"
#include "ATen/ops/eq.h"
#include "ATen/ops/full.h"
#include "ATen/ops/index_copy.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/stack.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "data/resident.h"
#include "training/step_graph.h"
#include "training/stepper.h"

namespace distill {
namespace {

using Clock = std::chrono::steady_clock;

// Between two reads: what a progress bar needs, and a GPU hardly notices.
constexpr std::chrono::milliseconds kReadInterval{100};

// Total, soft, hard, correct (below 0: not counted): a row of the log.
constexpr int64_t kLogColumns = 4;

class DeviceStepper : public Stepper {
 public:
  DeviceStepper(const StepperInputs& inputs, at::Device device)
      : in_(inputs),
        device_(device),
        scope_(device),
        samples_(inputs.batches, device),
        optimizer_(inputs.Parameters(), inputs.optimizer) {
    const auto floats = at::TensorOptions().dtype(at::kFloat).device(device);
    const auto numbers = at::TensorOptions().dtype(at::kLong).device(device);
    // LibTorch's fused kernel reads float32 on a GPU, and any type on a CPU.
    rates_ =
        at::empty({in_.batches.batch_count()},
                  floats.dtype(device.is_cpu() ? at::kDouble : at::kFloat));
    order_ = at::empty({in_.batches.sample_count()}, numbers);
    position_ = at::zeros({1}, numbers);
    row_ = at::zeros({1}, numbers);
    log_ = at::zeros({in_.batches.batch_count(), kLogColumns}, floats);
    no_value_ = at::full({}, std::numeric_limits<double>::quiet_NaN(), floats);
    not_counted_ = at::full({}, -1, floats);
  }

  void BeginEpoch(const EpochStart& start) override {
    order_.copy_(at::tensor(start.order, at::kLong));
    SetViews(start.views);
    std::vector<double> rates;
    for (int64_t batch = 0; batch < in_.batches.batch_count(); ++batch) {
      rates.push_back(in_.schedule.At(start.steps_before + batch));
    }
    rates_.copy_(at::tensor(rates, at::kDouble));
    position_.fill_(start.done * in_.batches.options().batch_size);
    row_.fill_(start.done);
    taken_ = read_ = start.done;
  }

  void Step(bool count_correct) override {
    const int64_t size = std::min(
        in_.batches.options().batch_size,
        in_.batches.sample_count() - taken_ * in_.batches.options().batch_size);
    if (!in_.model.is_capturable() || !in_.objective.is_capturable) {
      TakeStep(OffsetsOf(size), size, count_correct);
      ++taken_;
      return;
    }
    std::unique_ptr<StepGraph>& graph = graphs_[{size, count_correct}];
    if (graph == nullptr) {
      const at::Tensor offsets = OffsetsOf(size);
      graph = std::make_unique<StepGraph>(
          device_, [=] { TakeStep(offsets, size, count_correct); });
    }
    graph->Run();
    ++taken_;
  }

  bool Due() const override { return Clock::now() >= next_read_; }

  std::vector<StepLosses> Read() override {
    const at::Tensor rows =
        log_.narrow(0, read_, taken_ - read_).to(at::kCPU, at::kDouble);
    const double* row = rows.const_data_ptr<double>();
    const int64_t batch_size = in_.batches.options().batch_size;
    std::vector<StepLosses> result;
    for (; read_ < taken_; ++read_, row += kLogColumns) {
      StepLosses losses;
      losses.total = row[0];
      losses.soft = row[1];
      losses.hard = row[2];
      losses.counted = row[3] >= 0;
      losses.correct = losses.counted ? static_cast<int64_t>(row[3]) : 0;
      losses.samples =
          std::min(batch_size, in_.batches.sample_count() - read_ * batch_size);
      result.push_back(losses);
    }
    next_read_ = Clock::now() + kReadInterval;
    return result;
  }

  std::vector<NamedTensor> State() const override {
    return in_.State(optimizer_);
  }

 private:
  // Into the memory of the epoch before: a graph has its address.
  void SetViews(const Views& views) {
    if (views.empty()) return;
    const at::Tensor host =
        at::tensor(c10::ArrayRef<int16_t>(views), at::kShort)
            .view({in_.batches.sample_count(), -1});
    if (!views_.defined()) views_ = at::empty_like(host, device_);
    views_.copy_(host);
  }

  // Of a batch of `size`, which of its samples are this rank's.
  at::Tensor OffsetsOf(int64_t size) const {
    const Span part = in_.ranks.SpanOf(size);
    return at::arange(part.first, part.first + part.count, position_.options());
  }

  // All that a step does, from numbers on the device to numbers on the device.
  // `offsets` are OffsetsOf(size).
  void TakeStep(const at::Tensor& offsets, int64_t size, bool count_correct) {
    at::Tensor losses;  // [kLogColumns]
    const bool alone = in_.ranks.size() == 1;
    if (offsets.numel() > 0) {
      const Batch batch = samples_.Gather(
          at::index_select(order_, 0, offsets + position_), views_);
      const Outputs outputs =
          in_.model.Forward(batch.images, in_.objective.features);
      const LossTerms terms = in_.objective.loss(batch, outputs);
      const double weight =
          static_cast<double>(offsets.numel()) / static_cast<double>(size);
      (alone ? terms.total : terms.total * weight).backward();
      losses = LossesOf(terms, outputs, batch, count_correct, weight);
    } else {
      losses = at::zeros({kLogColumns}, no_value_.options());
    }
    if (!alone) losses = in_.SumOverRanks(losses);
    optimizer_.Step(at::index_select(rates_, 0, row_).squeeze(0));
    log_.index_copy_(0, row_, losses.unsqueeze(0));
    position_.add_(size);
    row_.add_(1);
  }

  // The log's row of samples that are `weight` of a batch.
  at::Tensor LossesOf(const LossTerms& terms, const Outputs& outputs,
                      const Batch& batch, bool count_correct,
                      double weight) const {
    const auto logged = [&](const at::Tensor& term) {
      if (!term.defined()) return no_value_;
      const at::Tensor value = term.detach().to(at::kFloat);
      return weight == 1 ? value : value * weight;
    };
    const at::Tensor correct = count_correct ? outputs.logits.detach()
                                                   .argmax(1)
                                                   .eq(batch.labels)
                                                   .sum()
                                                   .to(at::kFloat)
                                             : not_counted_;
    return at::stack(
        {logged(terms.total), logged(terms.soft), logged(terms.hard), correct});
  }

  const StepperInputs in_;
  const at::Device device_;
  const DeviceScope scope_;  // Before and after all that is on the device.
  const ResidentSamples samples_;
  Optimizer optimizer_;
  // By batch size and whether right answers are counted.
  std::map<std::pair<int64_t, bool>, std::unique_ptr<StepGraph>> graphs_;
  // Of the epoch: order [samples] int64, learning rates [steps], and the log
  // [steps, kLogColumns] float32.
  at::Tensor order_, rates_, log_;
  at::Tensor views_;  // [samples, draws] int16; undefined without any.
  // [1] int64 each: samples and steps of the epoch that are behind.
  at::Tensor position_, row_;
  at::Tensor no_value_, not_counted_;
  // On the host: steps enqueued and steps read, of the epoch.
  int64_t taken_ = 0, read_ = 0;
  Clock::time_point next_read_ = Clock::now();
};

}  // namespace

std::unique_ptr<Stepper> MakeDeviceStepper(const StepperInputs& inputs,
                                           at::Device device) {
  return std::make_unique<DeviceStepper>(inputs, device);
}

}  // namespace distill
