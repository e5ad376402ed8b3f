#include "training/objective.h"

#include <utility>

#include "ATen/ops/index_select.h"
#include "losses/cross_entropy.h"

namespace distill {

Objective LabelObjective() {
  return [](const Batch& batch, const at::Tensor& logits) {
    return CrossEntropyLoss(logits, batch.labels);
  };
}

Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options) {
  return DistillationObjective(std::move(teacher), options, at::Tensor());
}

Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options,
                                at::Tensor labelled) {
  return [teacher = std::move(teacher), options,
          labelled = std::move(labelled)](const Batch& batch,
                                          const at::Tensor& logits) {
    at::Tensor labels = batch.labels;
    if (labelled.defined()) {
      labels = labels.masked_fill(
          at::index_select(labelled, 0, batch.indices).logical_not(), kNoLabel);
    }
    // With alpha 0 the teacher is not asked: its term is not evaluated.
    return MethodLoss(logits,
                      options.kd.alpha > 0 ? teacher(batch) : at::Tensor(),
                      labels, options);
  };
}

TeacherLogits CachedLogits(at::Tensor table) {
  return [table = std::move(table)](const Batch& batch) {
    return at::index_select(table, 0, batch.indices);
  };
}

TeacherLogits LiveLogits(std::shared_ptr<const FrozenClassifier> teacher) {
  return [teacher = std::move(teacher)](const Batch& batch) {
    return teacher->Logits(batch.images);
  };
}

}  // namespace distill
