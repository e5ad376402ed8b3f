#include "cli/ranks_program.h"

#include <iostream>
#include <sstream>

#include "base/status.h"
#include "training/world.h"

namespace distill {

int RunOnRanks(Program program, Settings& settings, bool& quiet, int argc,
               char** argv,
               const std::function<absl::StatusOr<int>(Ranks&)>& run) {
  program.joins_ranks = BuiltWithMpi();
  const auto ranks = JoinWorld();
  std::stringbuf said, result;
  std::streambuf* const out = std::cout.rdbuf();
  std::streambuf* const err = std::cerr.rdbuf();
  if (ranks.ok() && (*ranks)->rank() > 0) {
    std::cout.rdbuf(&result);
    std::cerr.rdbuf(&said);
    quiet = true;
  }
  const int code =
      RunProgram(program, settings, argc, argv, [&]() -> absl::StatusOr<int> {
        RETURN_IF_ERROR(ranks.status());
        return run(**ranks);
      });
  std::cout.rdbuf(out);
  std::cerr.rdbuf(err);
  return LeaveWorld(code, said.str(), result.str());
}

}  // namespace distill
