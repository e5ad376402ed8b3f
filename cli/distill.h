// The program `distill`, without its flags: what tests call.
#ifndef DISTILL_CLI_DISTILL_H_
#define DISTILL_CLI_DISTILL_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "cli/console.h"
#include "cli/experiment_arguments.h"

namespace distill {

struct DistillOptions : ExperimentArguments {
  // The flags of the same names. experiment.omit_classes is set from this text,
  // and experiment.labels from labels_per_class if that is above 0.
  std::string omit_classes;  // "3" or "3,7".
  int64_t labels_per_class = 0;
  int64_t seeds = 1;
  bool share_teacher = false;
  // A teacher's file (models/weights.h), to be distilled in place of one
  // trained here; experiment.teacher is set from it. Empty: none.
  std::string teacher_weights;
  // What a run leaves behind (README.md); empty: nothing.
  std::string output_dir;
  bool overwrite = false;  // Whether it may replace a run that is there.
  bool resume = false;     // Whether it goes on with one that is there.
  // Steps between two training states, besides the ends of epochs; 0: none.
  int64_t checkpoint_every = 0;
};

// The two-stage run. Writes lines for people to `out`, and as its last line the
// result as one JSON object; progress and the reason of an error to `err`.
// Returns the exit code: 0, 1 for an error, 2 for options out of range.
//
// Stopped by SIGINT, SIGTERM or SIGHUP (see CatchInterrupts) it returns 128 and
// the signal's number, and with an output_dir the training's state is there to
// go on from.
//
// Whether a report can be left is tried before anything is trained. Where that
// fails afterwards all the same, it is an error whose JSON object has the
// result.
int RunDistill(const DistillOptions& options, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console);

}  // namespace distill

#endif  // DISTILL_CLI_DISTILL_H_
