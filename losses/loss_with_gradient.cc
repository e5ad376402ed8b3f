#include "losses/loss_with_gradient.h"

#include "ATen/TensorOperators.h"
#include "base/known_gradient.h"

namespace distill {

at::Tensor LossWithGradient(const at::Tensor& logits, const at::Tensor& loss,
                            const at::Tensor& gradient) {
  return WithKnownGradient(
      loss, {logits}, {gradient},
      [](const std::vector<at::Tensor>& saved, const at::Tensor& of_loss,
         const std::vector<bool>& /*needed*/) {
        // Autograd casts the product to the dtype of the logits.
        return std::vector<at::Tensor>{saved[0] * of_loss};
      });
}

}  // namespace distill
