// How every program of this folder ends.
#ifndef DISTILL_CLI_ERRORS_H_
#define DISTILL_CLI_ERRORS_H_

#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "nlohmann/json_fwd.hpp"

namespace distill {

// Writes `result`, an object, as the last line of a program; if it is `brief`,
// no more of it than "status", "message" and "finalLoss", to four decimals.
void PrintResult(const nlohmann::ordered_json& result, bool brief,
                 std::ostream& out);

// The end of a run of `program` that failed with `status`: the reason on `err`,
// and on `out`, as one line, a JSON object of "status" ("error") and "message";
// if it is `brief`, without the message, which the same terminal shows already.
// Returns the exit code: 2 for wrong flags (InvalidArgument), 128 and the
// signal's number where one stopped it (Cancelled), else 1.
int EndWithError(const std::string& program, const absl::Status& status,
                 std::ostream& out, std::ostream& err, bool brief = false);

}  // namespace distill

#endif  // DISTILL_CLI_ERRORS_H_
