#include "experiment/stages.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "torch/version.h"
#include "training/loop.h"

namespace distill {

ModelOutline OutlineOf(const Graph& graph) {
  bool needs_two_images = false;
  const auto shapes = InferShapes(graph);
  for (size_t i = 0; shapes.ok() && i < shapes->size(); ++i) {
    const Shape& shape = (*shapes)[i];  // [channels, height, width]
    needs_two_images |=
        graph.operations[i].kind == Operation::Kind::kBatchNorm &&
        shape.size() == 3 && shape[1] * shape[2] == 1;
  }
  return {DescribeGraph(graph), ParameterCount(graph),  FlopPerImageOf(graph),
          FeaturesOf(graph),    /*is_capturable=*/true, needs_two_images};
}

absl::StatusOr<SafeTensors> StageFile(const std::string& role,
                                      const std::string& spelling,
                                      const StageResult& stage,
                                      const Dataset& train) {
  ASSIGN_OR_RETURN(const auto graph,
                   ParseModel(role, spelling, train.image, train.classes));
  ModelInfo info;
  info.architecture = graph.spelling;
  info.image = train.image;
  info.classes = train.classes;
  info.normalization = NormalizationOf(train);
  info.class_names = ClassNames(train);
  info.fit = train.fit;
  info.notes = {
      {"role", role},
      {"dataset", train.name},
      {"train_images_crc32", absl::StrFormat("%08x", train.images_crc32)},
      {"train_labels_crc32", absl::StrFormat("%08x", train.labels_crc32)},
      {"test_accuracy", absl::StrFormat("%.6f", stage.test.accuracy())},
      {"made_by", "distill"},
      {"libtorch", TORCH_VERSION}};
  return ModelFile(stage.model->State(), info);
}

std::string TrainingName(uint64_t seed, const std::string& stage) {
  return absl::StrCat("seed ", seed, ", ", stage);
}

std::unique_ptr<CheckpointStore> Stages::CheckpointsOf(
    const std::string& name) const {
  return checkpoints_ == nullptr
             ? nullptr
             : checkpoints_->Of(TrainingName(options_.seed, name));
}

bool Stages::IsOver(const std::string& name) const {
  const auto checkpoints = CheckpointsOf(name);
  return compute_.ranks->Any(checkpoints != nullptr && checkpoints->IsOver());
}

std::shared_ptr<Network> Stages::Make(const Graph& graph,
                                      const std::string& purpose) const {
  Random random(options_.seed, purpose);
  auto model = std::make_shared<Network>(graph, random);
  model->to(compute_.device);
  model->set_compute_dtype(compute_.dtype);
  if (options_.sync_batch_norm && compute_.ranks->size() > 1) {
    model->set_batch_sum([ranks = compute_.ranks](const at::Tensor& values) {
      ranks->Sum(values);
    });
  }
  return model;
}

at::Tensor Stages::Logits(const FrozenClassifier& model, const Batches& batches,
                          const std::string& what) const {
  at::Tensor logits = ComputeLogits(model, batches, compute_.device, what,
                                    observer_, *compute_.ranks);
  const at::Tensor finite = logits.isfinite().all(1);
  TORCH_CHECK(finite.all().item<bool>(), what, ": found logits of image ",
              finite.to(at::kByte).argmin().item<int64_t>(),
              " (counted from 0) that are not finite numbers; expected finite "
              "ones. Of a model that was trained here the likely cause is too "
              "high a learning rate (--learning_rate is ",
              options_.learning_rate,
              "); else look at that image (one of a single colour, say, has no "
              "deviation to divide by) and at the model's weights");
  return logits;
}

StageResult Stages::Evaluate(const std::string& name,
                             const ModelOutline& outline,
                             std::shared_ptr<Classifier> model) const {
  const auto frozen =
      std::make_shared<const FrozenClassifier>(std::move(model));
  at::Tensor validation;
  if (data_.validation) {
    validation = Logits(*frozen, *data_.validation, name + ": validation");
  }
  StageResult stage = Judge(outline, validation,
                            Logits(*frozen, data_.test, name + ": testing"));
  stage.model = frozen;
  return stage;
}

StageResult Stages::Judge(const ModelOutline& outline,
                          const at::Tensor& validation_logits,
                          const at::Tensor& test_logits) const {
  StageResult stage;
  stage.outline = outline;
  stage.test.loss = std::nan("");
  if (validation_logits.defined()) {
    stage.validation =
        EvaluateLogits(validation_logits, data_.validation->dataset());
    stage.validation_logits = validation_logits.cpu();
  }
  if (test_logits.defined()) {
    stage.test = EvaluateLogits(test_logits, data_.test.dataset());
    stage.test_logits = test_logits.cpu();
  }
  return stage;
}

absl::StatusOr<StageResult> Stages::Train(const std::string& name,
                                          const ModelOutline& outline,
                                          std::shared_ptr<Classifier> model,
                                          const StagePlan& plan) const {
  const int64_t ranks = compute_.ranks->size();
  if (options_.sync_batch_norm && ranks > 1) {
    const int64_t last =
        (plan.batches.sample_count() - 1) % plan.batches.options().batch_size +
        1;
    if (last < ranks || !compute_.device.is_cpu()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--sync_batch_norm of ", ranks, " processes: the ", name, "'s last ",
          "batch has ", Count(last, "image"), " on ", compute_.device_name,
          "; it must have one for each process, on the CPU. Choose another "
          "--batch_size or --device, or leave it out."));
    }
  }
  TrainOptions train_options;
  train_options.name = name;
  train_options.epochs = plan.epochs;
  train_options.steps = plan.steps;
  train_options.device = compute_.device;
  train_options.ranks = compute_.ranks;
  train_options.schedule = options_.schedule;
  train_options.optimizer.kind = options_.optimizer;
  train_options.optimizer.momentum = options_.momentum;
  train_options.optimizer.weight_decay = options_.weight_decay;
  train_options.learning_rate = options_.learning_rate;
  train_options.keep_best = options_.keep == Keep::kBest;
  if (options_.judges_epochs || train_options.keep_best) {
    train_options.judged = data_.validation ? &*data_.validation : &data_.test;
    // The control's epochs are short where few images have labels. To choose
    // from as many weights as the student does it is judged after as many
    // steps.
    train_options.judge_every = !train_options.keep_best
                                    ? data_.train.batch_count()
                                : plan.steps > 0 ? plan.steps / plan.epochs
                                                 : plan.batches.batch_count();
  }
  const std::unique_ptr<CheckpointStore> checkpoints = CheckpointsOf(name);
  train_options.checkpoints = checkpoints.get();
  ASSIGN_OR_RETURN(TrainResult training,
                   distill::Train(*model, plan.batches, plan.objective,
                                  train_options, observer_));
  StageResult stage = Evaluate(name, outline, std::move(model));
  stage.training = std::move(training);
  return stage;
}

}  // namespace distill
