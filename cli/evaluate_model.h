// A model from a file, judged on a data set: what `evaluate` and `export` do.
#ifndef DISTILL_CLI_EVALUATE_MODEL_H_
#define DISTILL_CLI_EVALUATE_MODEL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/observer.h"
#include "cli/paths.h"
#include "data/dataset.h"
#include "models/classifier.h"
#include "models/quantize.h"
#include "models/script_file.h"
#include "models/weights.h"
#include "report/metrics.h"

namespace distill {

// The model in the file at `path`; or, for a .onnx file, that of the
// safetensors file of the same name beside it, which `path` then is: if that is
// what the .onnx was exported from, to the bit, whatever is said of it is true
// of the .onnx too. FailedPrecondition if it is not; else LoadModel's errors.
absl::StatusOr<LoadedModel> LoadModelOrTwin(std::string* path);

// The split that `options` name, if it is right for the model.
// FailedPrecondition, with what was found and expected, where the files are not
// the data set that was asked for, or where its images have another size or its
// labels other classes than the model; and LoadDataset's errors, of which the
// files' faults are FailedPrecondition too; and those of MatchClasses.
struct DatasetForModel {
  // With the model's order of classes.
  std::shared_ptr<const Dataset> dataset;
  // What a reader of the result should know, a line each: how the classes were
  // matched, that the model was trained on other data, and Remarks().
  std::vector<std::string> notes;
  // Those that were read, of both splits.
  std::vector<std::string> files;
};
absl::StatusOr<DatasetForModel> LoadDatasetFor(const ModelInfo& info,
                                               const DataOptions& options,
                                               Observer& observer, Split split);

// A model that can be judged, by what it was trained for.
struct JudgedModel {
  ModelInfo info;
  std::shared_ptr<Classifier> model;  // On the CPU.
  DatasetForModel data;
};

// The TorchScript file at `path`, whose bytes these are, and the split that it
// is judged by. Errors: those of OpenScript, LoadDataset and AskScript.
absl::StatusOr<JudgedModel> LoadScriptWithData(const std::string& bytes,
                                               const std::string& path,
                                               const ScriptOptions& script,
                                               const DataOptions& options,
                                               Observer& observer, Split split);

struct Evaluated {
  ModelMetrics metrics;
  std::vector<int> predicted;  // [samples], the classes.
};

// How good the model is with images that are normalised as `info` says,
// computed in float32 on the CPU. Internal if a logit is not finite.
absl::StatusOr<Evaluated> EvaluateModel(
    const ModelInfo& info, std::shared_ptr<Classifier> model,
    const std::shared_ptr<const Dataset>& dataset, Observer& observer);

// A model in 8 bits, and how good it is then.
struct EvaluatedInBytes {
  QuantizedModel model;
  ModelMetrics metrics;
  int64_t changed = 0;  // Samples of another class than in float32.

  // "accuracy ..., 12 errors, 3 of 10,000 predictions changed".
  std::string Describe() const;
};

// With scales that are chosen by training images of `options`. `in_float` is
// the model's evaluation on `dataset`. Errors: those of LoadDatasetFor,
// QuantizeModel and EvaluateModel.
absl::StatusOr<EvaluatedInBytes> EvaluateInBytes(
    const LoadedModel& loaded, const DataOptions& options,
    const std::shared_ptr<const Dataset>& dataset, const Evaluated& in_float,
    Observer& observer);

}  // namespace distill

#endif  // DISTILL_CLI_EVALUATE_MODEL_H_
