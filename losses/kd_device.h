#ifndef DISTILL_LOSSES_KD_DEVICE_H_
#define DISTILL_LOSSES_KD_DEVICE_H_

#include <ATen/core/Tensor.h>

#include "losses/kd_options.h"
#include "losses/loss_terms.h"

namespace distill {

// KdLoss for checked inputs that are not on the CPU. On a GPU, in a CUDA build:
// value and gradient in one pass of losses/kernels/kd_cuda.cu, on the current
// stream. On any other device: KdComposed.
LossTerms KdOnDevice(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const KdOptions& options);

}  // namespace distill

#endif  // DISTILL_LOSSES_KD_DEVICE_H_
