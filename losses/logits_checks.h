#ifndef DISTILL_LOSSES_LOGITS_CHECKS_H_
#define DISTILL_LOSSES_LOGITS_CHECKS_H_

#include <ATen/core/Tensor.h>

namespace distill {

// The contracts that all losses over logits share. Each throws c10::Error with
// a message that names the tensor (`name`, e.g. "student logits"), what was
// found and what was expected. None synchronises with a device: values are
// looked at only on the CPU.

// logits [batch >= 1, classes >= 2], float32, float64, bfloat16 or float16. On
// the CPU also: not probabilities. Where every row is non-negative and sums to
// 1 (within 1e-5, or 2 epsilon of a narrower dtype) a softmax was applied too
// early.
void CheckLogits(const at::Tensor& logits, const char* name);

// a and b have the same shape, dtype and device.
void CheckSameKind(const at::Tensor& a, const char* a_name, const at::Tensor& b,
                   const char* b_name);

// Both of the above for "student logits" and "teacher logits".
void CheckLogitPair(const at::Tensor& student_logits,
                    const at::Tensor& teacher_logits);

// As float64 where `logits` are, else as float32: what losses compute in.
at::Tensor AtLeastFloat32(const at::Tensor& logits);

// labels [batch] int64 on the device of logits [batch, classes]. On the CPU
// also: every label in [0, classes) or kNoLabel.
void CheckLabels(const at::Tensor& labels, const at::Tensor& logits,
                 const char* logits_name);

}  // namespace distill

#endif  // DISTILL_LOSSES_LOGITS_CHECKS_H_
