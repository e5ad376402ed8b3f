#include "cli/judge.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "data/batches.h"
#include "data/files.h"
#include "export/onnx.h"
#include "training/evaluation.h"
#include "training/torch_status.h"

namespace distill {

absl::StatusOr<LoadedModel> LoadModelOrTwin(std::string* path) {
  if (!absl::EndsWith(*path, ".onnx")) return LoadModel(*path);
  const std::string onnx = *path;
  *path = absl::StrCat(absl::StripSuffix(onnx, ".onnx"), ".safetensors");
  const auto bytes = ReadFile(onnx);
  if (!bytes.ok()) return bytes.status();
  auto twin = LoadModel(*path);
  if (!twin.ok()) return twin.status();
  OnnxOptions normalized;
  normalized.pixels = false;
  if (*bytes != OnnxFile(*twin) && *bytes != OnnxFile(*twin, normalized)) {
    return absl::FailedPreconditionError(
        absl::StrCat(onnx, ": found another model than in ", *path,
                     " beside it; expected what export makes of that. Pass the "
                     "safetensors file itself, or export it again."));
  }
  return twin;
}

absl::StatusOr<std::shared_ptr<const Dataset>> LoadDatasetFor(
    const ModelInfo& info, const DatasetChoice& choice, Split split) {
  const auto splits = LoadSplits(choice);
  if (!splits.ok()) return splits.status();
  const auto dataset = split == Split::kTrain ? splits->train : splits->test;
  const absl::Status fits = CheckFits(
      info, *dataset,
      absl::StrCat("the ", SplitName(split), " images in ", dataset->folder));
  if (!fits.ok()) return fits;
  return dataset;
}

absl::StatusOr<ModelMetrics> Judge(
    const LoadedModel& loaded, const std::shared_ptr<const Dataset>& dataset,
    Observer& observer) {
  BatchesOptions options;
  options.normalization = loaded.info.normalization;
  const auto batches = Batches::Create(dataset, options);
  if (!batches.ok()) return batches.status();
  ModelMetrics metrics;
  const absl::Status status = CatchTorchErrors("evaluating the model", [&] {
    const at::Tensor logits =
        ComputeLogits(FrozenClassifier(loaded.model), *batches, at::kCPU,
                      "evaluating", observer);
    metrics = Measure(AnswersOf(logits), dataset->labels);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return metrics;
}

}  // namespace distill
