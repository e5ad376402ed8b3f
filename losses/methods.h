// The ways to learn from a teacher's logits, by name.
#ifndef DISTILL_LOSSES_METHODS_H_
#define DISTILL_LOSSES_METHODS_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "losses/dkd.h"
#include "losses/kd_options.h"
#include "losses/loss_terms.h"

namespace distill {

struct MethodOptions {
  // One of Methods().
  std::string method = "kd";
  // T, for methods that have one, and alpha, the weight of the soft term.
  KdOptions kd;
  // Compares standardised logits (see StandardizeLogits) in the soft term.
  bool standardize_logits = false;
  // DKD's weights; its temperature is kd.temperature.
  double dkd_target_weight = 1;
  double dkd_nontarget_weight = 8;

  // InvalidArgument that names the option, its value and its range.
  absl::Status Validate() const;

  // The loss with its numbers, for a person to check before training.
  std::string Formula() const;
};

// What the program knows of a method.
struct Method {
  const char* name;
  const char* what;   // In a few words.
  const char* paper;  // Its source: authors and year.
  // Whether every row needs its label in the soft term.
  bool needs_labels;
  // The soft term for a person to read, with its numbers.
  std::string (*formula)(const MethodOptions& options);
  // The soft term: 0-dimensional, differentiable with respect to the student.
  at::Tensor (*soft)(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const MethodOptions& options);
};

// All of them, the default first.
const std::vector<Method>& Methods();

// The one of that name; null if there is none.
const Method* FindMethod(const std::string& name);

// "kd (T^2 KL of the softened predictions; Hinton et al. 2015), ...".
std::string MethodsHelp();

// Returns total = alpha * soft + (1 - alpha) * hard, where soft is the method's
// term and hard the cross-entropy with the labels, as in KdLoss, which this is
// for "kd". Tensors, errors and what is not evaluated: as there. `options` must
// be valid (TORCH_CHECK).
LossTerms MethodLoss(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const MethodOptions& options);

}  // namespace distill

#endif  // DISTILL_LOSSES_METHODS_H_
