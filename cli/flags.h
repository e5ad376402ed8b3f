// Flags, read so that a wrong one is a Status and not the end of the process:
// every program of this folder ends with its JSON result, also then.
#ifndef DISTILL_CLI_FLAGS_H_
#define DISTILL_CLI_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/settings.h"

namespace distill {

// `path` as the user meant it: relative to the folder the user typed the
// command in, which under `bazel run` is not the process's own
// ($BUILD_WORKING_DIRECTORY). An absolute path stays as it is.
std::string FromUsersFolder(const std::string& path);

// Sets the settings that `arguments` (without the program's name) name. Forms:
// --name=value, --name value, --switch, --noswitch; one dash serves as well.
// Then turns the settings that are paths into what the user meant.
// Returns what is asked for in place of a run, whatever else was: "help" (also
// -h), "help=all", "version", "completion=bash" or "completion=zsh"; else "".
//
// InvalidArgument, naming the flag and what was found, for an unknown flag
// (with the names that may be meant), a value that is not of the flag's type, a
// missing value, or an argument that is no flag. Where `others` is given,
// arguments that are no flags go there, and all that come after "--".
absl::StatusOr<std::string> ParseFlags(
    const std::vector<std::string>& arguments, Settings& settings,
    std::vector<std::string>* others = nullptr);

// The text of --help=all: `usage`, then each group of settings with the flags,
// their help and their defaults, no line wider than 80 columns.
std::string HelpText(const std::string& usage, const Settings& settings);

// The text of --help, one screen: `usage`, and the flags that are common.
std::string ShortHelpText(const std::string& usage, const Settings& settings);

// A script that completes the flags of `program` in `shell`: "bash" or "zsh".
std::string CompletionText(const std::string& program, const std::string& shell,
                           const Settings& settings);

}  // namespace distill

#endif  // DISTILL_CLI_FLAGS_H_
