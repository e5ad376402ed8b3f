#include "cli/sweep.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/errors.h"
#include "cli/run_folder.h"
#include "cli/run_log.h"
#include "experiment/sweep.h"
#include "report/result_json.h"
#include "report/sweep_report.h"

namespace distill {
namespace {

absl::Status CheckOptions(const SweepArguments& arguments,
                          const Settings& settings) {
  absl::Status status = settings.CheckRanges();
  status.Update(arguments.Validate());
  if (arguments.output_dir.empty()) {
    status.Update(absl::InvalidArgumentError(
        "--output_dir is empty; it must be the folder for the runs and the "
        "results"));
  }
  status.Update(settings.CheckApplies());
  return status;
}

std::vector<std::vector<std::string>> FactsOf(const Json& configuration) {
  std::vector<std::vector<std::string>> facts;
  for (const auto& item : configuration.items()) {
    facts.push_back({item.key(), item.value().is_string()
                                     ? item.value().get<std::string>()
                                     : JsonText(item.value())});
  }
  return facts;
}

// Keeps the runs and the tables in the folder.
class SweepFolder : public SweepObserver {
 public:
  SweepFolder(const std::string& folder, const Json& configuration, RunLog& log)
      : folder_(folder), configuration_(configuration), log_(log) {}

  absl::Status OnRun(const SweepRun& run) override { return log_.Append(run); }

  absl::Status OnSeed(const SweepResult& result) override {
    absl::Status status = WriteFile(folder_ + "/sweep.csv", SweepCsv(result));
    status.Update(WriteFile(folder_ + "/sweep.html",
                            SweepPage(result, FactsOf(configuration_))));
    return status;
  }

 private:
  const std::string& folder_;
  const Json& configuration_;
  RunLog& log_;
};

Json ChosenJson(const SweepResult& result) {
  Json chosen = Json::array();
  for (const SweepCellResult& cell : result.cells) {
    if (!cell.chosen) continue;
    chosen.push_back({{"labels", cell.cell.labels},
                      {"method", cell.cell.method},
                      {"temperature", cell.cell.temperature},
                      {"alpha", cell.cell.alpha},
                      {"validationAccuracy", IntervalJson(cell.validation)},
                      {"difference", IntervalJson(cell.difference)},
                      {"verdict", VerdictName(cell.verdict)},
                      {"testAccuracy", IntervalJson(cell.test)},
                      {"testDifference", IntervalJson(cell.test_difference)},
                      {"testVerdict", VerdictName(cell.test_verdict)}});
  }
  return chosen;
}

// Whether the tables may be written: they are this sweep's own if it has runs.
absl::Status CheckTables(const std::string& folder, const RunLog& log,
                         const std::vector<std::string>& inputs) {
  absl::Status status;
  for (const char* name : {"/sweep.csv", "/sweep.html"}) {
    status.Update(CheckReplaceable(folder + name, inputs));
    if (log.runs().empty() && !log.was_torn()) {
      status.Update(CheckFree(folder + name,
                              "Move it away, or pass another --output_dir."));
    }
  }
  return status;
}

absl::Status Run(SweepArguments arguments, std::ostream& out, std::ostream& err,
                 const ConsoleOptions& console_options, Ranks& ranks) {
  const auto start = std::chrono::steady_clock::now();
  Settings settings = SettingsOf(arguments);
  settings.MarkTyped(arguments.given);
  RETURN_IF_ERROR(CheckOptions(arguments, settings));
  ASSIGN_OR_RETURN(const auto teacher,
                   OpenTeacher(arguments.teacher_files, &arguments.experiment));
  ComputeOptions compute_options = arguments.compute;
  compute_options.deterministic = true;
  const auto runs = static_cast<int64_t>(
      arguments.labels.size() * arguments.methods.size() *
      arguments.temperatures.size() * arguments.alphas.size());
  compute_options.runs_at_once =
      std::min(compute_options.runs_at_once, runs * arguments.seeds);
  ASSIGN_OR_RETURN(const auto compute, ResolveCompute(compute_options, ranks));
  Console console(out, err, console_options);
  ASSIGN_OR_RETURN(const auto data,
                   LoadSplits(arguments.data, console, arguments.unlabelled));
  // The default is for sets that have no images for it.
  if (data.validation != nullptr && !settings.Find("validation")->typed()) {
    arguments.experiment.validation = 0;
  }
  Json configuration = ConfigurationOf(settings, compute, data);
  if (const auto crc32 = teacher->crc32()) {
    configuration["teacherWeightsCrc32"] = absl::StrFormat("%08x", *crc32);
  }
  RETURN_IF_ERROR(CheckSame(compute, settings, configuration));
  if (ranks.rank() > 0) {
    SweepObserver nobody;
    return RunSweep(arguments, compute, data, *teacher, {}, nobody, console)
        .status();
  }
  const absl::Status made = MakeFolder(arguments.output_dir);
  if (!made.ok()) return made;
  ASSIGN_OR_RETURN(auto log, RunLog::Open(arguments.output_dir, configuration));
  RETURN_IF_ERROR(CheckTables(arguments.output_dir, log, FilesOf(data)));

  if (log.was_torn()) {
    console.OnLine(absl::StrCat(
        "torn: the last line of ", log.path(),
        " was written in part, and is taken off; its run is made again"));
  }
  const std::vector<std::string> remarks = Remarks(data);
  for (const std::string& line : remarks) console.OnLine(line);
  LogRanks(compute, console);
  SweepFolder sweep_folder(arguments.output_dir, configuration, log);
  ASSIGN_OR_RETURN(const auto result,
                   RunSweep(arguments, compute, data, *teacher, log.runs(),
                            sweep_folder, console));
  RETURN_IF_ERROR(sweep_folder.OnSeed(result));

  std::ostream silent(nullptr);
  std::ostream& lines = console_options.quiet ? silent : out;
  lines << SweepTable(result);
  for (const SweepCellResult& cell : result.cells) {
    if (cell.chosen) lines << ChosenLine(cell) << "\n";
  }
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  const std::string message = absl::StrFormat(
      "The sweep of %s is in %s: sweep.html, sweep.csv and runs.jsonl.",
      Count(static_cast<int64_t>(result.cells.size()), "cell"),
      arguments.output_dir);
  Json json = {{"status", "success"},
               {"message", message},
               {"cells", result.cells.size()},
               {"seeds", arguments.seeds},
               {"outputDir", arguments.output_dir},
               {"seconds", seconds.count()},
               {"chosen", ChosenJson(result)},
               {"remarks", remarks}};
  json.update(configuration);
  if (!console_options.brief) lines << message << "\n";
  PrintResult(json, console_options.brief, out);
  return absl::OkStatus();
}

}  // namespace

int RunSweepProgram(const SweepArguments& arguments, std::ostream& out,
                    std::ostream& err, const ConsoleOptions& console,
                    Ranks& ranks) {
  const absl::Status status = Run(arguments, out, err, console, ranks);
  return status.ok()
             ? 0
             : EndWithError("sweep", status, out, err, console.brief_errors());
}

}  // namespace distill
