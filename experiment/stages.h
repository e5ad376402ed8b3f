// The stages of a run: a model is made, learns, and is judged.
#ifndef DISTILL_EXPERIMENT_STAGES_H_
#define DISTILL_EXPERIMENT_STAGES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "base/observer.h"
#include "data/division.h"
#include "data/safetensors.h"
#include "experiment/omitted.h"
#include "experiment/options.h"
#include "models/classifier.h"
#include "models/graph.h"
#include "models/network.h"
#include "training/checkpoint.h"
#include "training/device.h"
#include "training/evaluation.h"
#include "training/losses.h"
#include "training/objective.h"

namespace distill {

// What is known of a model before it has learnt anything.
struct ModelOutline {
  std::string architecture;  // As Classifier::Describe() says it.
  // How many are trained, and floating-point operations of one image's forward
  // pass. 0 of a teacher that is no model of ours.
  int64_t parameters = 0, flop = 0;
  std::vector<Feature> features;
  bool is_capturable = true;  // As Classifier::is_capturable.
  // Whether it cannot be trained on one image: that has no variance.
  bool needs_two_images = false;
};

ModelOutline OutlineOf(const Graph& graph);

// A model in 8-bit integers (models/integers.h), on the test images.
struct InBytes {
  Evaluation test;
  int64_t changed = 0;  // Images of another class than in float32.
  int64_t bytes = 0;    // As QuantizedModel::bytes.
};

struct StageResult {
  ModelOutline outline;
  TrainResult training;
  std::optional<Evaluation> validation;  // If images were held out.
  Evaluation test;  // Without samples of a teacher that said nothing of them.
  // If classes were omitted: of the test images, with a bias chosen by the
  // validation images, or if there are none by the test images.
  std::optional<OmittedResult> omitted;
  std::optional<InBytes> in_bytes;  // Where it is trained for that.
  // What learnt, for good; null of a teacher that is no model of ours.
  std::shared_ptr<const FrozenClassifier> model;
  // [images, classes] float32, on the CPU; the first undefined if no images
  // were held out, the second if `test` has no samples.
  at::Tensor validation_logits, test_logits;
};

// The contents of the file of a model that was trained here; `stage` is of
// `spelling`, and `role` is "teacher" or "student".
absl::StatusOr<SafeTensors> StageFile(const std::string& role,
                                      const std::string& spelling,
                                      const StageResult& stage,
                                      const Dataset& train);

// What a stage trains on, towards what, and for how long.
struct StagePlan {
  const Batches& batches;
  Objective objective;
  int64_t epochs = 1;
  int64_t steps = 0;  // Instead of epochs, if above 0.
};

// "seed 0, student": a training's name in the checkpoints.
std::string TrainingName(uint64_t seed, const std::string& stage);

// What the stages of one run share. Everything given must outlive it.
class Stages {
 public:
  // `checkpoints` may be null: then no training's state is kept.
  Stages(const ExperimentOptions& options, const Compute& compute,
         const DataDivision& data, Observer& observer,
         RunCheckpoints* checkpoints)
      : options_(options),
        compute_(compute),
        data_(data),
        observer_(observer),
        checkpoints_(checkpoints) {}

  const ExperimentOptions& options() const { return options_; }
  const Compute& compute() const { return compute_; }
  const DataDivision& data() const { return data_; }
  Observer& observer() const { return observer_; }

  // Whether the training of that name is over in the checkpoints, so that Train
  // takes no step.
  bool IsOver(const std::string& name) const;

  // With initial weights drawn by the seed for `purpose`: those of one purpose
  // are the same.
  std::shared_ptr<Network> Make(const Graph& graph,
                                const std::string& purpose) const;

  // Trains `model` by `plan`, judges it, and says so. `name` is "teacher",
  // "student" or "control". Errors: those of Train (training/loop.h).
  absl::StatusOr<StageResult> Train(const std::string& name,
                                    const ModelOutline& outline,
                                    std::shared_ptr<Classifier> model,
                                    const StagePlan& plan) const;

  // Freezes a model that has learnt, and evaluates it: all of a StageResult but
  // its training.
  StageResult Evaluate(const std::string& name, const ModelOutline& outline,
                       std::shared_ptr<Classifier> model) const;

  // The same of logits that are there: [images, classes] float32, undefined
  // where there are none. Without test logits `test` has no samples.
  StageResult Judge(const ModelOutline& outline,
                    const at::Tensor& validation_logits,
                    const at::Tensor& test_logits) const;

  // Of all of the batches: see ComputeLogits. `what` is for progress.
  at::Tensor Logits(const FrozenClassifier& model, const Batches& batches,
                    const std::string& what) const;

 private:
  // Null where none are kept.
  std::unique_ptr<CheckpointStore> CheckpointsOf(const std::string& name) const;

  const ExperimentOptions& options_;
  const Compute& compute_;
  const DataDivision& data_;
  Observer& observer_;
  RunCheckpoints* const checkpoints_;
};

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_STAGES_H_
