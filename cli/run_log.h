// The runs of a sweep on the disk, so that one that was stopped goes on.
#ifndef DISTILL_CLI_RUN_LOG_H_
#define DISTILL_CLI_RUN_LOG_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/files.h"
#include "experiment/sweep.h"
#include "nlohmann/json.hpp"

namespace distill {

// The file FOLDER/runs.jsonl: a line of JSON for each run, with what identifies
// it and its scores. Each line also has the configuration, which is all that
// the runs of a sweep have in common and their results depend on. Numbers come
// back as they were, to the bit.
class RunLog {
 public:
  // Opens the file of `folder`, which must be there, or makes it. Only one
  // process at a time has the folder.
  //
  // Where the last line is torn (the process or the machine stopped in the
  // middle of it) it is taken off the file.
  //
  // Errors: FailedPrecondition if another process has it, if a line is not a
  // run's, or if the runs there have another configuration, with what differs;
  // else the system's error (absl::ErrnoToStatus). Each has the path and what
  // to do.
  static absl::StatusOr<RunLog> Open(const std::string& folder,
                                     nlohmann::ordered_json configuration);

  // What it held when it was opened.
  const std::vector<SweepRun>& runs() const { return runs_; }
  // Whether a torn line was taken off.
  bool was_torn() const { return was_torn_; }
  const std::string& path() const { return path_; }

  // Adds a line. When this returns it is on the disk.
  absl::Status Append(const SweepRun& run);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  RunLog() = default;
  absl::Status Read();
  absl::Status Add(const std::string& line, int64_t number);
  absl::Status CheckConfiguration(const nlohmann::ordered_json& found) const;
  absl::Status NoRun(int64_t number, const std::string& why) const;

  std::string path_;
  nlohmann::ordered_json configuration_;
  std::vector<SweepRun> runs_;
  bool was_torn_ = false;
  std::optional<FolderLock> lock_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace distill

#endif  // DISTILL_CLI_RUN_LOG_H_
