// What main() does around a program that may be one of several processes.
#ifndef DISTILL_CLI_RANKS_PROGRAM_H_
#define DISTILL_CLI_RANKS_PROGRAM_H_

#include <functional>

#include "absl/status/statusor.h"
#include "cli/program.h"
#include "training/ranks.h"

namespace distill {

// Joins the processes (training/world.h), and is RunProgram for `run` on each.
// Rank 0 alone speaks; of the others `quiet` is set, and what one of them has
// to say of an error is said with its number and host.
int RunOnRanks(Program program, Settings& settings, bool& quiet, int argc,
               char** argv,
               const std::function<absl::StatusOr<int>(Ranks&)>& run);

}  // namespace distill

#endif  // DISTILL_CLI_RANKS_PROGRAM_H_
