// A hint: the student's inner maps are to be the teacher's.
#ifndef DISTILL_LOSSES_FITNETS_H_
#define DISTILL_LOSSES_FITNETS_H_

#include <ATen/core/Tensor.h>

namespace distill {

// A learnt 1x1 convolution from a student's channels to its teacher's, for
// where they differ. It helps to train the student, and is no part of it.
struct Regressor {
  at::Tensor weight;  // [teacher channels, student channels]; undefined: none.
  at::Tensor bias;    // [teacher channels].
};

// `feature` [batch, student channels, ...] with its channels regressed:
// [batch, teacher channels, ...]; `feature` itself without a weight.
// Differentiable with respect to all three. Throws c10::Error (TORCH_CHECK) for
// another number of channels.
at::Tensor Regress(const Regressor& regressor, const at::Tensor& feature);

// The mean of (student - teacher)^2 over all numbers of all features
// (A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation
// 3, which has half the sum where this has the mean: a weight of the size of
// the feature makes it that).
//
// `student` (regressed) and `teacher` [batch, ...] of one shape, floating dtype
// and device. 0-dimensional; computed in float32 or better; the teacher
// receives no gradient. Throws c10::Error (TORCH_CHECK) for mismatches.
at::Tensor FitNetsHint(const at::Tensor& student, const at::Tensor& teacher);

}  // namespace distill

#endif  // DISTILL_LOSSES_FITNETS_H_
