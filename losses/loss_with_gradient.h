#ifndef DISTILL_LOSSES_LOSS_WITH_GRADIENT_H_
#define DISTILL_LOSSES_LOSS_WITH_GRADIENT_H_

#include <ATen/core/Tensor.h>

namespace distill {

// Returns `loss` as a function of `logits` whose gradient is already known:
// backward gives `logits` the product of `gradient` and the incoming gradient.
// This is how a loss that computes value and gradient in one pass joins
// autograd.
//
// loss: 0-dimensional, detached. gradient: d loss / d logits, the shape of
// logits, detached, loss's dtype; it reaches logits in logits' dtype. All on
// one device; does not synchronise. There is no second derivative: backward
// with create_graph is refused rather than silently wrong.
at::Tensor LossWithGradient(const at::Tensor& logits, const at::Tensor& loss,
                            const at::Tensor& gradient);

}  // namespace distill

#endif  // DISTILL_LOSSES_LOSS_WITH_GRADIENT_H_
