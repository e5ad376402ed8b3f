#include "cli/program.h"

#include <csignal>
#include <iostream>
#include <new>

#include "absl/status/status.h"
#include "cli/errors.h"
#include "cli/flags.h"

namespace distill {
namespace {

// `run`, with memory that runs out outside of LibTorch as an error too.
absl::StatusOr<int> RunInMemory(
    const std::function<absl::StatusOr<int>()>& run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "out of memory. free -m says what there is; ulimit -v and the control "
        "group's limit, what this process may have of it");
  }
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

int RunProgram(const Program& program, int argc, char** argv,
               const std::function<absl::StatusOr<int>()>& run) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto help = ParseFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (help.ok() && *help) {
    std::cout << HelpText(program.usage, program.flag_files);
    return FinishOutput(program.name, 0);
  }
  const absl::StatusOr<int> code =
      help.ok() ? RunInMemory(run) : absl::StatusOr<int>(help.status());
  return FinishOutput(program.name,
                      code.ok() ? *code
                                : EndWithError(program.name, code.status(),
                                               std::cout, std::cerr));
}

}  // namespace distill
