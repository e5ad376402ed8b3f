// Where the user stands, and where Bazel put the data.
#ifndef DISTILL_CLI_PATHS_H_
#define DISTILL_CLI_PATHS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"

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
  // How the files are named and filled. If it has a name, that is `name`, and
  // the user's word for it is all there is: the content is not known to us.
  DatasetLayout layout;
};

// `dataset`: "mnist" (what Bazel fetched, else "data" where the user stands),
// "fashion_mnist" (Debian's package, else torchvision's layout in "data"),
// "kmnist" or "emnist_" with a split of EMNIST (torchvision's layout in
// "data"), a folder, or empty: MNIST, or whatever is in `data_dir`. `data_dir`,
// if given, is where the files are.
//
// InvalidArgument for another name, and for two folders; NotFound if
// Fashion-MNIST is in none of its places, with what to do. Of the others only
// loading tells whether they are there.
absl::StatusOr<DatasetChoice> ChooseDataset(const std::string& dataset,
                                            const std::string& data_dir,
                                            const std::string& argv0);

// The words that --dataset takes, but for a folder: "mnist, fashion_mnist, ..".
std::string DatasetNames();

struct Splits {
  std::shared_ptr<const Dataset> train, test;
};

// Both splits of what was chosen, with as many classes as the training split
// has.
//
// Errors: those of LoadDataset, but that InvalidArgument is FailedPrecondition:
// a wrong file is not a wrong flag; and FailedPrecondition if by their content
// the files are another data set than the one that was asked for.
absl::StatusOr<Splits> LoadSplits(const DatasetChoice& choice);

}  // namespace distill

#endif  // DISTILL_CLI_PATHS_H_
