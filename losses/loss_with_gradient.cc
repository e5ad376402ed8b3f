#include "losses/loss_with_gradient.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace distill {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Not a tensor, so that autograd sees the logits as the only input.
struct ValueAndGradient {
  at::Tensor value;
  at::Tensor gradient;
};

class KnownGradient : public torch::autograd::Function<KnownGradient> {
 public:
  static at::Tensor forward(AutogradContext* context,
                            const at::Tensor& /*logits*/,
                            const ValueAndGradient& loss) {
    context->save_for_backward({loss.gradient});
    return loss.value;
  }

  static variable_list backward(AutogradContext* context,
                                const variable_list& grad_outputs) {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "this loss has no second derivative: call backward without "
                "create_graph");
    // Autograd casts the product to the dtype of the logits.
    return {context->get_saved_variables()[0] * grad_outputs[0], at::Tensor()};
  }
};

}  // namespace

at::Tensor LossWithGradient(const at::Tensor& logits, const at::Tensor& loss,
                            const at::Tensor& gradient) {
  return KnownGradient::apply(logits, ValueAndGradient{loss, gradient});
}

}  // namespace distill
