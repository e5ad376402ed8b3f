#include "cli/distill.h"

#include <unistd.h>

#include <cmath>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "cli/errors.h"
#include "cli/run_folder.h"
#include "data/class_names.h"
#include "data/dataset.h"
#include "data/paths.h"
#include "data/safetensors.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "report/report.h"
#include "report/result_json.h"
#include "torch/version.h"
#include "training/folder_keeper.h"
#include "training/interrupt.h"
#include "training/seeds.h"

namespace distill {
namespace {

Json FeatureName(const ExperimentResult& run, Feature FeatureChoice::*whose) {
  return run.features ? Json(((*run.features).*whose).name) : Json(nullptr);
}

// Seconds since this process was started, by the kernel's account of it, to a
// hundredth; NaN where that cannot be read.
double SecondsSinceStart() {
  std::ifstream stat("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(stat)),
                         std::istreambuf_iterator<char>());
  // The second field is the program's name in brackets, and may hold anything.
  const size_t bracket = text.rfind(')');
  timespec now = {};
  if (bracket == std::string::npos ||
      clock_gettime(CLOCK_BOOTTIME, &now) != 0) {
    return std::nan("");
  }
  std::istringstream fields(text.substr(bracket + 1));
  std::string field;
  // The 22nd field of all is the start in ticks after the boot (proc(5)).
  for (int i = 3; i <= 22; ++i) fields >> field;
  double ticks = 0;
  if (!absl::SimpleAtod(field, &ticks)) return std::nan("");
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) / 1e9 -
         ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string OutputFolder(const DistillOptions& options) {
  return options.output_dir.empty() ? "" : AbsolutePath(options.output_dir);
}

// What the bits of a run depend on.
Json ConfigurationJson(const DistillOptions& options,
                       const ExperimentOptions& experiment,
                       const Compute& compute, const Splits& data) {
  Json json = CommonConfiguration(options, compute, data);
  json.update({{"labels", experiment.labels},
               {"omittedClasses", experiment.omit_classes},
               {"seeds", options.seeds},
               {"shareTeacher", options.share_teacher},
               {"control", experiment.control},
               {"deterministic", compute.deterministic},
               {"method", experiment.loss.method},
               {"temperature", experiment.loss.kd.temperature},
               {"alpha", experiment.loss.kd.alpha}});
  return json;
}

// The same with what was found to be behind its words.
Json WhatRan(Json configuration, const DistillOptions& options,
             const ExperimentResult& first) {
  configuration["labels"] = first.labels;
  configuration["transferImages"] = first.transfer_images;
  configuration["teacherFeature"] = FeatureName(first, &FeatureChoice::teacher);
  configuration["studentFeature"] = FeatureName(first, &FeatureChoice::student);
  configuration["control"] = first.control.has_value();
  configuration["outputDir"] =
      options.output_dir.empty() ? Json(nullptr) : Json(OutputFolder(options));
  return configuration;
}

// None if nothing is to be left behind.
absl::StatusOr<std::optional<RunFolder>> OpenFolder(
    const DistillOptions& options, const Json& configuration) {
  std::optional<RunFolder> none;
  if (options.output_dir.empty()) {
    if (!options.resume && !options.overwrite) return none;
    return absl::InvalidArgumentError(
        absl::StrCat(options.resume ? "--resume" : "--overwrite",
                     " needs the folder of the run: pass --output_dir"));
  }
  RunFolder::Options folder;
  folder.path = OutputFolder(options);
  folder.resume = options.resume;
  folder.overwrite = options.overwrite;
  auto opened = RunFolder::Open(folder, configuration);
  if (!opened.ok()) return opened.status();
  return std::make_optional(*std::move(opened));
}

// What a model's file says of it; `stage` is of `spelling`, one of the two.
absl::StatusOr<std::string> ModelBytes(const std::string& role,
                                       const std::string& spelling,
                                       const StageResult& stage,
                                       const Splits& data) {
  const Dataset& train = *data.train;
  const auto options =
      ParseModel(role, spelling, train.height, train.width, train.classes);
  if (!options.ok()) return options.status();
  ModelInfo info;
  info.architecture = SpellModel(*options);
  info.height = train.height;
  info.width = train.width;
  info.classes = train.classes;
  info.normalization = NormalizationOf(train);
  info.class_names = ClassNames(train);
  info.notes = {
      {"role", role},
      {"dataset", train.name},
      {"train_images_crc32", absl::StrFormat("%08x", train.images_crc32)},
      {"train_labels_crc32", absl::StrFormat("%08x", train.labels_crc32)},
      {"test_accuracy", absl::StrFormat("%.6f", stage.test.accuracy())},
      {"made_by", "distill"},
      {"libtorch", TORCH_VERSION}};
  return SerializeSafeTensors(ModelFile(stage.model->Parameters(), info));
}

// The first seed's teacher and student, and the report, whose last file ends
// the run.
absl::Status WriteResults(const ReportContext& context,
                          const ExperimentOptions& experiment,
                          const SeedsResult& result, const Splits& data,
                          RunFolder& folder, Observer& observer) {
  const ExperimentResult& first = result.runs[0];
  const auto teacher =
      ModelBytes("teacher", experiment.teacher, first.teacher, data);
  if (!teacher.ok()) return teacher.status();
  const auto student =
      ModelBytes("student", experiment.student, first.student, data);
  if (!student.ok()) return student.status();
  const auto report = MakeReport(context, result, observer);
  if (!report.ok()) return report.status();
  const std::pair<const char*, const std::string*> files[] = {
      {"teacher.safetensors", &*teacher},
      {"student.safetensors", &*student},
      {"report.html", &report->html},
      {"metrics.jsonl", &report->metrics_jsonl},
      {"predictions.csv", &report->predictions_csv},
      {"report.json", &report->json}};
  for (const auto& [name, contents] : files) {
    const absl::Status status = folder.Write(name, *contents);
    if (!status.ok()) return status;
  }
  return folder.Finish();
}

int ReportError(const absl::Status& status, std::ostream& out,
                std::ostream& err) {
  return EndWithError("distill", status, out, err);
}

// The end of a run that a signal stopped.
int ReportInterruption(const absl::Status& status, bool kept, std::ostream& out,
                       std::ostream& err) {
  ReportError(absl::CancelledError(absl::StrCat(
                  status.message(),
                  kept ? "; --resume goes on"
                       : "; nothing was kept (--output_dir keeps it)")),
              out, err);
  return 128 + InterruptSignal();
}

// "3,7" as {3, 7}; nothing as none.
absl::StatusOr<std::vector<int64_t>> ParseClasses(const std::string& text) {
  std::vector<int64_t> classes;
  if (text.empty()) return classes;
  for (absl::string_view word : absl::StrSplit(text, ',')) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(word, &number)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--omit_classes is \"", text,
                       "\"; it must be class numbers with "
                       "commas between them, like 3 or 3,7"));
    }
    classes.push_back(number);
  }
  return classes;
}

