#ifndef DISTILL_LOSSES_KD_H_
#define DISTILL_LOSSES_KD_H_

#include "base/standard.h"
// (Before all others.)

#include <ATen/core/Tensor.h>

#include "losses/kd_options.h"
#include "losses/loss_terms.h"

namespace distill {

// Returns the knowledge distillation loss
//   total = alpha * soft + (1 - alpha) * hard
//   soft  = T^2 * KL(softmax(teacher / T) || softmax(student / T))
//   hard  = -log softmax(student)[label]
// where KL is summed over classes and both are averaged over the batch.
//
// student_logits, teacher_logits [batch >= 1, classes >= 2]: logits, not
// probabilities, of one dtype: float32, float64, bfloat16 or float16 (the
// 16-bit dtypes are cast to float32 before any arithmetic). labels [batch]
// int64 in [0, classes), or kNoLabel: such a row has no hard term, and still
// counts in the batch that both terms are averaged over. All on one device,
// with any strides. Terms: see LossTerms.
//
// Gradient flows to student_logits only, in their dtype, never to the teacher,
// whatever it requires. No second derivative on the CPU.
//
// A term of weight 0 is not evaluated and its input is not looked at: with
// alpha = 0 teacher_logits may be undefined, with alpha = 1 labels may be.
//
// Finite for logits of 1e4 and far beyond. On the CPU: student = teacher gives
// a soft term of exactly 0 and no gradient from it; sums over the batch are in
// double and in order of rows, so the same input gives the same bits on any
// number of threads.
//
// Does not synchronise with a device. So, off the CPU, probabilities in place
// of logits are not noticed, and labels out of range only by the device.
//
// Throws c10::Error where an option or a tensor breaks the above, with a
// message that names the values on both sides.
//
// Source: Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural
// Network" (arXiv:1503.02531), section 2.
LossTerms KdLoss(const at::Tensor& student_logits,
                 const at::Tensor& teacher_logits, const at::Tensor& labels,
                 const KdOptions& options);

}  // namespace distill

#endif  // DISTILL_LOSSES_KD_H_
