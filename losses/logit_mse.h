#ifndef DISTILL_LOSSES_LOGIT_MSE_H_
#define DISTILL_LOSSES_LOGIT_MSE_H_

#include <ATen/core/Tensor.h>

namespace distill {

// Returns the mean over batch and classes of (student - teacher)^2, a
// 0-dimensional tensor; float64 where the logits are, else float32.
//
// student_logits, teacher_logits [batch >= 1, classes >= 2], as for KdLoss.
// Gradient flows to the student only. Unlike the other methods' it is not the
// same when a constant is added to a row: the logits themselves are compared.
// Throws c10::Error as KdLoss does.
//
// Source: Kim, Oh, Kim, Cho, Yun 2021, "Comparing Kullback-Leibler Divergence
// and Mean Squared Error Loss in Knowledge Distillation" (arXiv:2105.08919).
// The paper's norm is a sum over classes; the mean here keeps alpha's meaning
// when their number changes.
at::Tensor LogitMse(const at::Tensor& student_logits,
                    const at::Tensor& teacher_logits);

}  // namespace distill

#endif  // DISTILL_LOSSES_LOGIT_MSE_H_
