// The contracts that all losses over features share.
#ifndef DISTILL_LOSSES_FEATURE_CHECKS_H_
#define DISTILL_LOSSES_FEATURE_CHECKS_H_

#include <ATen/core/Tensor.h>

namespace distill {

// Throws c10::Error (TORCH_CHECK), naming the tensor and what was found, unless
// `student` and `teacher` are both [batch >= 1, ...] of 2 or more axes, of one
// floating dtype and on one device, with the same batch. No synchronisation.
void CheckFeatures(const at::Tensor& student, const at::Tensor& teacher);

}  // namespace distill

#endif  // DISTILL_LOSSES_FEATURE_CHECKS_H_
