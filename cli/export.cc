#include "cli/export.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/errors.h"
#include "cli/judge.h"
#include "data/files.h"
#include "data/paths.h"
#include "data/safetensors.h"
#include "export/c_header.h"
#include "export/html.h"
#include "export/int8.h"
#include "export/onnx.h"
#include "models/weights.h"
#include "report/metrics.h"
#include "report/result_json.h"
#include "training/text.h"

namespace distill {
namespace {

constexpr char kProgram[] = "export";

// What a format may be told besides the model.
struct FormatOptions {
  bool int8 = false;
  bool pixels = true;
  std::vector<std::string> remarks;      // How good it is, for people.
  const LoadedModel* teacher = nullptr;  // If there is one.
};

struct Format {
  const char* name;
  const char* help;
  // The file's contents.
  absl::StatusOr<std::string> (*contents)(const LoadedModel&,
                                          const FormatOptions&);
  // Which of the options mean something to it.
  bool takes_int8;
  bool takes_pixels;
};

absl::StatusOr<std::string> Onnx(const LoadedModel& loaded,
                                 const FormatOptions& options) {
  OnnxOptions onnx;
  onnx.pixels = options.pixels;
  return OnnxFile(loaded, onnx);
}

absl::StatusOr<std::string> SafeTensorsFile(const LoadedModel& loaded,
                                            const FormatOptions&) {
  return SerializeSafeTensors(
      ModelFile(FrozenClassifier(loaded.model).Parameters(), loaded.info));
}

absl::StatusOr<std::string> C(const LoadedModel& loaded,
                              const FormatOptions& options) {
  CHeaderOptions header;
  header.int8 = options.int8;
  header.remarks = options.remarks;
  return CHeader(loaded, header);
}

absl::StatusOr<std::string> Html(const LoadedModel& loaded,
                                 const FormatOptions& options) {
  for (const LoadedModel* model : {&loaded, options.teacher}) {
    if (model == nullptr) continue;
    const ModelInfo& info = model->info;
    if (info.height != 28 || info.width != 28 ||
        info.class_names != loaded.info.class_names) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the page is for models of 28 x 28 pixels with the same class names; "
          "found one of ",
          info.height, " x ", info.width, " pixels and the classes ",
          absl::StrJoin(info.class_names, ", ")));
    }
  }
  return HtmlPage(loaded, options.teacher);
}

constexpr Format kFormats[] = {
    {"onnx", "for ONNX Runtime and others", &Onnx, false, true},
    {"safetensors", "as the model's own file, written again", &SafeTensorsFile,
     false, false},
    {"c", "a C99 header that depends on nothing", &C, true, false},
    {"html", "a page to draw on, for a browser", &Html, false, false},
};

absl::StatusOr<Format> FindFormat(const ExportOptions& options) {
  for (const Format& format : kFormats) {
    if (options.format != format.name) continue;
    if (options.int8 && !format.takes_int8) {
      return absl::InvalidArgumentError(
          absl::StrCat("--int8 is given, and --format is ", format.name,
                       "; int8 weights are written with --format=c alone"));
    }
    if (!options.pixels && !format.takes_pixels) {
      return absl::InvalidArgumentError(
          absl::StrCat("--nopixels is given, and --format is ", format.name,
                       "; the choice is there with --format=onnx alone"));
    }
    if (!options.teacher.empty() && options.format != "html") {
      return absl::InvalidArgumentError(
          absl::StrCat("--teacher is given, and --format is ", format.name,
                       "; --format=html alone shows it"));
    }
    return format;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--format is \"", options.format, "\"; it must be one of ",
                   ExportFormatsHelp()));
}

absl::Status CheckPaths(const ExportOptions& options) {
  if (options.output.empty()) {
    return absl::InvalidArgumentError(
        "--output is missing: the file to write, like student.onnx");
  }
  if (AbsolutePath(options.output) == AbsolutePath(options.model)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--output is ", options.output,
        ", the model itself, which would be lost; pass another file"));
  }
  return absl::OkStatus();
}

// What the test images say, as lines for people and as JSON.
struct Judgement {
  std::vector<std::string> remarks;
  Json json;
};

