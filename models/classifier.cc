#include "models/classifier.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ATen/core/grad_mode.h"
#include "c10/util/Exception.h"

namespace distill {

std::vector<at::Tensor> Classifier::parameters() const {
  std::vector<at::Tensor> values;
  values.reserve(parameters_.size());
  for (const NamedTensor& one : parameters_) values.push_back(one.value);
  return values;
}

at::Tensor Classifier::parameter(const std::string& name) const {
  for (const NamedTensor& one : parameters_) {
    if (one.name == name) return one.value;
  }
  TORCH_CHECK(false, "there is no parameter \"", name, "\" in ", Describe());
}

void Classifier::to(at::Device device) {
  const at::NoGradGuard no_grad;
  for (const std::vector<NamedTensor>* state : {&parameters_, &buffers_}) {
    for (const NamedTensor& one : *state) {
      one.value.set_data(one.value.detach().to(device));
    }
  }
}

at::Tensor Classifier::AddParameter(const std::string& name, at::Tensor value) {
  value.set_requires_grad(true);
  parameters_.push_back({name, value});
  return value;
}

at::Tensor Classifier::AddBuffer(const std::string& name, at::Tensor value,
                                 bool persistent) {
  buffers_.push_back({name, value, persistent});
  return value;
}

std::vector<NamedTensor> Classifier::State() const {
  std::vector<NamedTensor> state = parameters_;
  std::copy_if(buffers_.begin(), buffers_.end(), std::back_inserter(state),
               [](const NamedTensor& one) { return one.persistent; });
  return state;
}

int64_t Classifier::ParameterCount() const {
  int64_t count = 0;
  for (const at::Tensor& parameter : parameters()) count += parameter.numel();
  return count;
}

at::Tensor Classifier::Logits(const at::Tensor& images) {
  return Forward(images, {}).logits;
}

FrozenClassifier::FrozenClassifier(std::shared_ptr<Classifier> model)
    : model_(std::move(model)) {
  model_->eval();
  for (at::Tensor& parameter : model_->parameters()) {
    parameter.set_requires_grad(false);
    // A gradient left from its own training would be kept for nothing.
    parameter.mutable_grad() = at::Tensor();
  }
}

Outputs FrozenClassifier::Forward(
    const at::Tensor& images, const std::vector<std::string>& features) const {
  const at::NoGradGuard no_grad;
  return model_->Forward(images, features);
}

std::vector<NamedTensor> FrozenClassifier::State() const {
  std::vector<NamedTensor> copies = model_->State();
  for (NamedTensor& one : copies) {
    one.value = one.value.detach().to(at::kCPU, one.value.scalar_type(),
                                      /*non_blocking=*/false, /*copy=*/true);
  }
  return copies;
}

at::Tensor FrozenClassifier::Logits(const at::Tensor& images) const {
  return Forward(images, {}).logits;
}

}  // namespace distill
