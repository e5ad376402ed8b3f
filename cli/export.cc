#include "cli/export.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "ATen/ops/cat.h"
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
#include "data/batches.h"
#include "data/safetensors.h"
#include "export/c_header.h"
#include "export/html.h"
#include "export/int8.h"
#include "export/onnx.h"
#include "export/quantize.h"
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
  const QuantizedModel* quantized = nullptr;  // With int8, where it is one.
  const LoadedModel* teacher = nullptr;       // If there is one.
};

struct Format {
  const char* name;
  const char* help;
  // The file's contents.
  absl::StatusOr<std::string> (*contents)(const LoadedModel&,
                                          const FormatOptions&);
  // Which of the flags mean something to it, with commas between them.
  const char* settings;
};

absl::StatusOr<std::string> Onnx(const LoadedModel& loaded,
                                 const FormatOptions& options) {
  OnnxOptions onnx;
  onnx.pixels = options.pixels;
  return options.int8 ? OnnxFile(*options.quantized, onnx)
                      : OnnxFile(loaded, onnx);
}

absl::StatusOr<std::string> SafeTensorsFile(const LoadedModel& loaded,
                                            const FormatOptions&) {
  return SerializeSafeTensors(
      ModelFile(FrozenClassifier(loaded.model).State(), loaded.info));
}

absl::StatusOr<std::string> C(const LoadedModel& loaded,
                              const FormatOptions& options) {
  CHeaderOptions header;
  header.int8 = options.int8;
  header.prefix = options.prefix;
  header.remarks = options.remarks;
  return CHeader(loaded, header);
}

absl::StatusOr<std::string> Html(const LoadedModel& loaded,
                                 const FormatOptions& options) {
  return HtmlPage(loaded, options.teacher);
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
  // With --int8 and --format=onnx.
  std::optional<QuantizedModel> quantized;
};

// Of the training images, as many as scales of 8 bits are chosen by.
constexpr int64_t kCalibrationImages = 512;

absl::StatusOr<QuantizedModel> QuantizeFor(const LoadedModel& loaded,
                                           const ExportOptions& options,
                                           Observer& observer) {
  if (!options.has_data()) {
    return absl::InvalidArgumentError(
        "--int8 with --format=onnx chooses scales by training images; pass "
        "--dataset or --data_dir");
  }
  ASSIGN_OR_RETURN(const auto data, LoadDatasetFor(loaded.info, options.data,
                                                   observer, Split::kTrain));
  BatchesOptions batches_options;
  batches_options.normalization = loaded.info.normalization;
  ASSIGN_OR_RETURN(const auto batches,
                   Batches::Create(data.dataset, batches_options));
  const int64_t count = std::min(kCalibrationImages, batches.sample_count());
  std::vector<at::Tensor> images;
  images.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    images.push_back(
        batches.Range(i * batches.sample_count() / count, 1).images);
  }
  return QuantizeModel(loaded, at::cat(images));
}

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
  if (options.int8 && options.format == "onnx") {
    ASSIGN_OR_RETURN(result.quantized, QuantizeFor(loaded, options, observer));
  }
  if (!options.has_data()) {
    if (options.int8) {
      result.remarks.push_back(
          "Accuracy with int8 weights: not measured (export measures it with "
          "--dataset or --data_dir)");
    }
    return result;
  }
  ASSIGN_OR_RETURN(const auto data, LoadDatasetFor(loaded.info, options.data,
                                                   observer, Split::kTest));
  for (const std::string& note : data.notes) observer.OnLine(note);
  const std::shared_ptr<const Dataset>& dataset = data.dataset;
  result.files = data.files;
  ASSIGN_OR_RETURN(const auto floats,
                   EvaluateModel(loaded.info, loaded.model, dataset, observer));
  result.remarks.push_back(Remark("with float weights", floats, *dataset));
  result.json["floatTestAccuracy"] = IntervalJson(floats.accuracy);
  result.json["testAccuracy"] = IntervalJson(floats.accuracy);
  if (options.int8) {
    const bool weights_alone = !result.quantized;
    const std::shared_ptr<Classifier> model =
        weights_alone ? WithInt8Weights(loaded).model
                      : Simulate(*result.quantized);
    ASSIGN_OR_RETURN(const auto bytes,
                     EvaluateModel(loaded.info, model, dataset, observer));
    result.remarks.push_back(Remark(
        weights_alone ? "with int8 weights" : "in 8 bits", bytes, *dataset));
    result.json["testAccuracy"] = IntervalJson(bytes.accuracy);
    if (!weights_alone) {
      std::map<std::string, std::string>& notes = result.quantized->info.notes;
      notes["float_test_accuracy"] =
          absl::StrFormat("%.6f", floats.accuracy.mean);
      notes["test_accuracy"] = absl::StrFormat("%.6f", bytes.accuracy.mean);
    }
  }
  return result;
}

// Bytes that matter to a microcontroller.
void AddCSizes(const LoadedModel& loaded, const ExportOptions& options,
               std::ostream& out, Json& json) {
  const CHeaderSize size = SizeOfCHeader(loaded, options.int8);
  out << "compiled: " << WithCommas(size.constant_bytes)
      << " bytes of constants, " << WithCommas(size.scratch_bytes)
      << " bytes of scratch memory\n";
  json["constantBytes"] = size.constant_bytes;
  json["scratchBytes"] = size.scratch_bytes;
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
  ASSIGN_OR_RETURN(const auto contents,
                   format->contents(loaded, format_options));
  RETURN_IF_ERROR(CheckNotAnInput(options, evaluation.files));
  RETURN_IF_ERROR(WriteFile(options.output, contents));

  const auto bytes = static_cast<int64_t>(contents.size());
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
  if (options.format == "c") AddCSizes(loaded, options, lines, json);
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
