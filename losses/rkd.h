// Relational distillation: the images are to lie to each other as they do for
// the teacher.
#ifndef DISTILL_LOSSES_RKD_H_
#define DISTILL_LOSSES_RKD_H_

#include <ATen/core/Tensor.h>

namespace distill {

// W. Park et al., "Relational Knowledge Distillation", CVPR 2019, equations 4
// to 9, over the features of a batch as points of a space, flattened.
// 0-dimensional each, with the Huber loss of delta 1 between the student's
// relation and the teacher's:
//
// - distance: over all pairs of two points, of their Euclidean distance divided
//   by its mean over the pairs. 0 for a batch of 1.
// - angle: over all triples of three points, of the cosine of the angle at the
//   second. 0 for batches of 1 and 2. Takes 8 bytes * batch^3, some ten times.
//
// Points that coincide are at distance 0, have no direction (cosine 0), and
// receive no gradient from one another.
//
// `student` [batch, ...] and `teacher` [batch, ...], which may differ in all
// but the batch, of one floating dtype and device. Computed in float64, from
// the points' inner products: differences of large products, which float32
// would lose. The teacher receives no gradient. Throws c10::Error (TORCH_CHECK)
// for mismatches.
at::Tensor RkdDistance(const at::Tensor& student, const at::Tensor& teacher);
at::Tensor RkdAngle(const at::Tensor& student, const at::Tensor& teacher);

}  // namespace distill

#endif  // DISTILL_LOSSES_RKD_H_
