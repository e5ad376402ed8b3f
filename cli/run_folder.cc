#include "cli/run_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "training/checkpoint_folder.h"

namespace distill {
namespace {

// A file that is there if and only if all others of a finished run are, and one
// that is there from the beginning.
constexpr char kLast[] = "report.json";
constexpr char kFirst[] = "config.json";

// In the folder of the training states, once results are being written.
constexpr char kResultsMark[] = "results-begun";

absl::Status Remove(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, ": found \"", error.message(),
      "\" when removing it; expected to make room for another run. Remove it, "
      "or pass another --output_dir."));
}

}  // namespace

absl::Status CheckFree(const std::string& path, const std::string& advice) {
  if (!IsThere(path)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path,
                   ": found something that this run has not written; expected "
                   "nothing, because the run will write there. ",
                   advice));
}

absl::Status CheckReplaceable(const std::string& path,
                              const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (!IsSameFile(path, input)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": found ", input,
                     ", which is read and would be lost; expected another "
                     "file to write. Pass another path for the output."));
  }
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!error && std::filesystem::is_regular_file(status) &&
      access(path.c_str(), W_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": found a file that may not be written (", std::strerror(errno),
        "); expected one that may, or nothing. Move it away, or pass another "
        "path for the output."));
  }
  // A link that leads where the user may not look.
  if (status.type() == std::filesystem::file_type::none) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": found \"", error.message(),
        "\" when looking at it; expected a file or nothing. Move it away, or "
        "pass another path for the output."));
  }
  if (!std::filesystem::exists(status) ||
      std::filesystem::is_regular_file(status)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      path, ": found a ",
      std::filesystem::is_directory(status) ? "folder" : "pipe or device",
      "; expected a file or nothing. Move it away, or pass another path for "
      "the output."));
}

absl::StatusOr<RunFolder> RunFolder::Open(const Options& options,
                                          const Json& configuration) {
  RETURN_IF_ERROR(MakeFolder(options.path));
  RunFolder folder(options.path);
  ASSIGN_OR_RETURN(folder.lock_, FolderLock::Take(options.path));
  RETURN_IF_ERROR(folder.Prepare(options, configuration));
  return folder;
}

absl::Status RunFolder::CheckNames(const Options& options) const {
  absl::Status status;
  std::vector<std::string> names = options.results;
  names.insert(names.end(), {kFirst, kLast});
  std::map<std::string, std::string> name_of;  // By what links lead to.
  for (const std::string& name : names) {
    status.Update(CheckReplaceable(Path(name), options.inputs));
    const auto [other, is_new] = name_of.emplace(FileBehind(Path(name)), name);
    if (is_new) continue;
    status.Update(absl::FailedPreconditionError(absl::StrCat(
        Path(name), ": found a link to the file that ", other->second,
        " is too; expected a file of its own, or one of the two would be lost. "
        "Remove the link.")));
  }
  if (!status.ok() || options.overwrite) return status;
  if (IsThere(Path(kLast))) {
    return absl::AlreadyExistsError(absl::StrCat(
        Path(kLast),
        ": found a finished run; expected none. Pass --overwrite to replace "
        "it, or another --output_dir."));
  }
  if (resumes_) return absl::OkStatus();
  if (IsThere(Path(kFirst))) {
    return absl::AlreadyExistsError(absl::StrCat(
        Path(kFirst),
        ": found a run that was not finished; expected none. Pass --resume to "
        "go on with it, --overwrite to begin again, or another --output_dir."));
  }
  std::error_code error;
  if (!std::filesystem::is_empty(checkpoints(), error)) {
    status =
        CheckFree(checkpoints(), "Move it away, or pass another --output_dir.");
  }
  return status;
}

absl::Status RunFolder::CheckSameRun(const Json& configuration) const {
  ASSIGN_OR_RETURN(const auto text, ReadFile(Path(kFirst)));
  const Json found = ParseJson(text);
  const std::string differences = found.is_object()
                                      ? Differences(found, configuration)
                                      : "the file is damaged";
  if (differences.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      Path(kFirst), ": found a run of another configuration: ", differences,
      "; expected the one that goes on. Pass the flags of that run, "
      "--overwrite to begin again, or another --output_dir."));
}

absl::Status RunFolder::RemoveRun() const {
  // The last one first: what is left, if this is stopped, is unfinished.
  absl::Status status = Remove(Path(kLast));
  if (status.ok()) status = RemoveStates();
  if (status.ok()) status = Remove(Path(kFirst));
  return status;
}

absl::Status RunFolder::RemoveStates() const {
  std::error_code error;
  std::vector<std::string> states;
  for (std::filesystem::directory_iterator entry(checkpoints(), error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string name = WithoutPart(entry->path().filename().string());
    if (name == kResultsMark || CheckpointFolder::IsStateFile(name)) {
      states.push_back(entry->path().string());
    }
  }
  for (const std::string& state : states) {
    RETURN_IF_ERROR(Remove(state));
  }
  rmdir(checkpoints().c_str());  // Where it is not empty it stays.
  return absl::OkStatus();
}

absl::Status RunFolder::Prepare(const Options& options,
                                const Json& configuration) {
  resumes_ = options.resume && !options.overwrite && IsThere(Path(kFirst));
  absl::Status status = CheckNames(options);
  if (status.ok() && options.overwrite) status = RemoveRun();
  if (status.ok() && resumes_) status = CheckSameRun(configuration);
  const bool own_results =
      resumes_ && IsThere(absl::StrCat(checkpoints(), "/", kResultsMark));
  if (!options.overwrite && !own_results) {
    for (const std::string& name : options.results) {
      status.Update(CheckFree(Path(name),
                              "Move it away, pass --overwrite to replace it, "
                              "or another --output_dir."));
    }
  }
  if (status.ok() && !resumes_) {
    status = Write(kFirst, JsonText(configuration, 2) + "\n");
  }
  if (status.ok()) status = MakeFolder(checkpoints());
  return status;
}

absl::Status RunFolder::Write(const std::string& name,
                              const std::string& contents) {
  return WriteFile(Path(name), contents);
}

absl::Status RunFolder::BeginResults() {
  return WriteFile(absl::StrCat(checkpoints(), "/", kResultsMark), "");
}

absl::Status RunFolder::Finish() { return RemoveStates(); }

}  // namespace distill
