// What a model is trained towards: the one difference between the teacher, the
// student and the control.
#ifndef DISTILL_TRAINING_OBJECTIVE_H_
#define DISTILL_TRAINING_OBJECTIVE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "data/batches.h"
#include "losses/fitnets.h"
#include "losses/loss_terms.h"
#include "losses/methods.h"
#include "models/classifier.h"

namespace distill {

struct Objective {
  // The loss of a batch, given the trained model's outputs for it.
  std::function<LossTerms(const Batch& batch, const Outputs& outputs)> loss;
  // The features of the trained model that `loss` wants in its outputs.
  std::vector<std::string> features;
  // Learnt together with the model's own, and no part of it: float32 leaves on
  // the model's device.
  std::vector<at::Tensor> parameters;
  // [samples] bool, on the model's device: which of them have a label. Not
  // defined: all.
  at::Tensor labelled;
  // As Classifier::is_capturable, of what `loss` computes.
  bool is_capturable = true;
};

// The teacher's logits for a batch: [batch, classes] float32, without a graph,
// on the batch's device.
using TeacherLogits = std::function<at::Tensor(const Batch& batch)>;

// Cross-entropy with the labels: the teacher and the control. `smoothing` in
// [0, 1) of each label is spread over all classes (losses/cross_entropy.h).
Objective LabelObjective(double smoothing = 0);

// The method's loss (losses/methods.h): the student. `options` must be valid.
Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options);

// The same where labels are known of some samples only: `labelled` [samples]
// bool, on the batches' device, says of which. The labels of the others are not
// looked at; they have the teacher's term alone.
Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options,
                                at::Tensor labelled);

// The teacher's feature for a batch: [batch, ...] float32, without a graph, on
// the batch's device.
using TeacherFeature = std::function<at::Tensor(const Batch& batch)>;

// The loss of a method that compares features (Method::features): the student's
// one named `student_feature`, through `regressor` if that has a weight, with
// the teacher's. `labelled` as above; undefined: all are.
Objective FeatureObjective(TeacherFeature teacher,
                           const std::string& student_feature,
                           const MethodOptions& options, Regressor regressor,
                           at::Tensor labelled);

// Asks the teacher each time. A table of features would be large: 1.5 GB of
// 60,000 maps of 32 x 14 x 14.
TeacherFeature LiveFeature(std::shared_ptr<const FrozenClassifier> teacher,
                           const std::string& name);

// Looks the logits up by sample index in `table` [samples, classes] float32, as
// ComputeLogits returns it: right in any order of the samples, as long as the
// images are those that the table was computed from.
TeacherLogits CachedLogits(at::Tensor table);

// Asks the teacher each time: for images that change from epoch to epoch.
TeacherLogits LiveLogits(std::shared_ptr<const FrozenClassifier> teacher);

}  // namespace distill

#endif  // DISTILL_TRAINING_OBJECTIVE_H_
