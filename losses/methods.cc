#include "losses/methods.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/settings.h"
#include "losses/attention.h"
#include "losses/cross_entropy.h"
#include "losses/dist.h"
#include "losses/fitnets.h"
#include "losses/kd.h"
#include "losses/logit_mse.h"
#include "losses/rkd.h"
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

// How a weight stands before its term.
std::string Factor(double weight) {
  return weight == 1 ? "" : absl::StrFormat("%.9g * ", weight);
}

// A new method is a line here: see docs/adding-a-method.md.
const std::vector<Method>& Table() {
  static const std::vector<Method>* const table = new std::vector<Method>{
      {"kd",
       "T^2 KL of the softened predictions",
       "Hinton et al. 2015",
       Compares::kLogits,
       false,
       false,
       {"temperature", "standardize_logits"},
       [](const MethodOptions& options) {
         return absl::StrFormat("%.9g^2 * KL(teacher || student at T=%.9g)",
                                options.kd.temperature, options.kd.temperature);
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& options) {
         KdOptions soft_only = options.kd;
         soft_only.alpha = 1;
         return KdLoss(student, teacher, at::Tensor(), soft_only).total;
       }},
      {"logit_mse",
       "mean square of the difference of the logits",
       "Kim et al. 2021",
       Compares::kLogits,
       false,
       false,
       {"standardize_logits"},
       [](const MethodOptions& /*options*/) {
         return std::string("mean((teacher - student)^2)");
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& /*options*/) {
         return LogitMse(student, teacher);
       }},
      {"dkd",
       "KL of the label's class and of the others apart",
       "Zhao et al. 2022",
       Compares::kLogits,
       true,
       false,
       {"temperature", "standardize_logits", "dkd_target_weight",
        "dkd_nontarget_weight"},
       [](const MethodOptions& options) {
         return absl::StrFormat(
             "%.9g^2 * (%.9g * TCKD + %.9g * NCKD)", options.kd.temperature,
             options.dkd_target_weight, options.dkd_nontarget_weight);
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& labels, const MethodOptions& options) {
         return Dkd(student, teacher, labels, DkdOptionsOf(options));
       }},
      {"dist",
       "correlations of a row's and of a class's probabilities",
       "Huang et al. 2022",
       Compares::kLogits,
       false,
       false,
       {"temperature", "standardize_logits", "dist_inter_weight",
        "dist_intra_weight"},
       [](const MethodOptions& options) {
         return absl::StrFormat(
             "%.9g^2 * (%.9g * (1 - r of rows) + %.9g * (1 - r of classes))",
             options.kd.temperature, options.dist_inter_weight,
             options.dist_intra_weight);
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& options) {
         return Dist(student, teacher,
                     {options.kd.temperature, options.dist_inter_weight,
                      options.dist_intra_weight});
       }},
      {"fitnets",
       "mean square of the difference of a layer's maps",
       "Romero et al. 2015",
       Compares::kMaps,
       false,
       true,
       {"hint_weight"},
       [](const MethodOptions& options) {
         return absl::StrCat(Factor(options.hint_weight),
                             "mean((teacher's maps - student's)^2)");
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& options) {
         return options.hint_weight * FitNetsHint(student, teacher);
       }},
      {"at",
       "squared distance of the attention maps",
       "Zagoruyko and Komodakis 2017",
       Compares::kMaps,
       false,
       false,
       {"attention_weight"},
       [](const MethodOptions& options) {
         return absl::StrCat(Factor(options.attention_weight),
                             "|teacher's attention - student's|^2");
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& options) {
         return options.attention_weight * AttentionTransfer(student, teacher);
       }},
      {"rkd",
       "distances and angles between the images of a batch",
       "Park et al. 2019",
       Compares::kPoints,
       false,
       false,
       {"rkd_distance_weight", "rkd_angle_weight"},
       [](const MethodOptions& options) {
         return absl::StrFormat("(%.9g * distances + %.9g * angles)",
                                options.rkd_distance_weight,
                                options.rkd_angle_weight);
       },
       [](const at::Tensor& student, const at::Tensor& teacher,
          const at::Tensor& /*labels*/, const MethodOptions& options) {
         // A term of weight 0 is not evaluated.
         at::Tensor sum;
         const auto add = [&sum](double weight, const auto& term) {
           if (weight == 0) return;
           const at::Tensor part = weight * term();
           sum = sum.defined() ? sum + part : part;
         };
         add(options.rkd_distance_weight,
             [&] { return RkdDistance(student, teacher); });
         add(options.rkd_angle_weight,
             [&] { return RkdAngle(student, teacher); });
         return sum;
       }},
  };
  return *table;
}

}  // namespace

