// What a model is trained towards: the one difference between the teacher, the
// student and the control.
#ifndef DISTILL_TRAINING_OBJECTIVE_H_
#define DISTILL_TRAINING_OBJECTIVE_H_

#include <functional>
#include <memory>

#include "ATen/core/Tensor.h"
#include "data/batches.h"
#include "losses/loss_terms.h"
#include "losses/methods.h"
#include "models/classifier.h"

namespace distill {

// The loss of a batch, given the trained model's logits for it
// ([batch, classes] float32).
using Objective =
    std::function<LossTerms(const Batch& batch, const at::Tensor& logits)>;

// The teacher's logits for a batch: [batch, classes] float32, without a graph,
// on the batch's device.
using TeacherLogits = std::function<at::Tensor(const Batch& batch)>;

// Cross-entropy with the labels: the teacher and the control.
Objective LabelObjective();

// The method's loss (losses/methods.h): the student. `options` must be valid.
Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options);

// The same where labels are known of some samples only: `labelled` [samples]
// bool, on the batches' device, says of which. The labels of the others are not
// looked at; they have the teacher's term alone.
Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options,
                                at::Tensor labelled);

// Looks the logits up by sample index in `table` [samples, classes] float32, as
// ComputeLogits returns it: right in any order of the samples, as long as the
// images are those that the table was computed from.
TeacherLogits CachedLogits(at::Tensor table);

// Asks the teacher each time: for images that change from epoch to epoch.
TeacherLogits LiveLogits(std::shared_ptr<const FrozenClassifier> teacher);

}  // namespace distill

#endif  // DISTILL_TRAINING_OBJECTIVE_H_
