#include "cli/distill.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/interrupt.h"
#include "base/paths.h"
#include "base/settings.h"
#include "base/status.h"
#include "cli/errors.h"
#include "cli/run_folder.h"
#include "cli/version.h"
#include "data/dataset.h"
#include "data/safetensors.h"
#include "experiment/seeds.h"
#include "export/onnx.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "report/report.h"
#include "report/result_json.h"
#include "torch/version.h"
#include "training/checkpoint_folder.h"

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

// "2026-11-28 16:05 +0100"
std::string DateOf(std::time_t now) {
  std::tm local = {};
  localtime_r(&now, &local);
  char text[32] = "";
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M %z", &local);
  return text;
}

std::string OutputFolder(const DistillOptions& options) {
  return options.output_dir.empty() ? "" : AbsolutePath(options.output_dir);
}

// What the bits of a run depend on.
Json ConfigurationJson(const Settings& settings,
                       std::optional<uint32_t> teacher_crc32,
                       std::optional<uint32_t> student_crc32,
                       const Compute& compute, const Splits& data) {
  Json json = ConfigurationOf(settings, compute, data);
  json["deterministic"] = compute.deterministic;
  const auto text = [](const std::optional<uint32_t>& crc32) {
    return crc32 ? Json(absl::StrFormat("%08x", *crc32)) : Json(nullptr);
  };
  json["teacherWeightsCrc32"] = text(teacher_crc32);
  json["studentWeightsCrc32"] = text(student_crc32);
  return json;
}

// The same with what was found to be behind its words.
Json WhatRan(Json configuration, const DistillOptions& options,
             const ExperimentResult& first, const Splits& data) {
  configuration["labels"] = first.labels;
  configuration["transferImages"] = first.transfer_images;
  configuration["teacherFeature"] = FeatureName(first, &FeatureChoice::teacher);
  configuration["studentFeature"] = FeatureName(first, &FeatureChoice::student);
  configuration["control"] = first.control.has_value();
  configuration["sharedTestImages"] = data.shared_images;
  configuration["outputDir"] =
      options.output_dir.empty() ? Json(nullptr) : Json(OutputFolder(options));
  return configuration;
}

// `configuration` by group of the settings, without those that have no effect;
// what is no setting is in the last group.
Json ByGroup(const Settings& settings, Json configuration) {
  Json groups = Json::object();
  for (const Setting& row : settings.rows()) {
    const std::string& name = row.configuration_name();
    if (!row.in_configuration() || !configuration.contains(name)) continue;
    if (row.WhyNot().empty()) groups[row.group()][name] = configuration[name];
    configuration.erase(name);
  }
  if (!configuration.empty()) groups["Found"] = std::move(configuration);
  return groups;
}

// The files of an output folder, besides those of RunFolder itself.
constexpr char kTeacherFile[] = "teacher.safetensors";
constexpr char kStudentFile[] = "student.safetensors";
constexpr char kRegressorFile[] = "regressor.safetensors";
constexpr char kOnnxFile[] = "student.onnx";
constexpr char kScriptFile[] = "student.pt";
constexpr char kReportFile[] = "report.html";
constexpr char kMetricsFile[] = "metrics.jsonl";
constexpr char kPredictionsFile[] = "predictions.csv";
constexpr char kEventsFile[] = "events.out.tfevents.distill";

// None if nothing is to be left behind.
absl::StatusOr<std::optional<RunFolder>> OpenFolder(
    const DistillOptions& options, const Json& configuration,
    const Splits& data) {
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
  folder.results = {kTeacherFile, kStudentFile, kOnnxFile,        kScriptFile,
                    kReportFile,  kMetricsFile, kPredictionsFile, kEventsFile};
  if (FindMethod(options.experiment.loss.method)->needs_same_channels) {
    folder.results.emplace_back(kRegressorFile);
  }
  folder.inputs = FilesOf(data);
  const std::vector<std::string>& teachers = options.teacher_files.from;
  folder.inputs.insert(folder.inputs.end(), teachers.begin(), teachers.end());
  folder.inputs.push_back(options.student_files.from);
  folder.inputs.push_back(options.student_files.weights);
  ASSIGN_OR_RETURN(auto opened, RunFolder::Open(folder, configuration));
  return std::make_optional(std::move(opened));
}

