// Attention transfer: the student is to look where its teacher looks.
#ifndef DISTILL_LOSSES_ATTENTION_H_
#define DISTILL_LOSSES_ATTENTION_H_

#include <ATen/core/Tensor.h>

namespace distill {

// The squared distance of the two attention maps, averaged over the batch
// (S. Zagoruyko, N. Komodakis, "Paying More Attention to Attention", ICLR 2017,
// equation 2 with p = 2 and the distance squared, as in the authors' code,
// which also divides by the number of places). An attention map is the sum over
// the channels of the squares, one number a place, divided by its Euclidean
// norm; a map of zeros stays one, without gradient.
//
// `student` [batch, channels, height, width] and `teacher`
// [batch, other channels, height, width] of one floating dtype and device.
// 0-dimensional; computed in float32 or better; the teacher receives no
// gradient. Throws c10::Error (TORCH_CHECK) for mismatches.
at::Tensor AttentionTransfer(const at::Tensor& student,
                             const at::Tensor& teacher);

}  // namespace distill

#endif  // DISTILL_LOSSES_ATTENTION_H_
