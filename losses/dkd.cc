#include "losses/dkd.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "losses/logits_checks.h"
#include "losses/loss_terms.h"

namespace distill {
namespace {

absl::Status CheckWeight(const char* field, double weight) {
  if (std::isfinite(weight) && weight >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "DKD's ", field, " must be finite and at least 0, got ", weight));
}

// log p, where it is not 0, times p: p log(p / q) summed over the last
// dimension, then averaged.
at::Tensor MeanDivergence(const at::Tensor& log_p, const at::Tensor& log_q) {
  return (log_p.exp() * (log_p - log_q)).sum(1).mean();
}

// The logarithms of the probabilities of the parts.
struct Parts {
  at::Tensor target;     // [batch, 2]: the label's class, another one.
  at::Tensor nontarget;  // [batch, classes - 1]: which, given another one.
};

Parts PartsOf(const at::Tensor& scaled, const at::Tensor& labels) {
  const at::Tensor label = labels.unsqueeze(1);
  // The other classes of each row: those before the label, and those after.
  const at::Tensor places =
      at::arange(scaled.size(1) - 1, labels.options()).unsqueeze(0);
  const at::Tensor others = places + (places >= label);
  const at::Tensor rest = scaled.gather(1, others);
  const at::Tensor all = at::logsumexp(scaled, 1);
  return {at::stack({scaled.gather(1, label).squeeze(1) - all,
                     at::logsumexp(rest, 1) - all},
                    1),
          at::log_softmax(rest, 1)};
}

}  // namespace

absl::Status DkdOptions::Validate() const {
  absl::Status status;
  if (!std::isfinite(temperature) || temperature <= 0) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "temperature must be finite and greater than 0, got ", temperature)));
  }
  status.Update(CheckWeight("target weight", target_weight));
  status.Update(CheckWeight("nontarget weight", nontarget_weight));
  return status;
}

at::Tensor Dkd(const at::Tensor& student_logits,
               const at::Tensor& teacher_logits, const at::Tensor& labels,
               const DkdOptions& options) {
  const absl::Status valid = options.Validate();
  TORCH_CHECK(valid.ok(), std::string(valid.message()));
  CheckLogitPair(student_logits, teacher_logits);
  CheckLabels(labels, student_logits, "student logits");
  TORCH_CHECK(!labels.is_cpu() || !labels.eq(kNoLabel).any().item<bool>(),
              "DKD needs the label of every row, and a row has none (",
              kNoLabel, ")");
  const double temperature = options.temperature;
  const Parts student =
      PartsOf(AtLeastFloat32(student_logits) / temperature, labels);
  const Parts teacher =
      PartsOf(AtLeastFloat32(teacher_logits.detach()) / temperature, labels);
  return temperature * temperature *
         (options.target_weight *
              MeanDivergence(teacher.target, student.target) +
          options.nontarget_weight *
              MeanDivergence(teacher.nontarget, student.nontarget));
}

}  // namespace distill
