#include "training/objective.h"

#include <utility>

#include "ATen/ops/index_select.h"
#include "losses/cross_entropy.h"

namespace distill {

namespace {

// The labels of a batch, kNoLabel where `labelled` [samples] says that there is
// none.
at::Tensor KnownLabels(const Batch& batch, const at::Tensor& labelled) {
  if (!labelled.defined()) return batch.labels;
  return batch.labels.masked_fill(
      at::index_select(labelled, 0, batch.indices).logical_not(), kNoLabel);
}

}  // namespace

Objective LabelObjective(double smoothing) {
  return {[smoothing](const Batch& batch, const Outputs& outputs) {
            return CrossEntropyLoss(outputs.logits, batch.labels, smoothing);
          },
          {},
          {},
          {}};
}

Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options) {
  return DistillationObjective(std::move(teacher), options, at::Tensor());
}

Objective DistillationObjective(TeacherLogits teacher,
                                const MethodOptions& options,
                                at::Tensor labelled) {
  Objective objective;
  objective.labelled = std::move(labelled);
  objective.loss = [teacher = std::move(teacher), options,
                    labelled = objective.labelled](const Batch& batch,
                                                   const Outputs& outputs) {
    // With alpha 0 the teacher is not asked: its term is not evaluated.
    return MethodLoss(outputs.logits,
                      options.kd.alpha > 0 ? teacher(batch) : at::Tensor(),
                      KnownLabels(batch, labelled), options);
  };
  return objective;
}

Objective FeatureObjective(TeacherFeature teacher,
                           const std::string& student_feature,
                           const MethodOptions& options, Regressor regressor,
                           at::Tensor labelled) {
  Objective objective;
  objective.features = {student_feature};
  if (regressor.weight.defined()) {
    objective.parameters = {regressor.weight, regressor.bias};
  }
  objective.labelled = std::move(labelled);
  objective.loss = [teacher = std::move(teacher), options,
                    regressor = std::move(regressor),
                    labelled = objective.labelled](const Batch& batch,
                                                   const Outputs& outputs) {
    FeaturePair pair;
    if (options.kd.alpha > 0) {
      pair.student = Regress(regressor, outputs.features[0]);
      pair.teacher = teacher(batch);
    }
    return FeatureLoss(outputs.logits, pair, KnownLabels(batch, labelled),
                       options);
  };
  return objective;
}

TeacherFeature LiveFeature(std::shared_ptr<const FrozenClassifier> teacher,
                           const std::string& name) {
  return [teacher = std::move(teacher), name](const Batch& batch) {
    return teacher->Forward(batch.images, {name}).features[0];
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
