// A data set in four IDX files, as MNIST is published.
#ifndef DISTILL_DATA_FORMATS_IDX_FOLDER_H_
#define DISTILL_DATA_FORMATS_IDX_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "data/format.h"

namespace distill {

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

// True: what nothing else takes is looked for here, and not found.
bool IsIdxFolder(const std::string& path);

// The samples of `split` in `folder`, checked: images as they are looked at,
// and labels from 0 on, however the layout has them. Takes as much memory as
// the samples: 47 MB for MNIST's training split. Nothing is said of its name.
//
// Images are [count, height, width] or [count, channels, height, width] bytes
// with 1 or 3 channels; labels are bytes or 32-bit integers, [count], or
// QMNIST's [count, 8].
//
// Errors: those of FindDataset and ReadIdx, and InvalidArgument, each with the
// file and what was found and expected, for other dimensions, different counts,
// and a label below the layout's first or beyond the classes; NotFound for
// validation.
absl::StatusOr<Dataset> LoadIdxFolder(const std::string& folder, Split split,
                                      const DatasetOptions& options);

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_IDX_FOLDER_H_
