// The program `evaluate`, without its flags: what tests call.
#ifndef DISTILL_CLI_EVALUATE_H_
#define DISTILL_CLI_EVALUATE_H_

#include <ostream>
#include <string>

#include "cli/console.h"
#include "cli/paths.h"

namespace distill {

struct EvaluateOptions {
  // A file that models/weights.h describes, or its export (LoadModelOrTwin).
  std::string model;
  DatasetChoice data;
  std::string split = "test";  // Or "train".
};

// Judges the model on the split. Writes lines for people to `out`, and as its
// last line the result as one JSON object; progress and the reason of an error
// to `err`. Returns the exit code: 0, 1 for an error, 2 for options out of
// range.
int RunEvaluate(const EvaluateOptions& options, std::ostream& out,
                std::ostream& err, const ConsoleOptions& console);

}  // namespace distill

#endif  // DISTILL_CLI_EVALUATE_H_
