// What every reader of a data set's format takes and gives.
#ifndef DISTILL_DATA_FORMAT_H_
#define DISTILL_DATA_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/dataset.h"

namespace distill {

// How a data set keeps its samples, where that is not MNIST's way.
struct DatasetLayout {
  // What the user says that the files are; empty if nothing.
  std::string name;
  // The folder in which torchvision has it, and whether the four files may also
  // be in a folder `gzip`, as EMNIST's archive unpacks.
  std::string folder = "MNIST";
  bool in_gzip_folder = false;
  // In front of the files' names: "emnist-letters-". With one, the test split's
  // go on with "test", and without one with "t10k".
  std::string file_prefix;
  // Whether the files have each image column by column: EMNIST's do.
  bool transposed = false;
  // What the first class is called in the file: 1 in EMNIST Letters.
  int first_label = 0;
  // Which of CIFAR-100's two labels: the 20 coarse ones, or the 100 fine ones.
  bool coarse_labels = false;
  // The page to get it from, for messages; empty for MNIST's.
  std::string page;
};

constexpr int kMostClasses = 65536;

struct DatasetOptions {
  // 1 to kMostClasses; a label at or above it is an error. 0: one more than the
  // greatest label of the split, or as many as there are names. Pass the
  // training split's number with the test split: a class may have no sample
  // there. A class without a sample is no error.
  int classes = 0;
  DatasetLayout layout;
};

// A way in which a data set lies on the disk: a row of the table in
// data/load.cc.
struct DatasetFormat {
  // Whether what is at `path` looks like it, by names alone: only looks.
  bool (*is_at)(const std::string& path);
  // The samples of one split, with all of Dataset but what IdentifyDataset
  // sets. Errors name the file, what was found, what was expected and what to
  // do. NotFound for validation where the format, or this set, has no images
  // for it.
  absl::StatusOr<Dataset> (*load)(const std::string& path, Split split,
                                  const DatasetOptions& options);
};

// Sets `count`, `labels` and `classes` of `dataset`: those in the file `path`,
// of which `first` is the first class. `classes` as in DatasetOptions.
// InvalidArgument for a label out of their range.
absl::Status SetLabels(const std::string& path, std::vector<int32_t> labels,
                       int first, int classes, Dataset* dataset);

}  // namespace distill

#endif  // DISTILL_DATA_FORMAT_H_
