#include "training/optimizer.h"

#include <type_traits>
#include <utility>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/_foreach_add.h"
#include "ATen/ops/_fused_adam.h"
#include "ATen/ops/_fused_adamw.h"
#include "ATen/ops/_fused_sgd.h"
#include "ATen/ops/zeros.h"
#include "ATen/ops/zeros_like.h"
#include "absl/strings/str_cat.h"
#include "models/gpu_kernels.h"

namespace distill {

std::vector<std::pair<const char*, OptimizerKind>> OptimizerKinds() {
  return {{"adam", OptimizerKind::kAdam}, {"sgd", OptimizerKind::kSgd}};
}

Optimizer::Optimizer(std::vector<at::Tensor> parameters,
                     const OptimizerOptions& options)
    : options_(options), parameters_(std::move(parameters)) {
  for (const at::Tensor& parameter : parameters_) {
    if (options.kind == OptimizerKind::kAdam) {
      means_.push_back(at::zeros_like(parameter));
      squares_.push_back(at::zeros_like(parameter));
      steps_.push_back(at::zeros({}, parameter.options()));
    } else if (options.momentum > 0) {
      velocities_.push_back(at::zeros_like(parameter));
    }
  }
}

std::vector<at::Tensor> Optimizer::TakeGradients() {
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
void Optimizer::Update(const Rate& learning_rate) {
  const at::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = TakeGradients();
  if (options_.kind == OptimizerKind::kSgd) {
    // A first step would only copy the gradient to the velocity, which is what
    // any step makes of one of 0.
    at::_fused_sgd_(parameters_, gradients, velocities_, options_.weight_decay,
                    options_.momentum, learning_rate, /*dampening=*/0,
                    /*nesterov=*/false, /*maximize=*/false,
                    /*is_first_step=*/false);
    return;
  }
  at::_foreach_add_(steps_, 1);
  if constexpr (std::is_same_v<Rate, at::Tensor>) {
    if (TakesGpuKernels(parameters_[0])) {
      GpuAdam(parameters_, gradients, means_, squares_, steps_,
              learning_rate.to(at::kFloat),
              {options_.beta1, options_.beta2, options_.epsilon,
               options_.weight_decay});
      return;
    }
  }
  if (options_.weight_decay == 0) {
    at::_fused_adam_(parameters_, gradients, means_, squares_,
                     /*max_exp_avg_sqs=*/{}, steps_, learning_rate,
                     options_.beta1, options_.beta2, /*weight_decay=*/0,
                     options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  } else {
    at::_fused_adamw_(parameters_, gradients, means_, squares_,
                      /*max_exp_avg_sqs=*/{}, steps_, learning_rate,
                      options_.beta1, options_.beta2, options_.weight_decay,
                      options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
}

std::vector<NamedTensor> Optimizer::State() const {
  std::vector<NamedTensor> state;
  const auto add = [&state](const char* name,
                            const std::vector<at::Tensor>& values, size_t i) {
    if (i < values.size()) state.push_back({absl::StrCat(name, i), values[i]});
  };
  for (size_t i = 0; i < parameters_.size(); ++i) {
    add("adam.mean.", means_, i);
    add("adam.square.", squares_, i);
    add("adam.step.", steps_, i);
    add("sgd.velocity.", velocities_, i);
  }
  return state;
}

void Optimizer::Step(double learning_rate) { Update(learning_rate); }

void Optimizer::Step(const at::Tensor& learning_rate) { Update(learning_rate); }

}  // namespace distill
