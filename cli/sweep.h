// The program `sweep`, without its flags: what tests call.
#ifndef DISTILL_CLI_SWEEP_H_
#define DISTILL_CLI_SWEEP_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "cli/console.h"
#include "cli/experiment_arguments.h"

namespace distill {

// `compute.deterministic` is not looked at: a sweep that is stopped trains the
// same teacher again, and so always computes what gives the same bits.
struct SweepArguments : ExperimentArguments {
  SweepArguments() { experiment.validation = 5000; }

  // The flags of the same names: values with commas between them.
  std::string labels = "0";
  std::string method = "kd";
  std::string temperature = "1,2,4,8";
  std::string alpha = "0.1,0.5,0.9";
  int64_t seeds = 5;
  std::string output_dir;
};

// The sweep (training/sweep.h). Keeps its runs in output_dir and takes over
// those that it finds there (cli/run_log.h); leaves sweep.csv and sweep.html
// there after each seed. Writes lines for people to `out`, and as its last line
// the result as one JSON object; progress and the reason of an error to `err`.
// Returns the exit code: 0, 1 for an error, 2 for options out of range.
int RunSweepProgram(const SweepArguments& arguments, std::ostream& out,
                    std::ostream& err, const ConsoleOptions& console);

}  // namespace distill

#endif  // DISTILL_CLI_SWEEP_H_
