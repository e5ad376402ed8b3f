#include "cli/run_log.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/json.h"
#include "base/status.h"
#include "experiment/sweep_json.h"

namespace distill {
namespace {

// Whether a line that was not written to its end may be one of ours: it begins
// as RunJson's do, or is of bytes of 0, where the disk kept its length alone.
// Nothing else is ever taken off a file.
bool IsBeginningOfARun(const std::string& line) {
  const absl::string_view begin = "{\"labels\":";
  return absl::StartsWith(line, begin.substr(0, line.size())) ||
         line.find_first_not_of('\0') == std::string::npos;
}

absl::Status SystemError(const std::string& path, const std::string& doing) {
  const int error = errno;
  const absl::StatusCode code = absl::ErrnoToStatusCode(error);
  return absl::Status(
      code == absl::StatusCode::kInvalidArgument
          ? absl::StatusCode::kFailedPrecondition
          : code,
      absl::StrCat(path, ": found \"", std::generic_category().message(error),
                   "\" when ", doing,
                   "; expected to keep the runs there. Make room, or pass "
                   "another --output_dir."));
}

}  // namespace

absl::StatusOr<RunLog> RunLog::Open(const std::string& folder,
                                    Json configuration) {
  RunLog log;
  log.path_ = folder + "/runs.jsonl";
  log.configuration_ = std::move(configuration);
  ASSIGN_OR_RETURN(log.lock_, FolderLock::Take(folder));
  absl::Status status;
  if (!IsThere(log.path_)) status = WriteFile(log.path_, "");
  if (status.ok()) status = log.Read();
  if (!status.ok()) return status;
  log.file_.reset(std::fopen(log.path_.c_str(), "ae"));
  if (log.file_ == nullptr) return SystemError(log.path_, "opening it");
  return log;
}

absl::Status RunLog::Read() {
  ASSIGN_OR_RETURN(const auto contents, ReadFile(path_));
  const std::string& text = contents;
  int64_t number = 0;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    const bool last = end == std::string::npos || end + 1 == text.size();
    if (last && IsBeginningOfARun(line) &&
        (end == std::string::npos || !Json::accept(line))) {
      was_torn_ = true;
      return WriteFile(path_, text.substr(0, begin));
    }
    RETURN_IF_ERROR(Add(line, ++number));
    begin = end + 1;
  }
  return absl::OkStatus();
}

absl::Status RunLog::Add(const std::string& line, int64_t number) {
  // A wrong type or a missing field throws too.
  try {
    const Json json = ParseJson(line);
    if (!json.is_object()) return NoRun(number, "it is no JSON object");
    RETURN_IF_ERROR(CheckConfiguration(json.at("configuration")));
    runs_.push_back(RunFrom(json));
    return absl::OkStatus();
  } catch (const Json::exception& error) {
    return NoRun(number, error.what());
  }
}

absl::Status RunLog::NoRun(int64_t number, const std::string& why) const {
  return absl::FailedPreconditionError(absl::StrCat(
      path_, ": found in line ", number, " no run of a sweep (", why,
      "); expected what this program wrote. Pass another --output_dir, or take "
      "the line out."));
}

absl::Status RunLog::CheckConfiguration(const Json& found) const {
  const std::string differences = Differences(found, configuration_);
  if (differences.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path_, ": found runs of another configuration: ", differences,
      "; expected runs that can be compared. Pass another --output_dir, or the "
      "flags of those runs."));
}

absl::Status RunLog::Append(const SweepRun& run) {
  Json json = RunJson(run);
  json["configuration"] = configuration_;
  const std::string line = JsonText(json) + "\n";
  std::FILE* file = file_.get();
  if (std::fwrite(line.data(), 1, line.size(), file) != line.size() ||
      std::fflush(file) != 0 || fsync(fileno(file)) != 0) {
    return SystemError(path_, "adding a run");
  }
  return absl::OkStatus();
}

}  // namespace distill
