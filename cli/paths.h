// Where the user stands, and where Bazel put the data.
#ifndef DISTILL_CLI_PATHS_H_
#define DISTILL_CLI_PATHS_H_

#include <string>

namespace distill {

// `path` as the user meant it: relative to the folder the user typed the
// command in, which under `bazel run` is not the process's own
// ($BUILD_WORKING_DIRECTORY). An absolute path stays as it is.
std::string FromUsersFolder(const std::string& path);

// The folder with the MNIST that Bazel fetched for the program `argv0`, if the
// program still lies beside its runfiles; else "data" where the user stands.
std::string DefaultDataFolder(const std::string& argv0);

}  // namespace distill

#endif  // DISTILL_CLI_PATHS_H_
