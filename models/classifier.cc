#include "models/classifier.h"

#include <utility>

#include "ATen/core/grad_mode.h"

namespace distill {

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

std::vector<NamedTensor> FrozenClassifier::Parameters() const {
  std::vector<NamedTensor> copies;
  for (const auto& parameter : model_->named_parameters()) {
    copies.push_back(
        {parameter.key(), parameter.value().detach().to(at::kCPU, at::kFloat,
                                                        /*non_blocking=*/false,
                                                        /*copy=*/true)});
  }
  return copies;
}

at::Tensor FrozenClassifier::Logits(const at::Tensor& images) const {
  return Forward(images, {}).logits;
}

}  // namespace distill
