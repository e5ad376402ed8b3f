#include "cli/run_folder.h"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace distill {
namespace {

// A file that is there if and only if all others of a finished run are, and one
// that is there from the beginning.
constexpr char kLast[] = "report.json";
constexpr char kFirst[] = "config.json";

bool Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

absl::Status Remove(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, ": found \"", error.message(),
      "\" when removing it; expected to make room for another run. Remove it, "
      "or pass another --output_dir."));
}

}  // namespace

absl::StatusOr<RunFolder> RunFolder::Open(const Options& options,
                                          const Json& configuration) {
  absl::Status status = MakeFolder(options.path);
  if (!status.ok()) return status;
  RunFolder folder(options.path);
  auto lock = FolderLock::Take(options.path);
  if (!lock.ok()) return lock.status();
  folder.lock_ = *std::move(lock);
  status = folder.Prepare(options, configuration);
  if (!status.ok()) return status;
  return folder;
}

absl::Status RunFolder::Prepare(const Options& options,
                                const Json& configuration) {
  const std::string last = absl::StrCat(path_, "/", kLast);
  const std::string first = absl::StrCat(path_, "/", kFirst);
  if (options.overwrite) {
    // The last one first: what is left, if this is stopped, is unfinished.
    absl::Status status = Remove(last);
    if (status.ok()) status = Remove(checkpoints());
    if (status.ok()) status = Remove(first);
    if (!status.ok()) return status;
  } else if (Exists(last)) {
    return absl::AlreadyExistsError(absl::StrCat(
        last,
        ": found a finished run; expected none. Pass --overwrite to replace "
        "it, or another --output_dir."));
  } else if (Exists(first) && !options.resume) {
    return absl::AlreadyExistsError(absl::StrCat(
        first,
        ": found a run that was not finished; expected none. Pass --resume to "
        "go on with it, --overwrite to begin again, or another --output_dir."));
  }
  resumes_ = Exists(first);
  if (resumes_) {
    const auto text = ReadFile(first);
    if (!text.ok()) return text.status();
    const Json found = ParseJson(*text);
    const std::string differences = found.is_object()
                                        ? Differences(found, configuration)
                                        : "the file is damaged";
    if (!differences.empty()) {
      return absl::FailedPreconditionError(absl::StrCat(
          first, ": found a run of another configuration: ", differences,
          "; expected the one that goes on. Pass the flags of that run, "
          "--overwrite to begin again, or another --output_dir."));
    }
  }
  absl::Status status = MakeFolder(checkpoints());
  if (status.ok() && !resumes_) {
    status = Write(kFirst, JsonText(configuration, 2) + "\n");
  }
  return status;
}

absl::Status RunFolder::Write(const std::string& name,
                              const std::string& contents) {
  return WriteFile(absl::StrCat(path_, "/", name), contents);
}

absl::Status RunFolder::Finish() { return Remove(checkpoints()); }

}  // namespace distill
