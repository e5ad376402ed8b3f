// What every main() of this folder does around its own work.
#ifndef DISTILL_CLI_PROGRAM_H_
#define DISTILL_CLI_PROGRAM_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/settings.h"

namespace distill {

struct Program {
  std::string name;   // For errors: "distill".
  std::string usage;  // What --help begins with.
  // Whether it may be one of several processes that mpirun or srun started, and
  // has joined them. Any other that was is refused: each would do the same.
  bool joins_ranks = false;
};

// Whether all that was printed arrived: `code`, or 1 if it was 0 and stdout is
// closed or full, of which stderr then tells.
int FinishOutput(const std::string& program, int code);

// What every program does first, so that what it works on is worth more than
// its lines: a reader of stdout that goes away does not end the process
// (SIGPIPE), and a write beyond the limit of file sizes fails as on a full disk
// (SIGXFSZ).
void IgnoreSignalsOfWriting();

// What is printed in place of a run, which `instead` of ParseFlags says.
std::string InsteadText(const Program& program, const Settings& settings,
                        const std::string& instead);

// What a program does before its work: LibTorch gets no more threads than can
// be started, which stderr then tells (training/threads.h).
void StartThreads(const std::string& program);

// Does both, and between them reads the flags into `settings`, of which paths
// are as the user meant them (FromUsersFolder); prints help or version on
// stdout if it is asked for; else calls `run`, which returns the exit code.
// Arguments that are no flags are paths, and go to `others`, if that is given.
// Wrong flags, and an error that `run` returns, end as EndWithError says, on
// stdout and stderr. Returns the exit code, by way of FinishOutput.
//
// An exception that nobody caught, of memory that ran out above all, is an
// error of that form too. What has to happen before main() is in start.cc,
// which every program that links this has.
int RunProgram(const Program& program, Settings& settings, int argc,
               char** argv, const std::function<absl::StatusOr<int>()>& run,
               std::vector<std::string>* others = nullptr);

}  // namespace distill

#endif  // DISTILL_CLI_PROGRAM_H_
