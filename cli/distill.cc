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
#include "data/dataset.h"
#include "nlohmann/json.hpp"
#include "training/seeds.h"

namespace distill {
namespace {

// Keeps the order in which fields are added, which is the order to read them.
using Json = nlohmann::ordered_json;

// One line; what is not UTF-8 (a path can be anything) is replaced.
std::string OneLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// JSON has no NaN and no infinity.
Json Number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json StageJson(const StageResult& stage) {
  Json json = {{"parameters", stage.parameters},
               {"testAccuracy", stage.test.accuracy()},
               {"testErrors", stage.test.errors},
               {"testImages", stage.test.samples},
               {"testLoss", Number(stage.test.loss)},
               {"trainLoss", Number(stage.training.epochs.back().total)},
               {"steps", stage.training.steps},
               {"seconds", stage.seconds}};
  if (stage.omitted) {
    const OmittedResult& omitted = *stage.omitted;
    json["omitted"] = {
        {"testImages", omitted.samples},
        {"testErrors", omitted.errors},
        {"bias", omitted.bias},
        {"correctedTestErrors", omitted.corrected_omitted_errors},
        {"correctedTestErrorsOfAll", omitted.corrected_errors}};
  }
  if (stage.validation) {
    json["validationAccuracy"] = stage.validation->accuracy();
  }
  return json;
}

Json IntervalJson(const Interval& interval) {
  return {{"mean", interval.mean},
          {"low", Number(interval.low)},
          {"high", Number(interval.high)}};
}

// One seed's stages under the names of a run of one seed.
Json RunJson(const ExperimentResult& run) {
  const EpochLosses& losses = run.student.training.epochs.back();
  return {{"finalLoss", Number(losses.total)},
          {"finalSoftLoss", Number(losses.soft)},
          {"finalHardLoss", Number(losses.hard)},
          {"seconds", run.seconds},
          {"teacherLogitsSeconds", run.teacher_logits_seconds},
          {"teacher", StageJson(run.teacher)},
          {"student", StageJson(run.student)},
          {"control", run.control ? StageJson(*run.control) : Json(nullptr)}};
}

double MeanFinalLoss(const SeedsResult& result) {
  double sum = 0;
  for (const ExperimentResult& run : result.runs) {
    sum += run.student.training.epochs.back().total;
  }
  return sum / static_cast<double>(result.runs.size());
}

// What several seeds' stages have in common: the mean of the accuracies, with
// its interval.
Json StagesJson(const StageResult& first, const Interval& accuracy) {
  return {{"parameters", first.parameters},
          {"testAccuracy", accuracy.mean},
          {"testAccuracyInterval", IntervalJson(accuracy)}};
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

Json ResultJson(const DistillOptions& options,
                const ExperimentOptions& experiment, const Compute& compute,
                const Dataset& train, const SeedsResult& result,
                double start_seconds, const std::string& message) {
  const ExperimentResult& first = result.runs[0];
  Json json = {
      {"status", "success"},
      {"message", message},
      {"dataset", train.name},
      {"trainImages", train.count},
      {"teacherModel", experiment.teacher},
      {"studentModel", experiment.student},
      {"labels", first.labels},
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
      {"temperature", experiment.loss.kd.temperature},
      {"alpha", experiment.loss.kd.alpha},
      {"verdict", VerdictName(result.verdict)},
      {"difference",
       result.difference ? IntervalJson(*result.difference) : Json(nullptr)},
      {"startSeconds", Number(start_seconds)}};
  if (options.seeds == 1) {
    json.update(RunJson(first));
    return json;
  }
  json["finalLoss"] = Number(MeanFinalLoss(result));
  json["seconds"] = result.seconds;
  json["teacher"] = StagesJson(first.teacher, result.teacher);
  json["student"] = StagesJson(first.student, result.student);
  json["control"] = result.control ? StagesJson(*first.control, *result.control)
                                   : Json(nullptr);
  json["runs"] = Json::array();
  for (size_t i = 0; i < result.runs.size(); ++i) {
    Json run = {{"seed", experiment.seed + i}};
    run.update(RunJson(result.runs[i]));
    json["runs"].push_back(run);
  }
  return json;
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
  const std::string message(status.message());
  err << "distill: " << message << std::endl;
  out << OneLine({{"status", "error"}, {"message", message}}) << std::endl;
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

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
  valid.Update(CheckLabels(options));
  if (!valid.ok()) return ReportError(valid, out, err);
  const auto compute = ResolveCompute(options.compute);
  if (!compute.ok()) return ReportError(compute.status(), out, err);

  const auto splits = LoadSplits(options.data);
  if (!splits.ok()) return ReportError(splits.status(), out, err);

  if (options.labels_per_class > 0) {
    experiment.labels = options.labels_per_class * splits->train->classes;
  }

  Console console(out, err, console_options);
  const double start_seconds = SecondsSinceStart();
  const auto result =
      RunSeeds(seeds, *compute, splits->train, splits->test, console);
  if (!result.ok()) return ReportError(result.status(), out, err);

  const std::string message = "The student has learnt the teacher's wisdom.";
  out << absl::StrFormat("Final loss of the student: %.4f (%.1f s in all).\n",
                         MeanFinalLoss(*result), result->seconds)
      << message << std::endl
      << OneLine(ResultJson(options, experiment, *compute, *splits->train,
                            *result, start_seconds, message))
      << std::endl;
  return 0;
}

}  // namespace distill
