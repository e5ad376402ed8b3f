// The folder that a run leaves behind, from its first file to its last.
#ifndef DISTILL_CLI_RUN_FOLDER_H_
#define DISTILL_CLI_RUN_FOLDER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/files.h"
#include "report/result_json.h"

namespace distill {

// A run is unfinished as long as there is a config.json and no report.json,
// which is written last.
class RunFolder {
 public:
  struct Options {
    std::string path;  // Absolute.
    bool resume = false;
    bool overwrite = false;
  };

  // Makes the folder for a run of `configuration` (all that its bits depend
  // on), locks it for this process and writes config.json.
  //
  // Errors: FailedPrecondition if another process has it; AlreadyExists if it
  // holds a finished run, or an unfinished one without options.resume, unless
  // options.overwrite, which removes them; FailedPrecondition, with all that
  // differs, for an unfinished run of another configuration; else those of
  // MakeFolder, ReadFile and WriteFile.
  static absl::StatusOr<RunFolder> Open(const Options& options,
                                        const Json& configuration);

  // Whether it held an unfinished run to go on with.
  bool resumes() const { return resumes_; }
  // Of the training states (training/folder_keeper.h); is there.
  std::string checkpoints() const { return path_ + "/checkpoint"; }
  // Writes a file of the folder.
  absl::Status Write(const std::string& name, const std::string& contents);
  const std::string& path() const { return path_; }

  // Removes the training states of a run that is over.
  absl::Status Finish();

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  absl::Status Prepare(const Options& options, const Json& configuration);

  std::string path_;
  std::optional<FolderLock> lock_;
  bool resumes_ = false;
};

}  // namespace distill

#endif  // DISTILL_CLI_RUN_FOLDER_H_
