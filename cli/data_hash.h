// The program `data_hash`, without its flags: what tests call.
#ifndef DISTILL_CLI_DATA_HASH_H_
#define DISTILL_CLI_DATA_HASH_H_

#include <ostream>

#include "cli/console.h"
#include "cli/paths.h"

namespace distill {

struct DataHashOptions {
  DataOptions data;
  OutputOptions output = {};

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    data.AddSettings(table);
    output.AddSettings(table);
  }
};

// Says which images and labels a data set has, split by split: how many, and
// the checksums of Dataset. Lines for people to `out`, and as its last line the
// same as one JSON object; progress and the reason of an error to `err`.
// Returns the exit code: 0, 1 for an error, 2 for options out of range.
int RunDataHash(const DataHashOptions& options, std::ostream& out,
                std::ostream& err, const ConsoleOptions& console);

}  // namespace distill

#endif  // DISTILL_CLI_DATA_HASH_H_
