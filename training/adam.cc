#include "training/adam.h"

#include <utility>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/_foreach_add.h"
#include "ATen/ops/_fused_adam.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_cat.h"

namespace distill {

Adam::Adam(std::vector<at::Tensor> parameters, const AdamOptions& options)
    : options_(options), parameters_(std::move(parameters)) {
  for (const at::Tensor& parameter : parameters_) {
    means_.push_back(at::zeros_like(parameter));
    squares_.push_back(at::zeros_like(parameter));
    steps_.push_back(at::zeros({}, parameter.options()));
  }
}

std::vector<at::Tensor> Adam::TakeGradients() {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters_.size());
  for (size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& gradient = parameters_[i].mutable_grad();
    TORCH_CHECK(gradient.defined(), "parameter ", i, " of shape ",
                parameters_[i].sizes(), " has no gradient");
    gradients.push_back(std::move(gradient));
    gradient = at::Tensor();
  }
  return gradients;
}

template <typename Rate>
void Adam::Update(const Rate& learning_rate) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = TakeGradients();
  at::_foreach_add_(steps_, 1);
  at::_fused_adam_(parameters_, gradients, means_, squares_,
                   /*max_exp_avg_sqs=*/{}, steps_, learning_rate,
                   options_.beta1, options_.beta2, /*weight_decay=*/0,
                   options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
}

std::vector<NamedTensor> Adam::State() const {
  std::vector<NamedTensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    state.push_back({absl::StrCat("mean.", i), means_[i]});
    state.push_back({absl::StrCat("square.", i), squares_[i]});
    state.push_back({absl::StrCat("step.", i), steps_[i]});
  }
  return state;
}

void Adam::Step(double learning_rate) { Update(learning_rate); }

void Adam::Step(const at::Tensor& learning_rate) { Update(learning_rate); }

}  // namespace distill