absl::Status CheckCounts(const DistillOptions& options) {
  if (options.checkpoint_every < 0) {
    return absl::InvalidArgumentError(absl::StrCat("--checkpoint_every is ",
                                                   options.checkpoint_every,
                                                   "; it must be at least 0"));
  }
  if (options.labels_per_class < 0) {
    return absl::InvalidArgumentError(absl::StrCat("--labels_per_class is ",
                                                   options.labels_per_class,
                                                   "; it must be at least 0"));
  }
  if (options.labels_per_class > 0 && options.experiment.labels > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--labels is ", options.experiment.labels, " and --labels_per_class ",
        options.labels_per_class, "; pass one of them"));
  }
  return absl::OkStatus();
}

}  // namespace

int RunDistill(const DistillOptions& options, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console_options) {
  SeedsOptions seeds;
  const auto resolved = ResolveExperiment(options);
  if (!resolved.ok()) return ReportError(resolved.status(), out, err);
  seeds.experiment = *resolved;
  seeds.seeds = options.seeds;
  seeds.share_teacher = options.share_teacher;
  ExperimentOptions& experiment = seeds.experiment;
  const auto omit_classes = ParseClasses(options.omit_classes);
  if (!omit_classes.ok()) return ReportError(omit_classes.status(), out, err);
  experiment.omit_classes = *omit_classes;
  absl::Status valid = seeds.Validate();
  valid.Update(CheckCounts(options));
  if (!valid.ok()) return ReportError(valid, out, err);
  const auto compute = ResolveCompute(options.compute);
  if (!compute.ok()) return ReportError(compute.status(), out, err);

  const auto splits = LoadSplits(options.data);
  if (!splits.ok()) return ReportError(splits.status(), out, err);

  if (options.labels_per_class > 0) {
    experiment.labels = options.labels_per_class * splits->train->classes;
  }

  const Json configuration =
      ConfigurationJson(options, experiment, *compute, *splits);
  auto folder = OpenFolder(options, configuration);
  if (!folder.ok()) return ReportError(folder.status(), out, err);

  Console console(out, err, console_options);
  std::optional<FolderKeeper> keeper;
  if (*folder) {
    keeper.emplace((*folder)->checkpoints(), options.checkpoint_every, console);
    if ((*folder)->resumes()) {
      console.OnLine("resume:  goes on with the run in " + (*folder)->path());
    }
  }
  const double start_seconds = SecondsSinceStart();
  const auto result = RunSeeds(seeds, *compute, splits->train, splits->test,
                               console, keeper ? &*keeper : nullptr);
  if (absl::IsCancelled(result.status())) {
    return ReportInterruption(result.status(), keeper.has_value(), out, err);
  }
  if (!result.ok()) return ReportError(result.status(), out, err);

  ReportContext report;
  report.configuration = WhatRan(configuration, options, result->runs[0]);
  const std::string message = "The student has learnt the teacher's wisdom.";
  report.printed = {{"status", "success"}, {"message", message}};
  report.printed.update(report.configuration);
  report.printed["startSeconds"] = Number(start_seconds);
  report.printed.update(ResultJson(*result, experiment.seed));
  out << absl::StrFormat("Final loss of the student: %.4f (%.1f s in all).\n",
                         MeanFinalLoss(*result), result->seconds);
  absl::Status written;
  if (*folder) {
    report.formula = experiment.loss.Formula();
    report.first_seed = experiment.seed;
    report.temperature = experiment.loss.kd.temperature;
    report.compute = *compute;
    report.train = splits->train;
    report.test = splits->test;
    written =
        WriteResults(report, experiment, *result, *splits, **folder, console);
    if (written.ok()) {
      out << "student: " << (*folder)->path() << "/student.safetensors\n"
          << "report:  " << (*folder)->path() << "/report.html\n";
    }
  }
  if (!written.ok()) {
    err << "distill: " << written.message() << std::endl;
    report.printed["status"] = "error";
    report.printed["message"] = written.message();
  } else {
    out << message << "\n";
  }
  out << JsonText(report.printed) << std::endl;
  return written.ok() ? 0 : 1;
}

}  // namespace distill
