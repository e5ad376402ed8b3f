#ifndef DISTILL_LOSSES_DIST_H_
#define DISTILL_LOSSES_DIST_H_

#include <ATen/core/Tensor.h>

namespace distill {

struct DistOptions {
  double temperature = 5;  // As KdOptions.
  // Weights of the two parts, the paper's beta and gamma; finite, at least 0.
  double inter_weight = 1;
  double intra_weight = 1;
};

// Returns DIST, the disagreement of the probabilities' correlations,
//   T^2 (inter_weight * mean over rows of (1 - r of the row)
//        + intra_weight * mean over classes of (1 - r of the class's column)),
// with r Pearson's coefficient between softmax(student / T) and
// softmax(teacher / T): a 0-dimensional tensor; float64 where the logits are,
// else float32. Computed in float64, as half the squared distance of what r is
// the cosine of, so that nothing cancels where the two agree.
//
// A row or column that varies by less than 1e-6 of its size has no r: it gets
// no gradient, and counts 1/2 where the other model's varies and 0 where that
// does not either. So the second part is 0 for a batch of 1.
//
// student_logits, teacher_logits [batch >= 1, classes >= 2], as for KdLoss.
// Gradient flows to the student only. Does not synchronise with a device.
// Throws c10::Error as KdLoss does.
//
// Source: Huang, You, Wang, Qian, Xu 2022, "Knowledge Distillation from A
// Stronger Teacher" (arXiv:2205.10536), section 3.
at::Tensor Dist(const at::Tensor& student_logits,
                const at::Tensor& teacher_logits, const DistOptions& options);

}  // namespace distill

#endif  // DISTILL_LOSSES_DIST_H_
