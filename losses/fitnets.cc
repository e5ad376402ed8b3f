#include "losses/fitnets.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>

#include <vector>

#include "losses/feature_checks.h"
#include "losses/logits_checks.h"

namespace distill {

at::Tensor Regress(const Regressor& regressor, const at::Tensor& feature) {
  if (!regressor.weight.defined()) return feature;
  TORCH_CHECK(feature.dim() >= 2 && feature.size(1) == regressor.weight.size(1),
              "a feature has shape ", feature.sizes(),
              "; the regressor takes [batch, ", regressor.weight.size(1),
              ", ...]");
  std::vector<int64_t> sizes = feature.sizes().vec();
  sizes[1] = regressor.weight.size(0);
  // [batch, channels, places], with one place where there are no more axes.
  const at::Tensor flat = feature.reshape({sizes[0], feature.size(1), -1});
  return (at::matmul(regressor.weight, flat) + regressor.bias.unsqueeze(1))
      .reshape(sizes);
}

at::Tensor FitNetsHint(const at::Tensor& student, const at::Tensor& teacher) {
  CheckFeatures(student, teacher);
  TORCH_CHECK(student.sizes() == teacher.sizes(),
              "the student's feature has shape ", student.sizes(),
              " (after the regressor, if there is one) and the teacher's ",
              teacher.sizes(), "; they must be the same");
  return (AtLeastFloat32(student) - AtLeastFloat32(teacher.detach()))
      .square()
      .mean();
}

}  // namespace distill
