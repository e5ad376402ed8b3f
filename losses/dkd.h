#ifndef DISTILL_LOSSES_DKD_H_
#define DISTILL_LOSSES_DKD_H_

#include <ATen/core/Tensor.h>

#include "absl/status/status.h"

namespace distill {

struct DkdOptions {
  double temperature = 5;  // As KdOptions.
  // Weights of the two parts, the paper's alpha and beta (and its values for
  // them on CIFAR-100); finite, at least 0.
  double target_weight = 1;
  double nontarget_weight = 8;

  // InvalidArgument that names the field, its value and its range.
  absl::Status Validate() const;
};

// Returns decoupled knowledge distillation,
//   T^2 (target_weight * TCKD + nontarget_weight * NCKD), where
//   TCKD = KL(p || q) of the two events "the label's class" and "another one",
//   NCKD = KL(p || q) over the other classes, given that it is one of them,
// with p = softmax(teacher / T) and q = softmax(student / T), averaged over the
// batch: a 0-dimensional tensor; float64 where the logits are, else float32.
// With two classes NCKD is 0: there is one other class. With weights of 1 and
// 1 - p(label) in each row it would be KD itself.
//
// student_logits, teacher_logits [batch >= 1, classes >= 2] and labels [batch],
// as for KdLoss, but that every row must have a label (checked on the CPU).
// Gradient flows to the student only. All in logarithms: finite for logits of
// 1e4 and beyond. Does not synchronise with a device. Throws c10::Error as
// KdLoss does.
//
// Source: Zhao, Cui, Song, Qiu, Liang 2022, "Decoupled Knowledge Distillation"
// (arXiv:2203.08679), section 3.
at::Tensor Dkd(const at::Tensor& student_logits,
               const at::Tensor& teacher_logits, const at::Tensor& labels,
               const DkdOptions& options);

}  // namespace distill

#endif  // DISTILL_LOSSES_DKD_H_
