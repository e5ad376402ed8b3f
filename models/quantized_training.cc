#include "models/quantized_training.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/amax.h"
#include "ATen/ops/fake_quantize_per_channel_affine.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "models/quantize.h"

namespace distill {
namespace {

constexpr int64_t kStepsOfScales = 100;

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
    const at::NoGradGuard no_grad;
    const auto operations =
        static_cast<int64_t>(Fold(*network_).graph.operations.size());
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
  void Choose(const FoldedModel& folded, const at::Tensor& images) {
    std::vector<std::optional<ByteScale>> all(1);
    for (const auto& one : ChooseScales(folded, images, &all[0].emplace())) {
      all.push_back(one);
    }
    std::vector<double> numbers;
    for (const auto& one : all) {
      numbers.push_back(one ? one->scale : 0);
      numbers.push_back(one ? static_cast<double>(one->zero_point) : 0);
    }
    const at::NoGradGuard no_grad;
    scales_.copy_(at::tensor(numbers, at::kDouble).view_as(scales_));
  }

  Outputs InBytes(const at::Tensor& images,
                  const std::vector<std::string>& features, bool chooses) {
    const FoldedModel folded = Fold(*network_);
    if (chooses) Choose(folded, images);
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
        Walk(folded.graph, rounded(kImages, images),
             [&](int index, const std::vector<at::Tensor>& inputs) {
               const Operation& o = folded.graph.operations[index];
               LayerTensors layer = folded.layers[index];
               if (layer.weight.defined())
                 layer.weight = RoundedWeight(layer.weight);
               const at::Tensor y = rounded(index, OutputOf(o, layer, inputs));
               for (size_t i = 0; i < features.size(); ++i) {
                 if (o.feature == features[i]) outputs.features[i] = y;
               }
               return y;
             });
    return outputs;
  }

  const std::shared_ptr<Network> network_;
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
