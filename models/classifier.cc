#include "models/classifier.h"

#include <utility>

#include "ATen/core/grad_mode.h"

namespace distill {

int64_t Classifier::ParameterCount() const {
  int64_t count = 0;
  for (const at::Tensor& parameter : parameters()) count += parameter.numel();
  return count;
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

at::Tensor FrozenClassifier::Logits(const at::Tensor& images) const {
  const at::NoGradGuard no_grad;
  return model_->Logits(images);
}

}  // namespace distill
