// The program `export`, without its flags: what tests call.
#ifndef DISTILL_CLI_EXPORT_H_
#define DISTILL_CLI_EXPORT_H_

#include <optional>
#include <ostream>
#include <set>
#include <string>

#include "cli/console.h"
#include "cli/paths.h"

namespace distill {

struct ExportOptions {
  std::string model;               // A file that models/weights.h describes.
  std::string output;              // The file to write.
  std::string format = "onnx";     // One that ExportFormatsHelp() lists.
  bool int8 = false;               // See CHeaderOptions.
  bool pixels = true;              // See OnnxOptions.
  std::string prefix = "distill";  // See CHeaderOptions.
  std::string teacher;             // A model for the page to show too; or none.
  // Whose test images say how good what is written is; if none is given,
  // nothing says so.
  std::optional<DatasetChoice> data;
  // The names of the flags that the user has set, for CheckApplies.
  std::set<std::string> given;
};

// Writes the model in another form. Lines for people and, as the last one, the
// result as one JSON object go to `out`; progress and the reason of an error to
// `err`. Returns the exit code: 0, 1 for an error, 2 for options out of range.
// The file is there in full or not at all. Where it is stdout itself (or a pipe
// that stdout goes to), the lines go to `err`.
int RunExport(const ExportOptions& options, std::ostream& out,
              std::ostream& err, const ConsoleOptions& console);

// The formats, for people: "onnx (...), ...".
std::string ExportFormatsHelp();

}  // namespace distill

#endif  // DISTILL_CLI_EXPORT_H_
