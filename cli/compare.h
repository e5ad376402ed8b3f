// The program `compare`, without its flags: what tests call.
#ifndef DISTILL_CLI_COMPARE_H_
#define DISTILL_CLI_COMPARE_H_

#include <ostream>
#include <string>
#include <vector>

#include "cli/console.h"

namespace distill {

struct CompareOptions {
  std::vector<std::string> runs;  // Folders of finished runs; at least two.
  std::string output;             // The page; empty: none.
  double margin = 0.5;
  OutputOptions console = {};

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Add("output", &output, "File for the page, for a browser.")
        .Common("file for the page")
        .Path();
    table
        .Add("margin", &margin,
             "Points of test accuracy that do not matter: the verdict is NO "
             "DIFFERENCE where the interval is narrower.")
        .Common("points that do not matter")
        .Above(0);
    console.AddSettings(table);
  }
};

// Puts finished runs side by side, and their students against the first one's.
// Writes lines for people to `out`, and as its last line the result as one JSON
// object; the reason of an error to `err`. Returns the exit code: 0, 1 for an
// error, 2 for options out of range.
int RunCompare(const CompareOptions& options, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console);

}  // namespace distill

#endif  // DISTILL_CLI_COMPARE_H_
