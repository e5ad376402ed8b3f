// Abseil flags, read so that a wrong one is a Status and not the end of the
// process: every program of this folder ends with its JSON result, also then.
#ifndef DISTILL_CLI_FLAGS_H_
#define DISTILL_CLI_FLAGS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace distill {

// Sets the flags that `arguments` (without the program's name) name. Forms:
// --name=value, --name value, --switch, --noswitch; one dash serves as well.
// True if --help (or -h) was among them, whatever else was.
//
// InvalidArgument, naming the flag and what was found, for an unknown flag
// (with the names that may be meant), a value that is not of the flag's type, a
// missing value, or an argument that is no flag. Where `others` is given,
// arguments that are no flags go there, and all that come after "--".
absl::StatusOr<bool> ParseFlags(const std::vector<std::string>& arguments,
                                std::vector<std::string>* others = nullptr);

// The names of the flags that the last call of ParseFlags has set.
const std::set<std::string>& GivenFlags();

// Whether a flag has any effect on what was asked for, and if not, why.
struct FlagCondition {
  std::string flag;  // Its name.
  bool applies = true;
  std::string why_not;  // "--method=at does not use it".
};

// InvalidArgument for the first flag that is `given` and does not apply.
absl::Status CheckApplies(const std::set<std::string>& given,
                          const std::vector<FlagCondition>& conditions);

// The text of --help: `usage`, then each flag that is defined in one of the
// source files `files` (pass __FILE__), with its help and its default, in
// alphabetical order, no line wider than 80 columns.
std::string HelpText(const std::string& usage,
                     const std::vector<std::string>& files);

}  // namespace distill

#endif  // DISTILL_CLI_FLAGS_H_
