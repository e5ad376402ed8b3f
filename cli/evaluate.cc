#include "cli/evaluate.h"

#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/text.h"
#include "cli/errors.h"
#include "cli/evaluate_model.h"
#include "models/weights.h"
#include "report/metrics.h"
#include "report/result_json.h"

namespace distill {
namespace {

constexpr char kProgram[] = "evaluate";

int64_t SamplesOf(const ModelMetrics& metrics, int64_t label) {
  int64_t samples = 0;
  for (int64_t predicted = 0; predicted < metrics.classes; ++predicted) {
    samples += metrics.Confused(label, predicted);
  }
  return samples;
}

double MegaFlop(const LoadedModel& loaded) {
  return static_cast<double>(loaded.model->FlopPerImage()) / 1e6;
}

Json ClassesJson(const ModelInfo& info, const ModelMetrics& metrics) {
  Json classes = Json::array();
  for (int64_t c = 0; c < info.classes; ++c) {
    const int64_t samples = SamplesOf(metrics, c);
    classes.push_back({{"name", info.class_names[c]},
                       {"images", samples},
                       {"errors", samples - metrics.Confused(c, c)},
                       {"accuracy", Number(metrics.ClassAccuracy(c))}});
  }
  return classes;
}

void Write(const LoadedModel& loaded, const EvaluateOptions& options,
           const std::string& path, const DatasetForModel& data,
           const ModelMetrics& metrics, std::ostream& out) {
  const ModelInfo& info = loaded.info;
  const Dataset& dataset = *data.dataset;
  out << options.model << ": " << info.architecture << ", "
      << WithCommas(loaded.model->ParameterCount()) << " parameters, "
      << absl::StrFormat("%.3g", MegaFlop(loaded)) << " MFLOP an image\n";
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
  for (int64_t c = 0; c < info.classes; ++c) {
    const int64_t samples = SamplesOf(metrics, c);
    out << "  " << info.class_names[c] << ": "
        << (samples > 0 ? Percent(metrics.ClassAccuracy(c)) : "nothing")
        << " of " << WithCommas(samples) << "\n";
  }
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
  const auto loaded = LoadModelOrTwin(&path);
  if (!loaded.ok()) return fail(loaded.status());
  Console console(out, err, console_options);
  const auto data =
      LoadDatasetFor(*loaded, options.data, console,
                     options.split == "test" ? Split::kTest : Split::kTrain);
  if (!data.ok()) return fail(data.status());
  const auto metrics = EvaluateModel(*loaded, data->dataset, console);
  if (!metrics.ok()) return fail(metrics.status());

  if (!console_options.quiet) {
    Write(*loaded, options, path, *data, *metrics, out);
  }
  PrintResult({{"status", "success"},
               {"message", "The model has been evaluated."},
               {"model", options.model},
               {"architecture", loaded->info.architecture},
               {"parameters", loaded->model->ParameterCount()},
               {"mflop", MegaFlop(*loaded)},
               {"dataset", data->dataset->name},
               {"split", options.split},
               {"images", metrics->samples},
               {"errors", metrics->errors},
               {"accuracy", IntervalJson(metrics->accuracy)},
               {"nll", Number(metrics->nll)},
               {"ece", Number(metrics->ece)},
               {"classes", ClassesJson(loaded->info, *metrics)}},
              console_options.brief, out);
  return 0;
}

}  // namespace distill
