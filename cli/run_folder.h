// The folder that a run leaves behind, from its first file to its last.
#ifndef DISTILL_CLI_RUN_FOLDER_H_
#define DISTILL_CLI_RUN_FOLDER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/files.h"
#include "report/result_json.h"

namespace distill {

// AlreadyExists, naming it, if anything is at `path`; `advice` says what to do.
absl::Status CheckFree(const std::string& path, const std::string& advice);

// OK if `path` may be written over: nothing is there, or a file, also by way of
// a link. FailedPrecondition, naming it, for a folder, pipe or device, and for
// one of `inputs`, which are read and would be lost.
absl::Status CheckReplaceable(const std::string& path,
                              const std::vector<std::string>& inputs);

// A run is unfinished as long as there is a config.json and no report.json,
// which is written last.
class RunFolder {
 public:
  struct Options {
    std::string path;  // Absolute.
    bool resume = false;
    bool overwrite = false;
    // The files that the run will write there, besides config.json and
    // report.json.
    std::vector<std::string> results;
    // Paths that it reads, and must not write over.
    std::vector<std::string> inputs;
  };

  // Makes the folder for a run of `configuration` (all that its bits depend
  // on), locks it for this process and writes config.json.
  //
  // Errors: FailedPrecondition if another process has it; AlreadyExists if it
  // holds a finished run, an unfinished one without options.resume, or anything
  // else under a name that the run will write, unless options.overwrite, which
  // replaces them; FailedPrecondition, with all that differs, for an unfinished
  // run of another configuration; those of CheckReplaceable, also with
  // options.overwrite; else those of MakeFolder, ReadFile and WriteFile.
  static absl::StatusOr<RunFolder> Open(const Options& options,
                                        const Json& configuration);

  // Whether it held an unfinished run to go on with.
  bool resumes() const { return resumes_; }
  // Of the training states (training/checkpoint_folder.h); is there.
  std::string checkpoints() const { return path_ + "/checkpoint"; }
  // Writes a file of the folder.
  absl::Status Write(const std::string& name, const std::string& contents);
  const std::string& path() const { return path_; }

  // To be called before the first of options.results is written: from then on
  // what has these names is the run's own, also for one that resumes it.
  absl::Status BeginResults();

  // Removes the training states of a run that is over.
  absl::Status Finish();

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  absl::Status Prepare(const Options& options, const Json& configuration);
  absl::Status CheckNames(const Options& options) const;
  absl::Status CheckSameRun(const Json& configuration) const;
  absl::Status RemoveRun() const;
  // Removes what this program keeps in checkpoints(), and the folder if that
  // was all.
  absl::Status RemoveStates() const;
  std::string Path(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
  std::optional<FolderLock> lock_;
  bool resumes_ = false;
};

}  // namespace distill

#endif  // DISTILL_CLI_RUN_FOLDER_H_