// A file of the output folder.
struct OutputFile {
  std::string name, contents;
};

// What the first seed's models are for others: weights, the graph, and what was
// learnt with the student and is no part of it.
absl::StatusOr<std::vector<OutputFile>> ModelFiles(
    const ExperimentOptions& experiment, const TeacherSource& source,
    const StudentSource& students, const ExperimentResult& run,
    const Dataset& train) {
  std::vector<OutputFile> files;
  const auto add = [&files](const std::string& name, const SafeTensors& file) {
    ASSIGN_OR_RETURN(auto bytes, SerializeSafeTensors(file));
    files.push_back({name, std::move(bytes)});
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const auto teacher,
                   source.File(experiment, run.teacher, train));
  ASSIGN_OR_RETURN(const auto student,
                   students.File(experiment, run.student, train));
  absl::Status status;
  if (teacher) status.Update(add(kTeacherFile, *teacher));
  status.Update(add(kStudentFile, student));
  if (!run.regressor.empty()) {
    SafeTensors regressor;
    for (const NamedTensor& part : run.regressor) {
      regressor.tensors.push_back(ToSafeTensor(part.name, part.value));
    }
    status.Update(add(kRegressorFile, regressor));
  }
  if (!status.ok()) return status;
  ASSIGN_OR_RETURN(auto script, students.ScriptFile(run.student));
  if (script) {
    files.push_back({kScriptFile, *std::move(script)});
    return files;
  }
  // Made from what a reader of the file gets.
  ASSIGN_OR_RETURN(const auto loaded, ModelFromFile(student, kStudentFile));
  files.push_back({kOnnxFile, OnnxFile(loaded)});
  return files;
}

// The models and the report, whose last file ends the run.
absl::Status WriteResults(const ReportContext& context,
                          const ExperimentOptions& experiment,
                          const TeacherSource& source,
                          const StudentSource& student,
                          const SeedsResult& result, RunFolder& folder,
                          Observer& observer) {
  ASSIGN_OR_RETURN(auto files, ModelFiles(experiment, source, student,
                                          result.runs[0], *context.train));
  ASSIGN_OR_RETURN(auto report, MakeReport(context, result, observer));
  files.push_back({kReportFile, std::move(report.html)});
  files.push_back({kMetricsFile, std::move(report.metrics_jsonl)});
  files.push_back({kPredictionsFile, std::move(report.predictions_csv)});
  files.push_back({kEventsFile, std::move(report.events)});
  files.push_back({"report.json", std::move(report.json)});
  absl::Status status = folder.BeginResults();
  for (const OutputFile& file : files) {
    if (status.ok()) status = folder.Write(file.name, file.contents);
  }
  return status.ok() ? folder.Finish() : status;
}

// Where a run's lines and its end go.
struct Ending {
  std::ostream &out, &err;
  const ConsoleOptions& console;

  int Error(const absl::Status& status) const {
    return EndWithError("distill", status, out, err, console.brief_errors());
  }
  // The end of a run that a signal stopped.
  int Interruption(const absl::Status& status, bool kept,
                   bool has_folder) const {
    return Error(absl::CancelledError(
        absl::StrCat(status.message(),
                     InterruptSignal() == SIGXCPU
                         ? " (the limit of processor time, ulimit -t)"
                         : "",
                     kept         ? "; --resume goes on"
                     : has_folder ? "; there was nothing to keep yet"
                                  : "; nothing was kept (--output_dir keeps "
                                    "it)")));
  }
};

// "BEATS." in green, "WORSE." in red: the line with its first words coloured.
std::string Colored(const std::string& line, Verdict verdict) {
  const char* const code = verdict == Verdict::kBeats   ? "32"
                           : verdict == Verdict::kWorse ? "31"
                                                        : "33";
  const size_t end = line.find(". ");
  return verdict == Verdict::kUnknown
             ? line
             : absl::StrCat("\033[1;", code, "m", line.substr(0, end),
                            "\033[0m", line.substr(end));
}

