#include "cli/evaluate_model.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "base/status.h"
#include "base/text.h"
#include "base/torch_status.h"
#include "data/batches.h"
#include "data/formats/picture_folder.h"
#include "export/onnx.h"
#include "models/integers.h"
#include "training/evaluation.h"

namespace distill {

absl::StatusOr<LoadedModel> LoadModelOrTwin(std::string* path) {
  if (!absl::EndsWith(*path, ".onnx")) return LoadModel(*path);
  const std::string onnx = *path;
  *path = absl::StrCat(absl::StripSuffix(onnx, ".onnx"), ".safetensors");
  ASSIGN_OR_RETURN(const auto bytes, ReadFile(onnx));
  if (!IsThere(*path)) {
    return absl::NotFoundError(absl::StrCat(
        onnx, ": found an ONNX model without ", *path,
        " beside it; expected the safetensors file that it was exported from, "
        "which is what can be computed here. Pass that file."));
  }
  ASSIGN_OR_RETURN(auto twin, LoadModel(*path));
  OnnxOptions normalized;
  normalized.pixels = false;
  if (bytes != OnnxFile(twin) && bytes != OnnxFile(twin, normalized)) {
    return absl::FailedPreconditionError(
        absl::StrCat(onnx, ": found another model than in ", *path,
                     " beside it; expected what export makes of that (without "
                     "--int8). Pass the safetensors file itself, with --int8 "
                     "for one in 8 bits, or export it again."));
  }
  return twin;
}

namespace {

// A line if by its file the model was trained on other data than `train`;
// nothing if on these, or if its file does not say.
std::vector<std::string> TrainedElsewhere(const ModelInfo& info,
                                          const Dataset& train) {
  const auto note = [&info](const char* key) {
    const auto found = info.notes.find(key);
    return found == info.notes.end() ? std::string() : found->second;
  };
  const std::string name = note("dataset");
  const std::string images = note("train_images_crc32");
  const std::string labels = note("train_labels_crc32");
  if (images.empty() || labels.empty()) {
    if (name.empty() || name == train.name) return {};
    return {absl::StrCat("note: by its file the model was trained on ", name,
                         ", and this is ", train.name)};
  }
  if (images != absl::StrFormat("%08x", train.images_crc32)) {
    return {absl::StrCat(
        "note: by its file the model was trained on other "
        "images (",
        name, ") than the training images here (", train.name, ")")};
  }
  if (labels != absl::StrFormat("%08x", train.labels_crc32)) {
    return {
        "note: by its file the model was trained on the training images here, "
        "with other labels"};
  }
  return {};
}

}  // namespace

absl::StatusOr<DatasetForModel> LoadDatasetFor(const ModelInfo& info,
                                               const DataOptions& options,
                                               Observer& observer,
                                               Split split) {
  // Pictures become what the model was trained on, unless the user says
  // otherwise.
  ASSIGN_OR_RETURN(const DatasetChoice choice, ChooseDataset(options));
  DataOptions prepared = options;
  PictureOptions& pictures = prepared.pictures;
  if (info.fit && pictures.image_size.height == 0 &&
      IsPictureFolder(choice.folder)) {
    pictures.image_size = {info.image.height, info.image.width};
    if (pictures.channels == 0) pictures.channels = info.image.channels;
    pictures.resize = *info.fit;
  }
  ASSIGN_OR_RETURN(const auto splits, LoadSplits(prepared, observer));
  DatasetForModel result;
  result.dataset = split == Split::kTrain ? splits.train : splits.test;
  result.notes = TrainedElsewhere(info, *splits.train);
  if (!options.names_data() && !result.notes.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "without --dataset and --data_dir the images are those in ",
        splits.train->folder, ", and",
        absl::StripPrefix(result.notes[0], "note:"),
        ". Pass the data set that it was trained for, or this one by name."));
  }
  RETURN_IF_ERROR(
      CheckFits(info, *result.dataset,
                absl::StrCat("the ", SplitName(split), " images in ",
                             result.dataset->folder)));
  ASSIGN_OR_RETURN(const auto match,
                   MatchClasses(info, *result.dataset, "the model's file"));
  if (!match.order.empty()) {
    Dataset reordered = *result.dataset;
    std::vector<int32_t> label_of(match.order.size());
    for (size_t i = 0; i < match.order.size(); ++i) {
      label_of[match.order[i]] = static_cast<int32_t>(i);
    }
    for (int32_t& label : reordered.labels) label = label_of[label];
    result.dataset = std::make_shared<const Dataset>(std::move(reordered));
  }
  result.files = FilesOf(splits);
  if (!match.note.empty()) result.notes.push_back("note: " + match.note);
  if (split == Split::kTest) {
    for (std::string& line : Remarks(splits)) {
      result.notes.push_back(std::move(line));
    }
  }
  return result;
}

