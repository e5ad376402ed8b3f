#include "losses/dist.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/softmax.h>

#include "losses/logits_checks.h"

namespace distill {
namespace {

// Below this share of its size the variation of a vector is not looked at: its
// direction would be rounding, and its gradient as large as that is small.
constexpr double kLeastVariation = 1e-6;

// The vectors along `dim`, less their means and of length 1; 0 for those that
// do not vary. (NaN is not taken for these.)
at::Tensor Directions(const at::Tensor& values, int64_t dim) {
  const at::Tensor centred = values - values.mean(dim, /*keepdim=*/true);
  const at::Tensor square = centred.square().sum(dim, /*keepdim=*/true);
  const at::Tensor constant =
      square.le(kLeastVariation * kLeastVariation *
                values.square().sum(dim, /*keepdim=*/true));
  return centred.masked_fill(constant, 0) /
         square.masked_fill(constant, 1).sqrt();
}

// 1 - r = |u - v|^2 / 2 for u and v of length 1.
at::Tensor Disagreement(const at::Tensor& student, const at::Tensor& teacher,
                        int64_t dim) {
  return (Directions(student, dim) - Directions(teacher, dim))
             .square()
             .sum(dim)
             .mean() /
         2;
}

}  // namespace

at::Tensor Dist(const at::Tensor& student_logits,
                const at::Tensor& teacher_logits, const DistOptions& options) {
  CheckLogitPair(student_logits, teacher_logits);
  const double temperature = options.temperature;
  const auto probabilities = [=](const at::Tensor& logits) {
    return at::softmax(logits.to(at::kDouble) / temperature, /*dim=*/1);
  };
  const at::Tensor student = probabilities(student_logits);
  const at::Tensor teacher = probabilities(teacher_logits.detach());
  const at::Tensor sum =
      options.inter_weight * Disagreement(student, teacher, /*dim=*/1) +
      options.intra_weight * Disagreement(student, teacher, /*dim=*/0);
  return (temperature * temperature * sum)
      .to(AtLeastFloat32(student_logits).scalar_type());
}

}  // namespace distill
