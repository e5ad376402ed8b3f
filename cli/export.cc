#include "cli/export.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/errors.h"
#include "cli/evaluate_model.h"
#include "data/safetensors.h"
#include "export/c_header.h"
#include "export/c_integers.h"
#include "export/html.h"
#include "export/onnx.h"
#include "models/quantize.h"
#include "models/weights.h"
#include "report/metrics.h"
#include "report/result_json.h"

namespace distill {
namespace {

constexpr char kProgram[] = "export";

// What a format may be told besides the model.
struct FormatOptions {
  bool int8 = false;
  bool pixels = true;
  std::string prefix;
  std::vector<std::string> remarks;           // How good it is, for people.
  const QuantizedModel* quantized = nullptr;  // With int8.
  const LoadedModel* teacher = nullptr;       // If there is one.
};

// What a format makes. The sizes are the C header's, and 0 of others.
using Exported = CHeaderFile;

struct Format {
  const char* name;
  const char* help;
  absl::StatusOr<Exported> (*make)(const LoadedModel&, const FormatOptions&);
  // Which of the flags mean something to it, with commas between them.
  const char* settings;
};

absl::StatusOr<Exported> Onnx(const LoadedModel& loaded,
                              const FormatOptions& options) {
  OnnxOptions onnx;
  onnx.pixels = options.pixels;
  return Exported{options.int8 ? OnnxFile(*options.quantized, onnx)
                               : OnnxFile(loaded, onnx)};
}

absl::StatusOr<Exported> SafeTensorsFile(const LoadedModel& loaded,
                                         const FormatOptions&) {
  ASSIGN_OR_RETURN(std::string bytes,
                   SerializeSafeTensors(ModelFile(
                       FrozenClassifier(loaded.model).State(), loaded.info)));
  return Exported{std::move(bytes)};
}

absl::StatusOr<Exported> C(const LoadedModel& loaded,
                           const FormatOptions& options) {
  const CHeaderOptions header = {options.prefix, options.remarks};
  if (options.int8) return CHeader(*options.quantized, header);
  return CHeader(loaded, header);
}

absl::StatusOr<Exported> Html(const LoadedModel& loaded,
                              const FormatOptions& options) {
  ASSIGN_OR_RETURN(std::string page, HtmlPage(loaded, options.teacher));
  return Exported{std::move(page)};
}

constexpr Format kFormats[] = {
    {"onnx", "for ONNX Runtime and others", &Onnx, "int8,pixels"},
    {"safetensors", "as the model's own file, written again", &SafeTensorsFile,
     ""},
    {"c", "a C99 header that depends on nothing", &C, "int8,prefix"},
    {"html", "a page to draw on or show pictures to, for a browser", &Html,
     "teacher"},
};

const Format* FindFormat(const std::string& name) {
  for (const Format& format : kFormats) {
    if (name == format.name) return &format;
  }
  return nullptr;
}

// Refuses an output that is one of `inputs`, which are read.
absl::Status CheckNotAnInput(const ExportOptions& options,
                             const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (!IsSameFile(options.output, input)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--output is ", options.output, ", ",
        input == options.model ? "the model itself" : "which is " + input,
        ", and would be lost; pass another file"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(ExportOptions options) {
  if (FindFormat(options.format) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--format is \"", options.format, "\"; it must be one of ",
                     ExportFormatsHelp()));
  }
  Settings settings = SettingsOf(options);
  settings.MarkTyped(options.given);
  RETURN_IF_ERROR(settings.CheckApplies());
  if (options.output.empty()) {
    return absl::InvalidArgumentError(
        "--output is missing: the file to write, like student.onnx");
  }
  absl::Status status =
      CheckNotAnInput(options, {options.model, options.teacher});
  status.Update(CheckCPrefix(options.prefix));
  return status;
}

// What the test images say, as lines for people and as JSON.
struct ExportEvaluation {
  std::vector<std::string> remarks;
  Json json;
  std::vector<std::string> files;  // That were read.
  // With --int8.
  std::optional<QuantizedModel> quantized;
};

std::string Remark(const std::string& what, const ModelMetrics& metrics,
                   const Dataset& dataset) {
  return absl::StrCat("Accuracy ", what, ": ", Percent(metrics.accuracy.mean),
                      " of ", WithCommas(metrics.samples), " test images of ",
                      dataset.name, " (95 % interval ",
                      Percent(metrics.accuracy.low), " to ",
                      Percent(metrics.accuracy.high), ")");
}

absl::StatusOr<ExportEvaluation> EvaluateExport(const LoadedModel& loaded,
                                                const ExportOptions& options,
                                                Observer& observer) {
  ExportEvaluation result;
  result.json = {{"testAccuracy", nullptr}, {"floatTestAccuracy", nullptr}};
  if (!options.data.names_data()) {
    if (!options.int8) return result;
    return absl::InvalidArgumentError(
        "--int8 chooses scales by training images; pass --dataset or "
        "--data_dir");
  }
  ASSIGN_OR_RETURN(const auto data, LoadDatasetFor(loaded.info, options.data,
                                                   observer, Split::kTest));
  for (const std::string& note : data.notes) observer.OnLine(note);
  const std::shared_ptr<const Dataset>& dataset = data.dataset;
  result.files = data.files;
  ASSIGN_OR_RETURN(const auto floats,
                   EvaluateModel(loaded.info, loaded.model, dataset, observer));
  const ModelMetrics& metrics = floats.metrics;
  result.remarks.push_back(Remark("in float32", metrics, *dataset));
  result.json["floatTestAccuracy"] = IntervalJson(metrics.accuracy);
  result.json["testAccuracy"] = IntervalJson(metrics.accuracy);
  if (options.int8) {
    ASSIGN_OR_RETURN(auto bytes, EvaluateInBytes(loaded, options.data, dataset,
                                                 floats, observer));
    result.remarks.push_back(absl::StrCat("In 8 bits: ", bytes.Describe()));
    result.json["testAccuracy"] = IntervalJson(bytes.metrics.accuracy);
    result.json["changedPredictions"] = bytes.changed;
    result.quantized = std::move(bytes.model);
    std::map<std::string, std::string>& notes = result.quantized->info.notes;
    notes["float_test_accuracy"] =
        absl::StrFormat("%.6f", metrics.accuracy.mean);
    notes["test_accuracy"] =
        absl::StrFormat("%.6f", bytes.metrics.accuracy.mean);
    notes["tested_on"] = dataset->name;
  }
  return result;
}

absl::Status Export(const ExportOptions& options, std::ostream& out,
                    std::ostream& err, const ConsoleOptions& console_options) {
  RETURN_IF_ERROR(CheckOptions(options));
  const Format* const format = FindFormat(options.format);
  ASSIGN_OR_RETURN(const auto loaded, LoadModel(options.model));
  Console console(out, err, console_options);
  ASSIGN_OR_RETURN(const auto evaluation,
                   EvaluateExport(loaded, options, console));
  FormatOptions format_options = {
      options.int8,
      options.pixels,
      options.prefix,
      evaluation.remarks,
      evaluation.quantized ? &*evaluation.quantized : nullptr,
      nullptr};
  absl::StatusOr<LoadedModel> teacher = absl::NotFoundError("");
  if (!options.teacher.empty()) {
    teacher = LoadModel(options.teacher);
    if (!teacher.ok()) return teacher.status();
    format_options.teacher = &*teacher;
  }
  ASSIGN_OR_RETURN(const auto made, format->make(loaded, format_options));
  RETURN_IF_ERROR(CheckNotAnInput(options, evaluation.files));
  RETURN_IF_ERROR(WriteFile(options.output, made.text));

  const auto bytes = static_cast<int64_t>(made.text.size());
  std::ostream silent(nullptr);
  std::ostream& lines = console_options.quiet ? silent : out;
  lines << options.output << ": " << loaded.info.architecture << " as "
        << format->name << ", " << WithCommas(bytes) << " bytes\n";
  for (const std::string& remark : evaluation.remarks) lines << remark << "\n";
  Json json = {{"status", "success"},
               {"message", "The model has been exported."},
               {"model", options.model},
               {"architecture", loaded.info.architecture},
               {"parameters", loaded.model->ParameterCount()},
               {"format", format->name},
               {"int8", options.int8},
               {"pixels", options.pixels},
               {"output", options.output},
               {"bytes", bytes}};
  json.update(evaluation.json);
  if (made.constant_bytes > 0) {
    lines << "compiled: " << WithCommas(made.constant_bytes)
          << " bytes of constants, " << WithCommas(made.scratch_bytes)
          << " bytes of scratch memory\n";
    json["constantBytes"] = made.constant_bytes;
    json["scratchBytes"] = made.scratch_bytes;
  }
  PrintResult(json, console_options.brief, out);
  return absl::OkStatus();
}

}  // namespace

int RunExport(const ExportOptions& options, std::ostream& out,
              std::ostream& err, const ConsoleOptions& console) {
  std::ostream& lines = IsStdout(options.output) ? err : out;
  const absl::Status status = Export(options, lines, err, console);
  return status.ok()
             ? 0
             : EndWithError(kProgram, status, out, err, console.brief_errors());
}

std::string WhyNotForFormat(const std::string& setting,
                            const std::string& format) {
  std::vector<std::string> others;
  for (const Format& candidate : kFormats) {
    if (!absl::StrContains(absl::StrCat(",", candidate.settings, ","),
                           absl::StrCat(",", setting, ","))) {
      continue;
    }
    if (format == candidate.name) return "";
    others.emplace_back(candidate.name);
  }
  return absl::StrCat("it is for --format=", absl::StrJoin(others, ", "),
                      " alone, and --format is ", format);
}

std::string ExportFormatsHelp() {
  std::vector<std::string> formats;
  for (const Format& format : kFormats) {
    formats.push_back(absl::StrCat(format.name, " (", format.help, ")"));
  }
  return absl::StrJoin(formats, ", ");
}

}  // namespace distill