// `word` as a shell takes it for one, whatever a path has in it.
std::string Quoted(const std::string& word) {
  const bool plain = std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("-_=./:,", c);
  });
  return plain ? word
               : absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}),
                              "'");
}

// How the user calls the program `name`, which is beside the one that ran.
std::string ProgramAsTyped(const DistillOptions& options,
                           const std::string& name) {
  if (std::getenv("BUILD_WORKING_DIRECTORY") != nullptr) {
    return absl::StrCat("bazel run //cli:", name, " --");
  }
  const std::string program =
      options.data.program.empty() ? "distill" : options.data.program;
  return absl::StrCat(program.substr(0, program.rfind('/') + 1), name);
}

// A command of `program` with the flags that `is_kept`, and then `more`, as
// its user would type it.
std::string CommandWith(
    const DistillOptions& options, const Settings& settings,
    const std::string& program,
    const std::function<bool(const Setting&)>& is_kept,
    const std::vector<std::pair<std::string, std::string>>& more) {
  // Of one run alone, or said anew.
  std::set<std::string> passed_over = {"output_dir", "overwrite", "resume",
                                       "print_config"};
  for (const auto& [name, value] : more) passed_over.insert(name);
  std::string command = ProgramAsTyped(options, program);
  std::set<const void*> said;  // A setting may have two names.
  for (const Setting& row : settings.rows()) {
    if (!is_kept(row) || passed_over.count(row.name()) > 0) continue;
    if (!said.insert(row.address()).second) continue;
    std::vector<std::string> paths = row.Elements();
    for (std::string& path : paths) {
      if (row.is_path() && !path.empty()) path = AbsolutePath(path);
    }
    absl::StrAppend(
        &command, " ",
        Quoted(absl::StrCat("--", row.name(), "=", absl::StrJoin(paths, ","))));
  }
  for (const auto& [name, value] : more) {
    absl::StrAppend(&command, " --", name, "=", value);
  }
  return command;
}

// What makes this run again, whatever file its settings came from.
std::string RepeatCommand(const DistillOptions& options,
                          const Settings& settings) {
  const auto is_kept = [](const Setting& row) {
    return row.IsGiven() && row.name() != "config" && row.name() != "json" &&
           row.name() != "quiet";
  };
  return CommandWith(options, settings, "distill", is_kept, {});
}

// A command worth trying after this run: its own with more flags, or the export
// of what it has left.
std::string NextCommand(const DistillOptions& options, const Settings& settings,
                        const SeedsResult& result, int64_t training_images) {
  // So few that a teacher can help.
  const int64_t few = std::min<int64_t>(1000, training_images / 10);
  std::vector<std::pair<std::string, std::string>> more;
  if (result.runs.size() == 1 && result.control) {
    more.emplace_back("seeds", "5");
    if (options.experiment.labels == 0 && few >= 10) {
      more.emplace_back("labels", absl::StrCat(few));
    }
  } else if (result.pairs_to_decide > 0) {
    more.emplace_back("seeds", absl::StrCat(result.pairs_to_decide));
  } else if (options.output_dir.empty()) {
    more.emplace_back("output_dir", "distill_out");
  } else if (!options.student_files.from.empty()) {
    return absl::StrCat(
        ProgramAsTyped(options, "evaluate"), " ",
        Quoted(absl::StrCat("--model=", options.output_dir, "/", kScriptFile)),
        " --trust_model_code");
  } else {
    DataOptions data = options.data;
    Settings of_data = SettingsOf(data);
    more = {{"model", Quoted(options.output_dir + "/" + kStudentFile)},
            {"format", "c"},
            {"int8", "true"},
            {"output", "student.h"}};
    if (!options.data.names_data()) {
      more.emplace_back("dataset", "mnist");
    }
    const auto is_data = [&of_data](const Setting& row) {
      return row.typed() && of_data.Find(row.name()) != nullptr;
    };
    return CommandWith(options, settings, "export", is_data, more);
  }
  if (!options.output_dir.empty()) {
    more.emplace_back("output_dir", Quoted(options.output_dir + "_2"));
  }
  const auto is_kept = [](const Setting& row) { return row.typed(); };
  return CommandWith(options, settings, "distill", is_kept, more);
}

