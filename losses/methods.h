// The ways to learn from a teacher, by name.
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

// "kd (T^2 KL of the softened predictions; Hinton et al. 2015), ...".
std::string MethodsHelp();

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
  // DIST's; its temperature is kd.temperature. Finite, at least 0.
  double dist_inter_weight = 1;
  double dist_intra_weight = 1;
  // Of the methods that compare features: FitNets' hint, attention transfer's
  // distance, RKD's two terms. Finite, at least 0.
  double hint_weight = 1;
  double attention_weight = 5;
  double rkd_distance_weight = 25;
  double rkd_angle_weight = 50;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table
        .Add("method", &method,
             "How the student learns from the teacher: " + MethodsHelp() + ".")
        .Common("or logit_mse, dkd, dist, fitnets, at, rkd");
    table
        .Add("temperature", &kd.temperature,
             "T of the distillation loss. Both models' logits are divided by "
             "it, and the soft term is multiplied by its square.")
        .Common("softens the predictions")
        .Above(0);
    table
        .Add("alpha", &kd.alpha,
             "Weight of the soft term (the teacher's predictions); the labels "
             "have the rest.")
        .Common("the teacher's share of the loss")
        .Within(0, 1);
    table.Add("standardize_logits", &standardize_logits,
              "Compare logits less their mean and over their standard "
              "deviation (Sun et al. 2024), whatever the method.");
    table
        .Add("dkd_target_weight", &dkd_target_weight,
             "With --method=dkd: of the label's class; the paper's alpha.")
        .AtLeast(0);
    table
        .Add("dkd_nontarget_weight", &dkd_nontarget_weight,
             "With --method=dkd: of the other classes; the paper's beta.")
        .AtLeast(0);
    table
        .Add("dist_inter_weight", &dist_inter_weight,
             "With --method=dist: of an image's classes; the paper's beta.")
        .AtLeast(0);
    table
        .Add("dist_intra_weight", &dist_intra_weight,
             "With --method=dist: of a class's images; the paper's gamma.")
        .AtLeast(0);
    table
        .Add("hint_weight", &hint_weight,
             "With --method=fitnets: of the mean square of the difference.")
        .AtLeast(0);
    table
        .Add("attention_weight", &attention_weight,
             "With --method=at: of the squared distance. The authors' 1000, "
             "with its distance divided by the number of places, is 5.1 for "
             "maps of 14 x 14.")
        .AtLeast(0);
    table
        .Add("rkd_distance_weight", &rkd_distance_weight,
             "With --method=rkd: of the distances (the paper's).")
        .AtLeast(0);
    table
        .Add("rkd_angle_weight", &rkd_angle_weight,
             "With --method=rkd: of the angles (the paper's).")
        .AtLeast(0);
  }

  // InvalidArgument that names the option, its value and its range.
  absl::Status Validate() const;

  // The loss with its numbers, for a person to check before training.
  std::string Formula() const;
};

// What a soft term compares.
enum class Compares {
  kLogits,
  kMaps,    // A feature of each, of the same height and width.
  kPoints,  // A feature of each, whatever its shape.
};

// A student's feature and its teacher's for a batch: [batch, ...].
struct FeaturePair {
  at::Tensor student, teacher;
};

// What the program knows of a method.
struct Method {
  const char* name;
  const char* what;   // In a few words.
  const char* paper;  // Its source: authors and year.
  Compares compares;
  // Whether every row needs its label in the soft term.
  bool needs_labels;
  // Whether features must have the same number of channels, and so a regressor
  // is learnt where they differ.
  bool needs_same_channels;
  // Which of MethodOptions' fields, besides alpha, its soft term looks at.
  std::vector<std::string> settings;
  // The soft term for a person to read, with its numbers.
  std::string (*formula)(const MethodOptions& options);
  // The soft term: 0-dimensional, differentiable with respect to the student.
  // Takes logits [batch, classes] or features [batch, ...]; only logits come
  // with labels.
  at::Tensor (*soft)(const at::Tensor& student, const at::Tensor& teacher,
                     const at::Tensor& labels, const MethodOptions& options);
};

// All of them, the default first.
const std::vector<Method>& Methods();

// The one of that name; null if there is none.
const Method* FindMethod(const std::string& name);

// Whether that method's soft term looks at the field `setting` of
// MethodOptions. True of an unknown method, which is another error.
bool UsesSetting(const std::string& method, const std::string& setting);

// Returns total = alpha * soft + (1 - alpha) * hard, where soft is the method's
// term and hard the cross-entropy with the labels, as in KdLoss, which this is
// for "kd". Tensors, errors and what is not evaluated: as there. `options` must
// be valid; that their method is there and compares logits, and that
// temperature and alpha are right, is looked at in each step too (TORCH_CHECK).
LossTerms MethodLoss(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const MethodOptions& options);

// The same for a method that compares features; not evaluated (alpha 0),
// `features` may be undefined.
LossTerms FeatureLoss(const at::Tensor& student_logits,
                      const FeaturePair& features, const at::Tensor& labels,
                      const MethodOptions& options);

}  // namespace distill

#endif  // DISTILL_LOSSES_METHODS_H_
