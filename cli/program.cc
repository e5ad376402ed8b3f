#include "cli/program.h"

#include <iostream>

#include "cli/errors.h"
#include "cli/flags.h"

namespace distill {

int RunProgram(const Program& program, int argc, char** argv,
               const std::function<absl::StatusOr<int>()>& run) {
  const auto help = ParseFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (help.ok() && *help) {
    std::cout << HelpText(program.usage, program.flag_files);
    return 0;
  }
  const absl::StatusOr<int> code =
      help.ok() ? run() : absl::StatusOr<int>(help.status());
  return code.ok()
             ? *code
             : EndWithError(program.name, code.status(), std::cout, std::cerr);
}

}  // namespace distill