absl::Status CheckOptions(const DistillOptions& options,
                          const Settings& settings) {
  absl::Status status = settings.CheckRanges();
  status.Update(options.Validate());
  if (options.labels_per_class > 0 && options.experiment.labels > 0) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "--labels is ", options.experiment.labels, " and --labels_per_class ",
        options.labels_per_class, "; pass one of them")));
  }
  status.Update(settings.CheckApplies());
  const auto typed = [&options](const char* name) {
    return options.given.count(name) > 0;
  };
  if (typed("teacher_from") && typed("teacher_weights")) {
    status.Update(absl::InvalidArgumentError(
        "--teacher_from and --teacher_weights are two names for one flag; "
        "several files have commas between them"));
  }
  if ((typed("teacher_from") || typed("teacher_weights")) &&
      options.teacher_files.from.empty()) {
    status.Update(absl::InvalidArgumentError(
        "--teacher_from is empty; it must name a file"));
  }
  return status;
}

}  // namespace

int RunDistill(const DistillOptions& asked, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console_options,
               Ranks& ranks) {
  const Ending end = {out, err, console_options};
  DistillOptions options = asked;
  ExperimentOptions& experiment = options.experiment;
  Settings settings = SettingsOf(options);
  settings.MarkTyped(options.given);
  const absl::Status valid = CheckOptions(options, settings);
  if (!valid.ok()) return end.Error(valid);
  const std::string repeat = RepeatCommand(options, settings);
  experiment.judges_epochs = !options.output_dir.empty();
  const auto teacher = OpenTeacher(options.teacher_files, &experiment);
  if (!teacher.ok()) return end.Error(teacher.status());
  TeacherSource& source = **teacher;
  const auto student = OpenStudent(options.student_files, &experiment);
  if (!student.ok()) return end.Error(student.status());
  ComputeOptions compute_options = options.compute;
  compute_options.runs_at_once =
      std::min(compute_options.runs_at_once, options.seeds);
  const auto compute = ResolveCompute(compute_options, ranks);
  if (!compute.ok()) return end.Error(compute.status());

  Console console(out, err, console_options);
  const auto splits = LoadSplits(options.data, console, options.unlabelled);
  if (!splits.ok()) return end.Error(splits.status());

  const Dataset& train = *splits->train;
  const int64_t most_per_class = train.count / train.classes;
  if (options.labels_per_class > most_per_class) {
    return end.Error(absl::InvalidArgumentError(absl::StrFormat(
        "--labels_per_class is %d; with %d training images of %d classes "
        "it must be at most %d",
        options.labels_per_class, train.count, train.classes, most_per_class)));
  }
  if (options.labels_per_class > 0) {
    experiment.labels = options.labels_per_class * splits->train->classes;
  }

  const Json configuration = ConfigurationJson(
      settings, source.crc32(), (*student)->crc32(), *compute, *splits);
  if (options.print_config) {
    const absl::Status runs =
        CheckExperiment(experiment, *splits, source, **student);
    if (!runs.ok()) return end.Error(runs);
    out << JsonText(configuration, 2) << std::endl;
    return 0;
  }
  const absl::Status same = CheckSame(*compute, settings, configuration);
  if (!same.ok()) return end.Error(same);
  if (ranks.rank() > 0) options.output_dir.clear();
  if (!options.output_dir.empty()) {  // Which is left alone then.
    const absl::Status runs =
        CheckExperiment(experiment, *splits, source, **student);
    if (!runs.ok()) return end.Error(runs);
  }
  absl::StatusOr<std::optional<RunFolder>> folder = std::optional<RunFolder>();
  if (ranks.rank() == 0) folder = OpenFolder(options, configuration, *splits);
  if (!folder.ok()) return end.Error(folder.status());

  std::optional<CheckpointFolder> checkpoints;
  if (*folder) {
    checkpoints.emplace((*folder)->checkpoints(), options.checkpoint_every,
                        console);
    if ((*folder)->resumes()) {
      console.OnLine("resume:  goes on with the run in " + (*folder)->path());
    }
  }
  if (!options.config.empty()) {
    const std::string others =
        DifferencesFromFile(options.config, configuration);
    console.OnLine(absl::StrCat(
        "config:  ", options.config,
        others.empty() ? "" : absl::StrCat("; other than there: ", others)));
  }
  const std::vector<std::string> remarks = Remarks(*splits);
  for (const std::string& line : remarks) console.OnLine(line);
  LogRanks(*compute, console);
  const double start_seconds = SecondsSinceStart();
  if (source.crc32()) {
    const auto judged = GetTeacher(experiment, *compute, *splits, console,
                                   source, /*introduces=*/false, **student);
    if (absl::IsCancelled(judged.status())) {
      return end.Interruption(judged.status(), /*kept=*/false,
                              checkpoints.has_value());
    }
    if (!judged.ok()) return end.Error(judged.status());
  }
  const auto result =
      RunSeeds(options, *compute, *splits, console, source,
               checkpoints ? &*checkpoints : nullptr, **student);
  if (absl::IsCancelled(result.status())) {
    return end.Interruption(result.status(), checkpoints.has_value(),
                            checkpoints.has_value());
  }
  if (!result.ok()) return end.Error(result.status());

  ReportContext report;
  const Json what_ran =
      WhatRan(configuration, options, result->runs[0], *splits);
  const std::string message = "The student has learnt the teacher's wisdom.";
  report.printed = {{"status", "success"},
                    {"message", message},
                    {"finalLoss", Number(MeanFinalLoss(*result))}};
  report.printed.update(what_ran);
  report.printed["remarks"] = remarks;
  if (ranks.size() > 1) report.printed["processes"] = ranks.size();
  report.printed["startSeconds"] = Number(start_seconds);
  report.printed.update(ResultJson(*result, experiment.seed));
  absl::Status written;
  if (*folder) {
    report.what_ran = ByGroup(settings, what_ran);
    if (ranks.size() > 1) report.what_ran["Found"]["processes"] = ranks.size();
    report.command = repeat;
    report.version = absl::StrJoin(
        absl::StrSplit(VersionText("distill"), '\n', absl::SkipEmpty()), ", ");
    report.ended = std::time(nullptr);
    report.date = DateOf(report.ended);
    report.remarks = remarks;
    report.formula = experiment.loss.Formula();
    report.first_seed = experiment.seed;
    report.temperature = experiment.loss.kd.temperature;
    report.compute = *compute;
    report.train = splits->train;
    report.test = splits->test;
    written = WriteResults(report, experiment, source, **student, *result,
                           **folder, console);
  }
  console.OnLine("");
  const std::string verdict =
      absl::StrFormat("%s (%.1f s)", VerdictLine(*result), result->seconds);
  console.OnLine(console_options.color ? Colored(verdict, result->verdict)
                                       : verdict);
  if (!written.ok()) {
    err << "distill: " << written.message() << std::endl;
    report.printed["status"] = "error";
    report.printed["message"] = written.message();
    // The same terminal shows it already.
    if (console_options.brief_errors()) report.printed.erase("message");
  } else {
    console.OnLine(
        *folder ? absl::StrCat("report:  ", (*folder)->path(), "/", kReportFile)
                : "report:  none; nothing was written without "
                  "--output_dir");
    console.OnLine("next:    " + NextCommand(options, settings, *result,
                                             result->runs[0].training_images));
  }
  PrintResult(report.printed, console_options.brief, out);
  return written.ok() ? 0 : 1;
}

}  // namespace distill
