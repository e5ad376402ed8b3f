#include "losses/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/where.h>

#include "losses/feature_checks.h"
#include "losses/logits_checks.h"

namespace distill {
namespace {

// [batch, places], each row of norm 1 or 0.
at::Tensor AttentionMap(const at::Tensor& feature) {
  const at::Tensor values = AtLeastFloat32(feature);
  // The map does not change where all numbers are divided by one, and so their
  // fourth powers stay within float32.
  const at::Tensor largest =
      values.detach().abs().flatten(1).amax(1).view({-1, 1, 1, 1});
  const at::Tensor scaled =
      values / at::where(largest.gt(0), largest, at::ones_like(largest));
  const at::Tensor map = scaled.square().sum(1).flatten(1);
  const at::Tensor square = map.square().sum(1, /*keepdim=*/true);
  return map / at::where(square.gt(0), square, at::ones_like(square)).sqrt();
}

}  // namespace

at::Tensor AttentionTransfer(const at::Tensor& student,
                             const at::Tensor& teacher) {
  CheckFeatures(student, teacher);
  TORCH_CHECK(student.dim() == 4 && teacher.dim() == 4 &&
                  student.size(2) == teacher.size(2) &&
                  student.size(3) == teacher.size(3),
              "the student's feature has shape ", student.sizes(),
              " and the teacher's ", teacher.sizes(),
              "; both must be [batch, channels, height, width] of one height "
              "and width");
  return (AttentionMap(student) - AttentionMap(teacher.detach()))
      .square()
      .sum(1)
      .mean();
}

}  // namespace distill
