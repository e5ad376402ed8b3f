#include "models/renormalized.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/tensor.h"

namespace distill {
namespace {

class Renormalized : public Classifier {
 public:
  Renormalized(std::shared_ptr<Classifier> model, const Normalization& own,
               const Normalization& fed)
      : model_(std::move(model)) {
    for (const NamedTensor& one : model_->named_parameters()) {
      AddParameter("model." + one.name, one.value);
    }
    for (const NamedTensor& one : model_->named_buffers()) {
      AddBuffer("model." + one.name, one.value, one.persistent);
    }
    // The pixel is fed.mean + fed.std x, and is wanted less own.mean, over
    // own.std.
    std::vector<double> factor, offset;
    for (size_t c = 0; c < own.mean.size(); ++c) {
      const double std = own.std[c];
      const size_t f = std::min(c, fed.mean.size() - 1);
      factor.push_back(fed.std[f] / std);
      offset.push_back((static_cast<double>(fed.mean[f]) - own.mean[c]) / std);
    }
    // (A model may have no state: then its owner moves this.)
    const std::vector<NamedTensor> state = model_->State();
    const at::Device device =
        state.empty() ? at::kCPU : state[0].value.device();
    const auto add = [this, device](const char* name,
                                    const std::vector<double>& values) {
      return AddBuffer(
          name, at::tensor(values, at::kFloat).view({-1, 1, 1}).to(device),
          /*persistent=*/false);
    };
    factor_ = add("factor", factor);
    offset_ = add("offset", offset);
  }

  void train(bool on) override {
    Classifier::train(on);
    model_->train(on);
  }

  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override {
    return model_->Forward(images * factor_ + offset_, features);
  }
  std::vector<Feature> Features() const override { return model_->Features(); }
  int64_t FlopPerImage() const override { return model_->FlopPerImage(); }
  int64_t ParameterCount() const override { return model_->ParameterCount(); }
  bool is_capturable() const override { return model_->is_capturable(); }
  std::string Describe() const override { return model_->Describe(); }

 private:
  std::shared_ptr<Classifier> model_;
  at::Tensor factor_, offset_;  // [channels, 1, 1] float32.
};

}  // namespace

std::shared_ptr<Classifier> Renormalize(std::shared_ptr<Classifier> model,
                                        const Normalization& own,
                                        const Normalization& fed) {
  if (own == fed) return model;
  return std::make_shared<Renormalized>(std::move(model), own, fed);
}

}  // namespace distill
