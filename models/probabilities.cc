#include "models/probabilities.h"

#include <algorithm>

#include "ATen/TensorOperators.h"
#include "ATen/ops/abs.h"
#include "ATen/ops/max.h"
#include "ATen/ops/min.h"
#include "ATen/ops/sum.h"

namespace distill {

std::string NoLogits(const at::Tensor& rows) {
  if (rows.min().item<float>() < 0) return "";
  const at::Tensor sums = rows.sum(1);
  // Each number may have been rounded to two digits.
  const double rounding =
      std::max(0.005 * static_cast<double>(rows.size(1)), 0.01);
  const auto sum_to = [&](double sum) {
    return (sums - sum).abs().max().item<double>() < rounding * sum;
  };
  if (sum_to(1)) return "probabilities";
  if (sum_to(100)) return "probabilities in per cent";
  const float most = rows.max().item<float>();
  return most > 0 && most <= 1 ? "numbers from 0 to 1, as a sigmoid gives" : "";
}

}  // namespace distill
