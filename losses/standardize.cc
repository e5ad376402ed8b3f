#include "losses/standardize.h"

#include <ATen/TensorOperators.h>

#include "losses/logits_checks.h"

namespace distill {

at::Tensor StandardizeLogits(const at::Tensor& logits) {
  CheckLogits(logits, "logits");
  const at::Tensor centred =
      AtLeastFloat32(logits) - AtLeastFloat32(logits).mean(1, /*keepdim=*/true);
  // Not the root of the mean square, whose derivative at 0 is infinite.
  constexpr double kLeast = 1e-7;
  const at::Tensor deviation =
      (centred.square().mean(1, /*keepdim=*/true) + kLeast * kLeast).sqrt();
  return centred / (deviation + kLeast);
}

}  // namespace distill
