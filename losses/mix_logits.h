#ifndef DISTILL_LOSSES_MIX_LOGITS_H_
#define DISTILL_LOSSES_MIX_LOGITS_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace distill {

// Logits whose softened probabilities are the weighted mean of those of
// several models: T log sum_k w_k softmax(z_k / T), [batch, classes] float32.
// At a distillation loss of the same temperature T they are the mean itself.
//
// `logits`, at least one, are [batch, classes] each, on one device, not
// probabilities; `weights`, as many, are above 0 and sum to 1; T > 0. No
// gradient flows. In logarithms: finite for logits of 1e4. Throws c10::Error
// (TORCH_CHECK) for shapes that differ.
//
// Source: Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural
// Network" (arXiv:1503.02531), section 1, which names the arithmetic mean of
// the predictions.
at::Tensor MixLogits(const std::vector<at::Tensor>& logits,
                     const std::vector<double>& weights, double temperature);

}  // namespace distill

#endif  // DISTILL_LOSSES_MIX_LOGITS_H_
