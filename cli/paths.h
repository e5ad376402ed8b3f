// Where the user stands, and where Bazel put the data.
#ifndef DISTILL_CLI_PATHS_H_
#define DISTILL_CLI_PATHS_H_

#include <string>

#include "absl/status/statusor.h"

namespace distill {

// `path` as the user meant it: relative to the folder the user typed the
// command in, which under `bazel run` is not the process's own
// ($BUILD_WORKING_DIRECTORY). An absolute path stays as it is.
std::string FromUsersFolder(const std::string& path);

// The folder with the MNIST that Bazel fetched for the program `argv0`, if the
// program still lies beside its runfiles; else "data" where the user stands.
std::string DefaultDataFolder(const std::string& argv0);

// What --dataset and --data_dir ask for.
struct DatasetChoice {
  std::string folder;
  // The name that the files must turn out to have, by their content; empty if
  // any will do.
  std::string name;
};

// `dataset`: "mnist" (what Bazel fetched, else "data" where the user stands),
// "fashion_mnist" (Debian's package, else torchvision's layout in "data"), a
// folder, or empty: MNIST, or whatever is in `data_dir`. `data_dir`, if given,
// is where the files are.
//
// InvalidArgument for another name, and for two folders; NotFound if
// Fashion-MNIST is in none of its places, with what to do.
absl::StatusOr<DatasetChoice> ChooseDataset(const std::string& dataset,
                                            const std::string& data_dir,
                                            const std::string& argv0);

}  // namespace distill

#endif  // DISTILL_CLI_PATHS_H_
