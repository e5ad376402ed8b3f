#ifndef DISTILL_LOSSES_STANDARDIZE_H_
#define DISTILL_LOSSES_STANDARDIZE_H_

#include <ATen/core/Tensor.h>

namespace distill {

// Each row of `logits` [batch, classes] less its mean and divided by its
// standard deviation over the classes (plus 1e-7, for a row of equals):
// [batch, classes], float64 where the logits are, else float32; differentiable.
// A student that compares standardised logits need not match the size of its
// teacher's, only their relations.
//
// Source: Sun, Ren, Li, Wang, Cao 2024, "Logit Standardization in Knowledge
// Distillation" (arXiv:2403.01427), algorithm 1.
at::Tensor StandardizeLogits(const at::Tensor& logits);

}  // namespace distill

#endif  // DISTILL_LOSSES_STANDARDIZE_H_