absl::StatusOr<JudgedModel> LoadScriptWithData(const std::string& bytes,
                                               const std::string& path,
                                               const ScriptOptions& script,
                                               const DataOptions& options,
                                               Observer& observer,
                                               Split split) {
  ASSIGN_OR_RETURN(const auto opened, OpenScript(bytes, path, script, "model"));
  ASSIGN_OR_RETURN(const auto splits, LoadSplits(options, observer));
  const Dataset& train = *splits.train;
  JudgedModel judged;
  judged.info.architecture = opened->Describe();
  judged.info.image = train.image;
  judged.info.classes = train.classes;
  judged.info.normalization = NormalizationOf(train);
  judged.info.class_names = ClassNames(train);
  RETURN_IF_ERROR(CatchTorchErrors("asking the model", [&] {
    return AskScript(path, script, "model", train, opened.get());
  }));
  ASSIGN_OR_RETURN(judged.model, FedScript(opened, script, "model",
                                           judged.info.normalization));
  judged.data.dataset = split == Split::kTrain ? splits.train : splits.test;
  judged.data.files = FilesOf(splits);
  if (split == Split::kTest) judged.data.notes = Remarks(splits);
  return judged;
}

absl::StatusOr<Evaluated> EvaluateModel(
    const ModelInfo& info, std::shared_ptr<Classifier> model,
    const std::shared_ptr<const Dataset>& dataset, Observer& observer) {
  BatchesOptions options;
  options.normalization = info.normalization;
  ASSIGN_OR_RETURN(const auto batches, Batches::Create(dataset, options));
  Evaluated evaluated;
  RETURN_IF_ERROR(CatchTorchErrors("evaluating the model", [&] {
    const at::Tensor logits =
        ComputeLogits(FrozenClassifier(std::move(model)), batches, at::kCPU,
                      "evaluating", observer);
    Predictions predictions = PredictionsOf(logits);
    evaluated.metrics = Measure(predictions, dataset->labels);
    evaluated.predicted = std::move(predictions.predicted);
    return absl::OkStatus();
  }));
  return evaluated;
}

std::string EvaluatedInBytes::Describe() const {
  return absl::StrCat(
      "accuracy ", Percent(metrics.accuracy.mean), " (95 % interval ",
      Percent(metrics.accuracy.low), " to ", Percent(metrics.accuracy.high),
      "), ", Count(metrics.errors, "error"), ", ", WithCommas(changed), " of ",
      WithCommas(metrics.samples), " predictions changed");
}

absl::StatusOr<EvaluatedInBytes> EvaluateInBytes(
    const LoadedModel& loaded, const DataOptions& options,
    const std::shared_ptr<const Dataset>& dataset, const Evaluated& in_float,
    Observer& observer) {
  ASSIGN_OR_RETURN(const auto data, LoadDatasetFor(loaded.info, options,
                                                   observer, Split::kTrain));
  EvaluatedInBytes result;
  if (data.dataset->count < kCalibrationImages) {
    observer.OnLine(absl::StrCat("note: the scales of 8 bits were chosen by ",
                                 Count(data.dataset->count, "image"),
                                 " alone; ", kCalibrationImages,
                                 " or more are better"));
  }
  BatchesOptions batches_options;
  batches_options.normalization = loaded.info.normalization;
  ASSIGN_OR_RETURN(const auto batches,
                   Batches::Create(data.dataset, batches_options));
  ASSIGN_OR_RETURN(result.model, QuantizeModel(loaded, batches));
  ASSIGN_OR_RETURN(
      const auto evaluated,
      EvaluateModel(loaded.info, Simulate(result.model), dataset, observer));
  result.metrics = evaluated.metrics;
  for (size_t i = 0; i < evaluated.predicted.size(); ++i) {
    result.changed += evaluated.predicted[i] != in_float.predicted[i] ? 1 : 0;
  }
  return result;
}

}  // namespace distill
