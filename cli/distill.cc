#include "cli/distill.h"

#include <unistd.h>

#include <cmath>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "cli/errors.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/paths.h"
#include "report/report.h"
#include "report/result_json.h"

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

// What ran.
Json ConfigurationJson(const DistillOptions& options,
                       const ExperimentOptions& experiment,
                       const Compute& compute, const Dataset& train,
                       const ExperimentResult& first) {
  return {
      {"dataset", train.name},
      {"trainImages", train.count},
      {"teacherModel", experiment.teacher},
      {"studentModel", experiment.student},
      {"labels", first.labels},
      {"transferSet", options.transfer_set},
      {"transferImages", first.transfer_images},
      {"omittedClasses", experiment.omit_classes},
      {"validationImages", experiment.validation},
      {"device", compute.device_name},
      {"precision", compute.precision_name},
      {"deterministic", compute.deterministic},
      {"threads", compute.threads},
      {"seed", experiment.seed},
      {"seeds", options.seeds},
      {"shareTeacher", options.share_teacher},
      {"batchSize", experiment.batch_size},
      {"teacherEpochs", experiment.teacher_epochs},
      {"studentEpochs", experiment.student_epochs},
      {"learningRate", experiment.learning_rate},
      {"lrSchedule", options.lr_schedule},
      {"method", experiment.loss.method},
      {"standardizeLogits", experiment.loss.standardize_logits},
      {"teacherFeature", FeatureName(first, &FeatureChoice::teacher)},
      {"studentFeature", FeatureName(first, &FeatureChoice::student)},
      {"teacherDropout", experiment.teacher_dropout},
      {"teacherJitter", experiment.teacher_jitter},
      {"temperature", experiment.loss.kd.temperature},
      {"alpha", experiment.loss.kd.alpha},
      {"outputDir", options.output_dir.empty() ? Json(nullptr)
                                               : Json(OutputFolder(options))}};
}

// The last of the report's files to be written: where it is, all are.
constexpr char kReportJson[] = "report.json";

// Makes the folder for the report, and fails where none can be left there.
absl::Status PrepareOutput(const DistillOptions& options) {
  if (options.output_dir.empty()) return absl::OkStatus();
  const std::string folder = OutputFolder(options);
  const std::string earlier = absl::StrCat(folder, "/", kReportJson);
  if (!options.overwrite && access(earlier.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat(earlier,
                     ": found an earlier run's report; expected none. Pass "
                     "--overwrite to replace it, or another --output_dir."));
  }
  return MakeFolder(folder);
}

absl::Status WriteReport(const ReportContext& context,
                         const SeedsResult& result, const std::string& folder,
                         Observer& observer) {
  const auto report = MakeReport(context, result, observer);
  if (!report.ok()) return report.status();
  const std::pair<const char*, const std::string*> files[] = {
      {"report.html", &report->html},
      {"metrics.jsonl", &report->metrics_jsonl},
      {"predictions.csv", &report->predictions_csv},
      {kReportJson, &report->json}};
  for (const auto& [name, contents] : files) {
    const absl::Status status =
        WriteFile(absl::StrCat(folder, "/", name), *contents);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
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

absl::Status CheckLabels(const DistillOptions& options) {
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

int ReportError(const absl::Status& status, std::ostream& out,
                std::ostream& err) {
  return EndWithError("distill", status, out, err);
}

int RunDistill(const DistillOptions& options, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console_options) {
  SeedsOptions seeds;
  seeds.experiment = options.experiment;
  seeds.seeds = options.seeds;
  seeds.share_teacher = options.share_teacher;
  ExperimentOptions& experiment = seeds.experiment;
  const auto schedule = ParseScheduleKind(options.lr_schedule);
  if (!schedule.ok()) return ReportError(schedule.status(), out, err);
  experiment.schedule = *schedule;
  const auto transfer_set = ParseTransferSet(options.transfer_set);
  if (!transfer_set.ok()) return ReportError(transfer_set.status(), out, err);
  experiment.transfer_set = *transfer_set;
  const auto omit_classes = ParseClasses(options.omit_classes);
  if (!omit_classes.ok()) return ReportError(omit_classes.status(), out, err);
  experiment.omit_classes = *omit_classes;
  absl::Status valid = seeds.Validate();
  valid.Update(CheckLabels(options));
  if (!valid.ok()) return ReportError(valid, out, err);
  const auto compute = ResolveCompute(options.compute);
  if (!compute.ok()) return ReportError(compute.status(), out, err);

  // A data set that is wrong is an error of the machine's, not of the flags.
  const auto load = [&](Split split) {
    auto dataset = LoadDataset(options.data_dir, split);
    if (absl::IsInvalidArgument(dataset.status())) {
      dataset = absl::FailedPreconditionError(dataset.status().message());
    }
    return dataset;
  };
  auto train = load(Split::kTrain);
  if (!train.ok()) return ReportError(train.status(), out, err);
  auto test = load(Split::kTest);
  if (!test.ok()) return ReportError(test.status(), out, err);
  if (!options.dataset.empty() &&
      (train->name != options.dataset || test->name != options.dataset)) {
    return ReportError(
        absl::FailedPreconditionError(absl::StrCat(
            "the files in ", train->folder, " were to be ", options.dataset,
            ", and by their content they are ", train->name, " and ",
            test->name, ". Pass another --data_dir or --dataset.")),
        out, err);
  }
  const auto train_data = std::make_shared<const Dataset>(*std::move(train));
  const auto test_data = std::make_shared<const Dataset>(*std::move(test));

  if (options.labels_per_class > 0) {
    experiment.labels = options.labels_per_class * train_data->classes;
  }

  const absl::Status prepared = PrepareOutput(options);
  if (!prepared.ok()) return ReportError(prepared, out, err);

  Console console(out, err, console_options);
  const double start_seconds = SecondsSinceStart();
  const auto result = RunSeeds(seeds, *compute, train_data, test_data, console);
  if (!result.ok()) return ReportError(result.status(), out, err);

  ReportContext report;
  report.configuration = ConfigurationJson(options, experiment, *compute,
                                           *train_data, result->runs[0]);
  const std::string message = "The student has learnt the teacher's wisdom.";
  report.printed = {{"status", "success"}, {"message", message}};
  report.printed.update(report.configuration);
  report.printed["startSeconds"] = Number(start_seconds);
  report.printed.update(ResultJson(*result, experiment.seed));
  out << absl::StrFormat("Final loss of the student: %.4f (%.1f s in all).\n",
                         MeanFinalLoss(*result), result->seconds);
  absl::Status written;
  if (!options.output_dir.empty()) {
    report.formula = experiment.loss.Formula();
    report.first_seed = experiment.seed;
    report.temperature = experiment.loss.kd.temperature;
    report.compute = *compute;
    report.train = train_data;
    report.test = test_data;
    const std::string folder = OutputFolder(options);
    written = WriteReport(report, *result, folder, console);
    if (written.ok()) out << "report:  " << folder << "/report.html\n";
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
