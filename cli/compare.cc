#include "cli/compare.h"

#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/errors.h"
#include "cli/run_folder.h"
#include "report/analysis.h"
#include "report/compare.h"
#include "report/result_json.h"

namespace distill {
namespace {

// FailedPrecondition unless there is a finished run.
absl::Status CheckRun(const std::string& folder) {
  const auto code = absl::StatusCode::kFailedPrecondition;
  const char* const expected = "the folder of a finished run of distill";
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return Unexpected(code, folder,
                      IsThere(folder) ? "no folder" : "nothing there", expected,
                      "Pass the --output_dir of such a run");
  }
  if (!IsThere(folder + "/config.json")) {
    return Unexpected(code, folder, "no config.json in it", expected,
                      "Pass the --output_dir of such a run");
  }
  if (!IsThere(folder + "/report.json")) {
    return Unexpected(code, folder, "a run that was not finished", expected,
                      "Finish it: distill with its flags and --resume");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ComparedRun>> ReadRuns(
    const std::vector<std::string>& folders) {
  if (folders.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "found ", Count(static_cast<int64_t>(folders.size()), "folder"),
        " of runs; expected two or more. Pass the --output_dir of "
        "each run."));
  }
  std::vector<ComparedRun> runs;
  std::set<std::string> seen;
  for (const std::string& folder : folders) {
    RETURN_IF_ERROR(CheckRun(folder));
    std::error_code error;
    const auto whole = std::filesystem::canonical(folder, error);
    if (!seen.insert(whole.string()).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          folder, ": found twice; expected runs that differ. Leave it out."));
    }
    const auto read = [&](const char* name) {
      return ReadFile(absl::StrCat(folder, "/", name));
    };
    ASSIGN_OR_RETURN(const auto config, read("config.json"));
    ASSIGN_OR_RETURN(const auto report, read("report.json"));
    ASSIGN_OR_RETURN(const auto metrics, read("metrics.jsonl"));
    ASSIGN_OR_RETURN(auto run,
                     ReadComparedRun(folder, config, report, metrics));
    runs.push_back(std::move(run));
  }
  // The last part of a path names a run, where it is enough.
  std::set<std::string> names;
  const auto last = [](const std::string& path) {
    return path.substr(path.rfind('/') + 1);
  };
  for (const ComparedRun& run : runs) names.insert(last(run.name));
  if (names.size() == runs.size() && names.count("") == 0) {
    for (ComparedRun& run : runs) run.name = last(run.name);
  }
  return runs;
}

absl::Status WritePage(const CompareOptions& options,
                       const std::vector<ComparedRun>& runs) {
  if (options.output.empty()) return absl::OkStatus();
  std::vector<std::string> inputs;
  for (const std::string& folder : options.runs) {
    std::error_code error;
    for (const auto& entry :
         std::filesystem::directory_iterator(folder, error)) {
      inputs.push_back(entry.path().string());
    }
  }
  RETURN_IF_ERROR(CheckReplaceable(options.output, inputs));
  return WriteFile(options.output, ComparePage(runs, options.margin));
}

Json RunsJson(const std::vector<ComparedRun>& runs,
              const std::vector<std::string>& folders, double margin) {
  Json json = Json::array();
  for (size_t r = 0; r < runs.size(); ++r) {
    const ComparedRun& run = runs[r];
    Json one = {{"folder", folders[r]}, {"verdict", run.verdict}};
    for (size_t i = 0; i < run.stages.size(); ++i) {
      one[StageName(static_cast<int>(i))] = {
          {"parameters", run.stages[i].parameters},
          {"testAccuracy", IntervalJson(run.stages[i].accuracy)}};
    }
    const StudentsDifference d = CompareStudents(runs[0], run, margin);
    one["lessFirst"] = nullptr;
    if (r > 0 && d.pairs > 0) {
      one["lessFirst"] = {{"pairs", d.pairs},
                          {"difference", IntervalJson(d.difference)},
                          {"verdict", VerdictName(d.verdict)}};
    }
    json.push_back(std::move(one));
  }
  return json;
}

}  // namespace

int RunCompare(const CompareOptions& asked, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console_options) {
  CompareOptions options = asked;
  const auto fail = [&](const absl::Status& status) {
    return EndWithError("compare", status, out, err,
                        console_options.brief_errors());
  };
  const absl::Status in_range = SettingsOf(options).CheckRanges();
  if (!in_range.ok()) return fail(in_range);
  const auto runs = ReadRuns(options.runs);
  if (!runs.ok()) return fail(runs.status());
  const absl::Status written = WritePage(options, *runs);
  if (!written.ok()) return fail(written);

  const std::vector<SettingValues> differ = SettingsThatDiffer(*runs);
  Json settings = Json::object();
  for (const auto& [name, values] : differ) settings[name] = values;
  Console console(out, err, console_options);
  for (const auto line : absl::StrSplit(CompareTable(*runs), '\n')) {
    console.OnLine(std::string(line));
  }
  for (size_t r = 1; r < runs->size(); ++r) {
    console.OnLine(DifferenceLine((*runs)[0], (*runs)[r], options.margin));
  }
  for (const auto& [name, values] : differ) {
    console.OnLine(
        absl::StrCat("differs: ", name, ": ", absl::StrJoin(values, ", ")));
  }
  console.OnLine(options.output.empty()
                     ? "page:    none; --output=compare.html writes it"
                     : "page:    " + options.output);
  PrintResult({{"status", "success"},
               {"message", "The runs have been compared."},
               {"runs", RunsJson(*runs, options.runs, options.margin)},
               {"differs", settings}},
              console_options.brief, out);
  return 0;
}

}  // namespace distill