const std::vector<Method>& Methods() { return Table(); }

const Method* FindMethod(const std::string& name) {
  for (const Method& method : Table()) {
    if (name == method.name) return &method;
  }
  return nullptr;
}

bool UsesSetting(const std::string& method, const std::string& setting) {
  const Method* const found = FindMethod(method);
  return found == nullptr ||
         std::find(found->settings.begin(), found->settings.end(), setting) !=
             found->settings.end();
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
  absl::Status status = CheckRanges(*this);
  std::vector<std::string> terms;  // Weights of this method's terms.
  bool has_term = false;
  const std::pair<const char*, double> weights[] = {
      {"dkd_target_weight", dkd_target_weight},
      {"dkd_nontarget_weight", dkd_nontarget_weight},
      {"dist_inter_weight", dist_inter_weight},
      {"dist_intra_weight", dist_intra_weight},
      {"hint_weight", hint_weight},
      {"attention_weight", attention_weight},
      {"rkd_distance_weight", rkd_distance_weight},
      {"rkd_angle_weight", rkd_angle_weight}};
  for (const auto& [name, weight] : weights) {
    if (!UsesSetting(method, name)) continue;
    terms.push_back(absl::StrCat("--", name));
    has_term = has_term || weight != 0;
  }
  if (!terms.empty() && !has_term) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat(absl::StrJoin(terms, " and "),
                     terms.size() > 1 ? " are both 0" : " is 0",
                     "; --method=", method, " has no other term")));
  }
  if (kd.alpha == 1 && FindMethod(method)->compares != Compares::kLogits) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "--alpha is 1 with --method=", method,
        ", which teaches no layer after the one that it compares; it must be "
        "below 1")));
  }
  if (standardize_logits && FindMethod(method)->compares != Compares::kLogits) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "--standardize_logits would change nothing: --method=", method,
        " compares features")));
  }
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

namespace {

// alpha * soft + (1 - alpha) * cross-entropy, for alpha above 0.
LossTerms WithHardTerm(const at::Tensor& soft, const at::Tensor& student_logits,
                       const at::Tensor& labels, double alpha) {
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

// What is checked in each step, and so not by the whole table.
const Method& ValidMethod(const MethodOptions& options, bool of_logits) {
  const absl::Status valid = options.kd.Validate();
  TORCH_CHECK(valid.ok(), std::string(valid.message()));
  const Method* const found = FindMethod(options.method);
  TORCH_CHECK(found != nullptr, "there is no method \"", options.method, "\"");
  const Method& method = *found;
  TORCH_CHECK((method.compares == Compares::kLogits) == of_logits,
              options.method, " compares ",
              of_logits ? "features, and was given logits"
                        : "logits, and was given features");
  return method;
}

}  // namespace

LossTerms MethodLoss(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const MethodOptions& options) {
  const Method& method = ValidMethod(options, /*of_logits=*/true);
  const double alpha = options.kd.alpha;
  // One pass has both terms.
  if (alpha == 0 || (options.method == "kd" && !options.standardize_logits)) {
    return KdLoss(student_logits, teacher_logits, labels, options.kd);
  }
  const auto prepared = [&](const at::Tensor& logits) {
    return options.standardize_logits ? StandardizeLogits(logits) : logits;
  };
  const at::Tensor soft =
      method.soft(prepared(student_logits), prepared(teacher_logits.detach()),
                  labels, options);
  return WithHardTerm(soft, student_logits, labels, alpha);
}

LossTerms FeatureLoss(const at::Tensor& student_logits,
                      const FeaturePair& features, const at::Tensor& labels,
                      const MethodOptions& options) {
  const Method& method = ValidMethod(options, /*of_logits=*/false);
  const double alpha = options.kd.alpha;
  if (alpha == 0) return CrossEntropyLoss(student_logits, labels);
  const at::Tensor soft =
      method.soft(features.student, features.teacher, at::Tensor(), options);
  return WithHardTerm(soft, student_logits, labels, alpha);
}

}  // namespace distill
