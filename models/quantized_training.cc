#include "models/quantized_training.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/amax.h"
#include "ATen/ops/batch_norm.h"
#include "ATen/ops/fake_quantize_per_channel_affine.h"
#include "ATen/ops/rsqrt.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "models/quantize.h"

namespace distill {
namespace {

constexpr int64_t kStepsOfScales = 100;
constexpr int kNone = -1;

// As Quantize (quantize.h) rounds them.
at::Tensor RoundedWeight(const at::Tensor& weight) {
  const at::Tensor scale =
      at::amax(weight.detach().abs().flatten(1), 1).clamp_min(1e-30) / 127;
  return at::fake_quantize_per_channel_affine(
      weight, scale, at::zeros(scale.sizes(), scale.options().dtype(at::kInt)),
      /*axis=*/0, -127, 127);
}

class QuantizedTraining : public Classifier {
 public:
  QuantizedTraining(std::shared_ptr<Network> network, int64_t begin)
      : network_(std::move(network)), begin_(begin) {
    for (const NamedTensor& one : network_->named_parameters()) {
      AddParameter(one.name, one.value);
    }
    for (const NamedTensor& one : network_->named_buffers()) {
      AddBuffer(one.name, one.value, one.persistent);
    }
    for (const NamedTensor& one : network_->State()) {
      state_[one.name] = one.value;
    }
    const at::NoGradGuard no_grad;
    const FoldedModel folded = Fold(*network_);
    made_by_ = folded.made_by;
    const auto operations =
        static_cast<int64_t>(folded.graph.operations.size());
    step_ = AddBuffer("quantize.step", at::zeros({}, at::kLong), false);
    scales_ = AddBuffer("quantize.scales",
                        at::zeros({operations + 1, 2}, at::kDouble), false);
  }

  void train(bool on) override {
    Classifier::train(on);
    network_->train(on);
  }

  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override {
    if (!is_training()) return network_->Forward(images, features);
    const int64_t step = step_.item<int64_t>();
    {
      const at::NoGradGuard no_grad;
      step_.add_(1);
    }
    if (step < begin_) return network_->Forward(images, features);
    return InBytes(images, features, (step - begin_) % kStepsOfScales == 0);
  }
  std::vector<Feature> Features() const override {
    return network_->Features();
  }
  int64_t FlopPerImage() const override { return network_->FlopPerImage(); }
  bool is_capturable() const override { return false; }
  std::string Describe() const override { return network_->Describe(); }

 private:
  void Choose(const at::Tensor& images) {
    const at::NoGradGuard no_grad;
    std::vector<std::optional<ByteScale>> all(1);
    for (const auto& one :
         ChooseScales(Fold(*network_), images, &all[0].emplace())) {
      all.push_back(one);
    }
    std::vector<double> numbers;
    for (const auto& one : all) {
      numbers.push_back(one ? one->scale : 0);
      numbers.push_back(one ? static_cast<double>(one->zero_point) : 0);
    }
    scales_.copy_(at::tensor(numbers, at::kDouble).view_as(scales_));
  }

  Outputs InBytes(const at::Tensor& images,
                  const std::vector<std::string>& features, bool chooses) {
    const Graph& graph = network_->graph();
    if (chooses) Choose(images);
    const at::Tensor scales = scales_.cpu();
    const double* const scale = scales.const_data_ptr<double>();
    const auto rounded = [&](int index, const at::Tensor& x) {
      const double* const of = scale + 2 * (index + 1);
      if (of[0] == 0) return x;  // It is passed on as it is.
      return AsBytes(x, {of[0], static_cast<int64_t>(of[1])});
    };
    Outputs outputs;
    outputs.features.resize(features.size());
    outputs.logits =
        Walk(graph, rounded(kImages, images),
             [&](int index, const std::vector<at::Tensor>& inputs) {
               const Operation& o = graph.operations[index];
               at::Tensor y = o.kind == Operation::Kind::kBatchNorm
                                  ? Normalized(o, inputs[0])
                                  : OutputOf(o, LayerOf(index), inputs);
               // Not between a convolution and its batch norm.
               if (NormOf(index) == kNone) y = rounded(made_by_[index], y);
               for (size_t i = 0; i < features.size(); ++i) {
                 if (o.feature == features[i]) outputs.features[i] = y;
               }
               return y;
             });
    return outputs;
  }

  // The batch norm that will be in a convolution's weights.
  int NormOf(int index) const {
    const auto norm = std::find(made_by_.begin() + index + 1, made_by_.end(),
                                made_by_[index]);
    return norm == made_by_.end() ? kNone
                                  : static_cast<int>(norm - made_by_.begin());
  }

  at::Tensor& State(const Operation& o, const char* name) {
    return state_.at(absl::StrCat(o.name, ".", name));
  }

  // Of a batch, as the network does it.
  at::Tensor Normalized(const Operation& o, const at::Tensor& x) {
    {
      const at::NoGradGuard no_grad;
      State(o, "num_batches_tracked").add_(1);
    }
    return at::batch_norm(x, State(o, "weight"), State(o, "bias"),
                          State(o, "running_mean"), State(o, "running_var"),
                          /*training=*/true, kBatchNormMomentum,
                          kBatchNormEpsilon, /*cudnn_enabled=*/true);
  }

  // With weights that are rounded as they will be with their batch norm in
  // them.
  LayerTensors LayerOf(int index) {
    const Operation& o = network_->graph().operations[index];
    if (o.kind != Operation::Kind::kConvolution &&
        o.kind != Operation::Kind::kLinear) {
      return {};
    }
    LayerTensors layer = {State(o, "weight"), {}};
    if (o.bias) layer.bias = State(o, "bias");
    const int norm = NormOf(index);
    if (norm == kNone) {
      layer.weight = RoundedWeight(layer.weight);
      return layer;
    }
    const Operation& of_norm = network_->graph().operations[norm];
    const at::Tensor factor =
        (State(of_norm, "weight").detach() *
         at::rsqrt(State(of_norm, "running_var") + kBatchNormEpsilon))
            .view({-1, 1, 1, 1});
    // (One that is 0 has no weights to round.)
    const at::Tensor divisor = factor.masked_fill(factor == 0, 1);
    layer.weight = RoundedWeight(layer.weight * divisor) / divisor;
    return layer;
  }

  const std::shared_ptr<Network> network_;
  std::vector<int> made_by_;                 // As FoldedModel has it.
  std::map<std::string, at::Tensor> state_;  // The network's.
  const int64_t begin_;
  at::Tensor step_;  // [] int64: forward passes in train mode.
  // [1 + operations, 2]: scale, or 0, and zero point.
  at::Tensor scales_;
};

}  // namespace

std::shared_ptr<Classifier> TrainForBytes(std::shared_ptr<Network> network,
                                          int64_t begin) {
  return std::make_shared<QuantizedTraining>(std::move(network), begin);
}

}  // namespace distill