std::string Remark(const std::string& what, const ModelMetrics& metrics,
                   const Dataset& dataset) {
  return absl::StrCat("Accuracy ", what, ": ", Percent(metrics.accuracy.mean),
                      " of ", WithCommas(metrics.samples), " test images of ",
                      dataset.name, " (95 % interval ",
                      Percent(metrics.accuracy.low), " to ",
                      Percent(metrics.accuracy.high), ")");
}

absl::StatusOr<Judgement> JudgeExport(const LoadedModel& loaded,
                                      const ExportOptions& options,
                                      Observer& observer) {
  Judgement result;
  result.json = {{"testAccuracy", nullptr}, {"floatTestAccuracy", nullptr}};
  if (!options.data) {
    if (options.int8) {
      result.remarks.push_back(
          "Accuracy with int8 weights: not measured (export measures it with "
          "--dataset or --data_dir)");
    }
    return result;
  }
  const auto dataset = LoadDatasetFor(loaded.info, *options.data, Split::kTest);
  if (!dataset.ok()) return dataset.status();
  const auto floats = Judge(loaded, *dataset, observer);
  if (!floats.ok()) return floats.status();
  result.remarks.push_back(Remark("with float weights", *floats, **dataset));
  result.json["floatTestAccuracy"] = IntervalJson(floats->accuracy);
  result.json["testAccuracy"] = IntervalJson(floats->accuracy);
  if (options.int8) {
    const auto bytes = Judge(WithInt8Weights(loaded), *dataset, observer);
    if (!bytes.ok()) return bytes.status();
    result.remarks.push_back(Remark("with int8 weights", *bytes, **dataset));
    result.json["testAccuracy"] = IntervalJson(bytes->accuracy);
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
  const auto format = FindFormat(options);
  if (!format.ok()) return format.status();
  const absl::Status paths = CheckPaths(options);
  if (!paths.ok()) return paths;
  const auto loaded = LoadModel(options.model);
  if (!loaded.ok()) return loaded.status();
  Console console(out, err, console_options);
  const auto judgement = JudgeExport(*loaded, options, console);
  if (!judgement.ok()) return judgement.status();
  FormatOptions format_options = {options.int8, options.pixels,
                                  judgement->remarks, nullptr};
  absl::StatusOr<LoadedModel> teacher = absl::NotFoundError("");
  if (!options.teacher.empty()) {
    teacher = LoadModel(options.teacher);
    if (!teacher.ok()) return teacher.status();
    format_options.teacher = &*teacher;
  }
  const auto contents = format->contents(*loaded, format_options);
  if (!contents.ok()) return contents.status();
  const absl::Status written = WriteFile(options.output, *contents);
  if (!written.ok()) return written;

  const auto bytes = static_cast<int64_t>(contents->size());
  out << options.output << ": " << loaded->info.architecture << " as "
      << format->name << ", " << WithCommas(bytes) << " bytes\n";
  for (const std::string& remark : judgement->remarks) out << remark << "\n";
  Json json = {{"status", "success"},
               {"message", "The model has been exported."},
               {"model", options.model},
               {"architecture", loaded->info.architecture},
               {"parameters", loaded->model->ParameterCount()},
               {"format", format->name},
               {"int8", options.int8},
               {"pixels", options.pixels},
               {"output", options.output},
               {"bytes", bytes}};
  json.update(judgement->json);
  if (options.format == "c") AddCSizes(*loaded, options, out, json);
  out << JsonText(json) << std::endl;
  return absl::OkStatus();
}

}  // namespace

int RunExport(const ExportOptions& options, std::ostream& out,
              std::ostream& err, const ConsoleOptions& console) {
  const absl::Status status = Export(options, out, err, console);
  return status.ok() ? 0 : EndWithError(kProgram, status, out, err);
}

std::string ExportFormatsHelp() {
  std::vector<std::string> formats;
  for (const Format& format : kFormats) {
    formats.push_back(absl::StrCat(format.name, " (", format.help, ")"));
  }
  return absl::StrJoin(formats, ", ");
}

}  // namespace distill
