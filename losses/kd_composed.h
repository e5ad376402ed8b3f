#ifndef DISTILL_LOSSES_KD_COMPOSED_H_
#define DISTILL_LOSSES_KD_COMPOSED_H_

#include <ATen/core/Tensor.h>

#include "losses/kd_options.h"
#include "losses/loss_terms.h"

namespace distill {

// KdLoss for inputs that it has checked, composed of ATen operations: the plain
// formula, on any device, in float32 (float64 where the logits are float64).
// KdLoss uses it where there is no kernel, and tests hold the kernels against
// it. Internal to losses.
//
// Differs from the row arithmetic in what it does not promise: rounding costs
// digits where student and teacher nearly agree, and student = teacher gives a
// gradient near zero rather than zero. Does not synchronise.
LossTerms KdComposed(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const KdOptions& options);

}  // namespace distill

#endif  // DISTILL_LOSSES_KD_COMPOSED_H_
