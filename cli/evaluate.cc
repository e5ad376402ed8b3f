#include "cli/evaluate.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/errors.h"
#include "cli/evaluate_model.h"
#include "models/weights.h"
#include "report/metrics.h"
#include "report/result_json.h"

namespace distill {
namespace {

constexpr char kProgram[] = "evaluate";

// Of more classes than these people see the worst alone.
constexpr int64_t kMostListed = 30;
constexpr size_t kWorst = 10;

double MegaFlop(const Classifier& model) {
  return static_cast<double>(model.FlopPerImage()) / 1e6;
}

// The kWorst classes with the lowest accuracies, lowest first, of equal ones
// the first; those without images have none.
std::vector<int64_t> WorstClasses(const ModelMetrics& metrics) {
  std::vector<std::pair<double, int64_t>> ranked;
  for (int64_t c = 0; c < metrics.classes; ++c) {
    if (metrics.label_samples[c] == 0) continue;
    ranked.emplace_back(metrics.ClassAccuracy(c), c);
  }
  std::sort(ranked.begin(), ranked.end());
  ranked.resize(std::min(ranked.size(), kWorst));
  std::vector<int64_t> worst;
  worst.reserve(ranked.size());
  for (const auto& [accuracy, c] : ranked) worst.push_back(c);
  return worst;
}

Json ClassesJson(const ModelInfo& info, const ModelMetrics& metrics) {
  Json classes = Json::array();
  for (int64_t c = 0; c < info.classes; ++c) {
    const int64_t samples = metrics.label_samples[c];
    classes.push_back({{"name", info.class_names[c]},
                       {"images", samples},
                       {"errors", samples - metrics.label_hits[c]},
                       {"accuracy", Number(metrics.ClassAccuracy(c))}});
  }
  return classes;
}

void Write(const JudgedModel& judged, const EvaluateOptions& options,
           const std::string& path, const ModelMetrics& metrics,
           const EvaluatedInBytes* in_bytes, std::ostream& out) {
  const ModelInfo& info = judged.info;
  const DatasetForModel& data = judged.data;
  const Dataset& dataset = *data.dataset;
  const double mega_flop = MegaFlop(*judged.model);
  out << options.model << ": " << info.architecture << ", "
      << (judged.model->ParameterCount() == 0
              ? "unknown"
              : WithCommas(judged.model->ParameterCount()))
      << " parameters"
      << (mega_flop > 0 ? absl::StrFormat(", %.3g MFLOP an image", mega_flop)
                        : "")
      << "\n";
  if (path != options.model) {
    out << "note: computed with its twin " << path
        << ", which it is an export of\n";
  }
  for (const std::string& note : data.notes) out << note << "\n";
  out << WithCommas(metrics.samples) << " " << SplitName(dataset.split)
      << " images of " << dataset.name << ": accuracy "
      << Percent(metrics.accuracy.mean) << " (95 % interval "
      << Percent(metrics.accuracy.low) << " to "
      << Percent(metrics.accuracy.high) << "), "
      << Count(metrics.errors, "error") << "\n"
      << absl::StrFormat(
             "negative log-likelihood %.4f nats, expected calibration error "
             "%.4f\n",
             metrics.nll, metrics.ece);
  if (in_bytes != nullptr) {
    out << "in 8 bits: " << in_bytes->Describe() << "; "
        << WithCommas(in_bytes->model.bytes()) << " bytes instead of "
        << WithCommas(judged.model->ParameterCount() * 4) << "\n";
  }
  if (metrics.top5) {
    out << "top-5 accuracy " << Percent(*metrics.top5) << "\n";
  }
  if (metrics.balanced) {
    out << "balanced accuracy " << Percent(*metrics.balanced)
        << ", the mean over the classes\n";
  }
  std::vector<int64_t> listed(info.classes);
  std::iota(listed.begin(), listed.end(), 0);
  if (info.classes > kMostListed) {
    listed = WorstClasses(metrics);
    out << "the worst of " << WithCommas(info.classes)
        << " classes (--json has all):\n";
  }
  for (const int64_t c : listed) {
    const int64_t samples = metrics.label_samples[c];
    out << "  " << info.class_names[c] << ": "
        << (samples > 0 ? Percent(metrics.ClassAccuracy(c)) : "nothing")
        << " of " << WithCommas(samples) << "\n";
  }
}

// `path`: the model's file, or its twin's.
absl::StatusOr<JudgedModel> Load(const EvaluateOptions& options,
                                 Observer& observer, std::string* path) {
  const Split split = options.split == "test" ? Split::kTest : Split::kTrain;
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(*path));
  if (absl::StartsWith(bytes, "PK\3\4")) {
    return LoadScriptWithData(bytes, *path, options.script, options.data,
                              observer, split);
  }
  JudgedModel judged;
  ASSIGN_OR_RETURN(const LoadedModel loaded, LoadModelOrTwin(path));
  judged.info = loaded.info;
  judged.model = loaded.model;
  ASSIGN_OR_RETURN(judged.data,
                   LoadDatasetFor(loaded.info, options.data, observer, split));
  return judged;
}

absl::StatusOr<EvaluatedInBytes> JudgeInBytes(const JudgedModel& judged,
                                              const EvaluateOptions& options,
                                              const Evaluated& in_float,
                                              Observer& observer) {
  const auto network = std::dynamic_pointer_cast<Network>(judged.model);
  if (network == nullptr) {
    return Unexpected(absl::StatusCode::kInvalidArgument,
                      absl::StrCat("--int8 with ", options.model),
                      "a TorchScript file", "a model of distill's own file",
                      "Leave --int8 away.");
  }
  return EvaluateInBytes({judged.info, network}, options.data,
                         judged.data.dataset, in_float, observer);
}

}  // namespace

