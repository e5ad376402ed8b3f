#include "losses/methods.h"

#include <ATen/TensorOperators.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "losses/cross_entropy.h"
#include "losses/kd.h"
#include "losses/logit_mse.h"
#include "losses/standardize.h"

namespace distill {
namespace {

DkdOptions DkdOptionsOf(const MethodOptions& options) {
  DkdOptions dkd;
  dkd.temperature = options.kd.temperature;
  dkd.target_weight = options.dkd_target_weight;
  dkd.nontarget_weight = options.dkd_nontarget_weight;
  return dkd;
}

// A new method is a line here: see docs/adding-a-method.md.
const std::vector<Method>& Table() {
  static const std::vector<Method>* const table = new std::vector<Method>{
      {"kd", "T^2 KL of the softened predictions", "Hinton et al. 2015", false,
       [](const MethodOptions& options) {
         return absl::StrFormat(
             "%.9g^2 * KL(softmax(teacher/%.9g) || softmax(student/%.9g))",
             options.kd.temperature, options.kd.temperature,
             options.kd.temperature);
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& options) {
         KdOptions soft_only = options.kd;
         soft_only.alpha = 1;
         return KdLoss(student, teacher, at::Tensor(), soft_only).total;
       }},
      {"logit_mse", "mean square of the difference of the logits",
       "Kim et al. 2021", false,
       [](const MethodOptions& /*options*/) {
         return std::string("mean((teacher - student)^2)");
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& /*options*/) {
         return LogitMse(student, teacher);
       }},
      {"dkd", "KL of the label's class and of the others apart",
       "Zhao et al. 2022", true,
       [](const MethodOptions& options) {
         return absl::StrFormat(
             "%.9g^2 * (%.9g * TCKD + %.9g * NCKD)", options.kd.temperature,
             options.dkd_target_weight, options.dkd_nontarget_weight);
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& labels, const MethodOptions& options) {
         return Dkd(student, teacher, labels, DkdOptionsOf(options));
       }},
  };
  return *table;
}

std::string Factor(double weight) {
  return weight == 1 ? "" : absl::StrFormat("%.9g * ", weight);
}

}  // namespace

const std::vector<Method>& Methods() { return Table(); }

const Method* FindMethod(const std::string& name) {
  for (const Method& method : Table()) {
    if (name == method.name) return &method;
  }
  return nullptr;
}

std::string MethodsHelp() {
  return absl::StrJoin(Table(), ", ",
                       [](std::string* out, const Method& method) {
                         absl::StrAppend(out, method.name, " (", method.what,
                                         "; ", method.paper, ")");
                       });
}

absl::Status MethodOptions::Validate() const {
  if (FindMethod(method) == nullptr) {
    const std::string names =
        absl::StrJoin(Table(), ", ", [](std::string* out, const Method& one) {
          absl::StrAppend(out, one.name);
        });
    return absl::InvalidArgumentError(absl::StrCat(
        "--method is \"", method, "\"; it must be one of ", names));
  }
  absl::Status status = kd.Validate();
  status.Update(DkdOptionsOf(*this).Validate());
  return status;
}

std::string MethodOptions::Formula() const {
  const Method* const found = FindMethod(method);
  TORCH_CHECK(found != nullptr, "there is no method \"", method, "\"");
  std::vector<std::string> terms;
  if (kd.alpha != 0) {
    terms.push_back(
        absl::StrCat(Factor(kd.alpha), found->formula(*this),
                     standardize_logits ? " of standardised logits" : ""));
  }
  if (kd.alpha != 1) {
    terms.push_back(absl::StrCat(Factor(1 - kd.alpha), "CE(student, labels)"));
  }
  return absl::StrCat("loss = ", absl::StrJoin(terms, " + "));
}

LossTerms MethodLoss(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const MethodOptions& options) {
  const absl::Status valid = options.Validate();
  TORCH_CHECK(valid.ok(), std::string(valid.message()));
  const double alpha = options.kd.alpha;
  // One pass has both terms.
  if (alpha == 0 || (options.method == "kd" && !options.standardize_logits)) {
    return KdLoss(student_logits, teacher_logits, labels, options.kd);
  }
  const auto prepared = [&](const at::Tensor& logits) {
    return options.standardize_logits ? StandardizeLogits(logits) : logits;
  };
  const at::Tensor soft =
      FindMethod(options.method)
          ->soft(prepared(student_logits), prepared(teacher_logits.detach()),
                 labels, options);
  LossTerms terms;
  terms.soft = soft.detach();
  terms.total = alpha == 1 ? soft : alpha * soft;
  if (alpha != 1) {
    const LossTerms hard = CrossEntropyLoss(student_logits, labels);
    terms.hard = hard.hard;
    terms.total = terms.total + (1 - alpha) * hard.total;
  }
  return terms;
}

}  // namespace distill
