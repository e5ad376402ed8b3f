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
                                const KdOptions& options) {
  return [teacher = std::move(teacher), options](const Batch& batch,
                                                 const at::Tensor& logits) {
    // With alpha 0 the teacher is not asked: its term is not evaluated.
    return KdLoss(logits, options.alpha > 0 ? teacher(batch) : at::Tensor(),
                  batch.labels, options);
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
