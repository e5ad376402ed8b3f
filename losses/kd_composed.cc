#include "losses/kd_composed.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/kl_div.h>
#include <ATen/ops/log_softmax.h>

#include "losses/logits_checks.h"

namespace distill {
namespace {

at::Tensor LogProbabilities(const at::Tensor& logits, double temperature) {
  return at::log_softmax(AtLeastFloat32(logits) / temperature, /*dim=*/1);
}

}  // namespace

LossTerms KdComposed(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const KdOptions& options) {
  const double temperature = options.temperature;
  LossTerms terms;
  if (options.alpha != 0) {
    const at::Tensor log_q = LogProbabilities(student_logits, temperature);
    const at::Tensor log_p =
        LogProbabilities(teacher_logits.detach(), temperature);
    // Summed over classes, averaged over the batch ("batchmean").
    const at::Tensor divergence =
        at::kl_div(log_q, log_p, at::Reduction::Sum, /*log_target=*/true) /
        student_logits.size(0);
    const at::Tensor soft = divergence * (temperature * temperature);
    terms.total = soft * options.alpha;
    terms.soft = soft.detach();
  }
  if (options.alpha != 1) {
    const at::Tensor of_label =
        LogProbabilities(student_logits, 1)
            .gather(/*dim=*/1, labels.clamp_min(0).unsqueeze(1))
            .squeeze(1);
    const at::Tensor hard = -of_label.masked_fill(labels == kNoLabel, 0).mean();
    const at::Tensor weighted = hard * (1 - options.alpha);
    terms.total = terms.total.defined() ? terms.total + weighted : weighted;
    terms.hard = hard.detach();
  }
  return terms;
}

}  // namespace distill
