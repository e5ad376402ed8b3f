// How every program of this folder ends when it fails.
#ifndef DISTILL_CLI_ERRORS_H_
#define DISTILL_CLI_ERRORS_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace distill {

// The end of a run of `program` that failed with `status`: the reason on `err`,
// and on `out`, as one line, a JSON object of "status" ("error") and "message".
// Returns the exit code: 2 for wrong flags (InvalidArgument), else 1.
int EndWithError(const std::string& program, const absl::Status& status,
                 std::ostream& out, std::ostream& err);

}  // namespace distill

#endif  // DISTILL_CLI_ERRORS_H_
