#include "cli/program.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "base/torch_status.h"
#include "cli/console.h"
#include "cli/errors.h"
#include "cli/flags.h"
#include "cli/version.h"
#include "training/threads.h"

namespace distill {
namespace {

// The usage, with this program in its examples as it was called: where it is
// installed there is no Bazel.
std::string UsageAsCalled(const Program& program) {
  if (std::getenv("BUILD_WORKING_DIRECTORY") != nullptr) return program.usage;
  const std::string label = absl::StrCat("bazel run //cli:", program.name);
  return absl::StrReplaceAll(
      program.usage, {{absl::StrCat(label, " --"), program_invocation_name},
                      {label, program_invocation_name},
                      {absl::StrCat("bazel-bin/cli/", program.name),
                       program_invocation_name}});
}

// FailedPrecondition where this process was started as one of several.
absl::Status CheckAlone(const std::string& name) {
  // Open MPI's, MPICH's, and srun's (whose SLURM_NTASKS the shell of salloc has
  // too, which is one process).
  for (const char* variable :
       {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* const value = std::getenv(variable);
    int size = 0;
    if (value == nullptr || !absl::SimpleAtoi(value, &size) || size <= 1) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "this process was started as one of ", size, " (", variable,
        "), and each would do the same work; start ", name,
        " alone. What can be several processes, if it is built with "
        "--config=mpi, are distill, sweep and doctor"));
  }
  return absl::OkStatus();
}

}  // namespace

int FinishOutput(const std::string& program, int code) {
  if (std::cout.flush()) return code;
  std::cerr << program
            << ": stdout: found that it takes no more (it is closed, or its "
               "disk is full); expected to print all. Give it another file or "
               "reader."
            << std::endl;
  return code == 0 ? 1 : code;
}

void IgnoreSignalsOfWriting() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

std::string InsteadText(const Program& program, const Settings& settings,
                        const std::string& instead) {
  if (instead == "help") return ShortHelpText(UsageAsCalled(program), settings);
  if (instead == "help=all") return HelpText(UsageAsCalled(program), settings);
  if (instead == "version") return VersionText(program.name);
  return CompletionText(program.name, instead.substr(instead.find('=') + 1),
                        settings);
}

void StartThreads(const std::string& program) {
  const std::string fewer = UseStartableThreads();
  if (!fewer.empty()) std::cerr << program << ": " << fewer << std::endl;
}

int RunProgram(const Program& program, Settings& settings, int argc,
               char** argv, const std::function<absl::StatusOr<int>()>& run,
               std::vector<std::string>* others) {
  IgnoreSignalsOfWriting();
  const auto instead = ParseFlags(
      std::vector<std::string>(argv + 1, argv + argc), settings, others);
  if (others != nullptr) {
    for (std::string& path : *others) path = FromUsersFolder(path);
  }
  if (instead.ok() && !instead->empty()) {
    std::cout << InsteadText(program, settings, *instead);
    return FinishOutput(program.name, 0);
  }
  int code = 0;
  const absl::Status status =
      instead.ok()
          ? CatchTorchErrors("running " + program.name,
                             [&] {
                               if (!program.joins_ranks) {
                                 RETURN_IF_ERROR(CheckAlone(program.name));
                               }
                               StartThreads(program.name);
                               const absl::StatusOr<int> end = run();
                               if (end.ok()) code = *end;
                               return end.status();
                             })
          : instead.status();
  if (!status.ok()) {
    code = EndWithError(program.name, status, std::cout, std::cerr,
                        ConsoleOptionsOfProcess({}).brief_errors());
  }
  return FinishOutput(program.name, code);
}

}  // namespace distill
