#include "losses/cross_entropy.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>

#include "losses/kd.h"
#include "losses/logits_checks.h"

namespace distill {

LossTerms CrossEntropyLoss(const at::Tensor& logits, const at::Tensor& labels,
                           double smoothing) {
  KdOptions options;
  options.alpha = 0;
  LossTerms terms =
      KdLoss(logits, /*teacher_logits=*/at::Tensor(), labels, options);
  if (smoothing == 0) return terms;
  const at::Tensor of_all_classes =
      -at::log_softmax(AtLeastFloat32(logits), /*dim=*/1)
           .mean(1)
           .masked_fill(labels == kNoLabel, 0)
           .mean();
  terms.total = (1 - smoothing) * terms.total + smoothing * of_all_classes;
  terms.hard = terms.total.detach();
  return terms;
}

}  // namespace distill
