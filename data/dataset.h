// Labelled images in memory, as the four files of MNIST hold them.
#ifndef DISTILL_DATA_DATASET_H_
#define DISTILL_DATA_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace distill {

enum class Split { kTrain, kTest };

// "train" or "test".
const char* SplitName(Split split);

struct Dataset {
  // "MNIST" or "Fashion-MNIST" if both checksums are those of its files of this
  // split, else "unknown (images crc32 0123abcd)": these sets, and others
  // (KMNIST), have the same file names and sizes, and only the content tells
  // them apart. Where the user says what unknown content is, "KMNIST (by name;
  // images crc32 0123abcd)": nobody has checked that.
  std::string name;
  // Where the files were found; absolute. Empty if the samples were made.
  std::string folder;
  // The files that were read; absolute.
  std::vector<std::string> files;
  Split split = Split::kTrain;

  int64_t count = 0;   // Samples, at least 1.
  int64_t height = 0;  // Pixels, at least 1.
  int64_t width = 0;   // Pixels, at least 1.
  int classes = 0;     // Labels are in [0, classes).

  // [count, height, width], row-major; 0 is MNIST's background, 255 full ink.
  std::vector<uint8_t> images;
  // [count]
  std::vector<uint8_t> labels;

  // Of the unpacked IDX files that hold exactly `images` and `labels`, also
  // after Select and Slice: equal checksums mean equal samples in equal order.
  // Where LoadDataset turned the images or shifted the labels, these are not
  // the checksums of the files that it read.
  uint32_t images_crc32 = 0;
  uint32_t labels_crc32 = 0;
};

// How a data set keeps its samples, where that is not MNIST's way.
struct DatasetLayout {
  // What the user says that the files are; empty if nothing. Dataset::name has
  // it if the content is not known.
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
  // The page to get it from, for messages; empty for MNIST's.
  std::string page;
};

struct DatasetOptions {
  // 1 to 256; a label at or above it is an error. 0: one more than the greatest
  // label of the split. Pass the training split's number with the test split: a
  // class may have no sample there. A class without a sample is no error.
  int classes = 0;
  DatasetLayout layout;
};

// The two files of one split; absolute paths.
struct DatasetFiles {
  std::string images;
  std::string labels;
};

// The files of `split` in `folder`, which is the folder with the files or the
// one above torchvision's `MNIST/raw`: the first of `folder`,
// `folder`/MNIST/raw and `folder`/raw that has both (and of the folders `gzip`
// in these, if the layout has them). Names are train-images-idx3-ubyte and
// train-labels-idx1-ubyte (t10k-... for the test split), or with a dot instead
// of the second dash (train-images.idx3-ubyte); plain, or else with .gz. Only
// looks; reads neither file.
//
// Errors: NotFound for a folder or file that is not there, with what is there
// and all names tried; InvalidArgument for an empty path or a file in place of
// the folder; PermissionDenied if the folder may not be entered.
absl::StatusOr<DatasetFiles> FindDataset(const std::string& folder, Split split,
                                         const DatasetLayout& layout = {});

// The samples of `split` in `folder`, checked: images as they are looked at,
// and labels from 0 on, however the layout has them. Takes as much memory as
// the samples: 47 MB for MNIST's training split.
//
// Errors: those of FindDataset and ReadIdx, and InvalidArgument, each with the
// file and what was found and expected, for options.classes out of range,
// images without 3 dimensions, labels without 1, different counts, and a label
// below the layout's first or beyond the classes.
absl::StatusOr<Dataset> LoadDataset(const std::string& folder, Split split,
                                    const DatasetOptions& options = {});

// The classes, ascending, that no label is of.
std::vector<int64_t> ClassesWithoutImages(const Dataset& dataset);

// How many images of `test` are images of `train` too, pixel by pixel; 0 if
// their sizes differ.
int64_t CountShared(const Dataset& train, const Dataset& test);

// A copy of the samples at `indices`, in that order; an index may come twice.
// Its name says of how many samples they are. InvalidArgument for no indices or
// one outside [0, dataset.count).
absl::StatusOr<Dataset> Select(const Dataset& dataset,
                               const std::vector<int64_t>& indices);

// A copy of the samples first .. first + count - 1. InvalidArgument unless
// there are so many and count >= 1.
absl::StatusOr<Dataset> Slice(const Dataset& dataset, int64_t first,
                              int64_t count);

}  // namespace distill

#endif  // DISTILL_DATA_DATASET_H_