int RunEvaluate(const EvaluateOptions& options, std::ostream& out,
                std::ostream& err, const ConsoleOptions& console_options) {
  const auto fail = [&](const absl::Status& status) {
    return EndWithError(kProgram, status, out, err,
                        console_options.brief_errors());
  };
  if (options.split != "test" && options.split != "train") {
    return fail(absl::InvalidArgumentError(absl::StrCat(
        "--split is \"", options.split, "\"; it must be test or train")));
  }
  std::string path = options.model;
  Console console(out, err, console_options);
  const auto judged = Load(options, console, &path);
  if (!judged.ok()) return fail(judged.status());
  const auto evaluated =
      EvaluateModel(judged->info, judged->model, judged->data.dataset, console);
  if (!evaluated.ok()) return fail(evaluated.status());
  const ModelMetrics* const metrics = &evaluated->metrics;
  std::optional<EvaluatedInBytes> in_bytes;
  if (options.int8) {
    auto found = JudgeInBytes(*judged, options, *evaluated, console);
    if (!found.ok()) return fail(found.status());
    in_bytes = *std::move(found);
  }

  if (!console_options.quiet) {
    Write(*judged, options, path, *metrics, in_bytes ? &*in_bytes : nullptr,
          out);
  }
  const double mega_flop = MegaFlop(*judged->model);
  Json result = {{"status", "success"},
                 {"message", "The model has been evaluated."},
                 {"model", options.model},
                 {"architecture", judged->info.architecture},
                 {"parameters", judged->model->ParameterCount()},
                 {"mflop", mega_flop > 0 ? Json(mega_flop) : Json(nullptr)},
                 {"dataset", judged->data.dataset->name},
                 {"split", options.split},
                 {"images", metrics->samples},
                 {"errors", metrics->errors},
                 {"accuracy", IntervalJson(metrics->accuracy)},
                 {"nll", Number(metrics->nll)},
                 {"ece", Number(metrics->ece)}};
  if (metrics->top5) result["top5Accuracy"] = *metrics->top5;
  if (metrics->balanced) result["balancedAccuracy"] = *metrics->balanced;
  if (in_bytes) {
    result["int8"] = {{"errors", in_bytes->metrics.errors},
                      {"accuracy", IntervalJson(in_bytes->metrics.accuracy)},
                      {"changedPredictions", in_bytes->changed},
                      {"bytes", in_bytes->model.bytes()}};
  }
  result["classes"] = ClassesJson(judged->info, *metrics);
  PrintResult(result, console_options.brief, out);
  return 0;
}

}  // namespace distill
