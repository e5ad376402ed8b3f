// Where the user stands, and where Bazel put the data.
#ifndef DISTILL_CLI_PATHS_H_
#define DISTILL_CLI_PATHS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

// How many images of 28 x 28 a data set has.
struct DatasetSize {
  int64_t train = 0, test = 0;
  int classes = 0;
};

// What --dataset, --data_dir and --classes ask for.
struct DatasetChoice {
  std::string folder = {};
  // The name that the files must turn out to have, by their content; empty if
  // any will do.
  std::string name = {};
  // How the files are named and filled. If it has a name, that is `name`, and
  // the user's word for it is all there is: the content is not known to us.
  DatasetLayout layout = {};
  // What a data set of that name may have; empty if nothing is known.
  std::vector<DatasetSize> sizes = {};
  // The number of classes; 0: as many as the training labels say.
  int classes = 0;
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
  // Test images that are training images too, pixel by pixel.
  int64_t shared_images = 0;
};

// Both splits of what was chosen, with as many classes as the choice or else
// the training split has.
//
// Errors: those of LoadDataset, but that InvalidArgument is FailedPrecondition:
// a wrong file is not a wrong flag; and FailedPrecondition if by their content
// or size the files are another data set than the one that was asked for, if
// the training labels leave out so many classes that one of them is probably
// wrong and choice.classes is 0, or if both splits are the same images.
absl::StatusOr<Splits> LoadSplits(const DatasetChoice& choice);

// The files that were read, of both splits.
std::vector<std::string> FilesOf(const Splits& splits);

// What a user should know of the splits before believing a result, a line each:
// test images that were trained on.
std::vector<std::string> Remarks(const Splits& splits);

}  // namespace distill

#endif  // DISTILL_CLI_PATHS_H_
