// Data sets in NumPy's .npz format, as MedMNIST and Keras publish them.
#ifndef DISTILL_DATA_FORMATS_NPZ_DATASET_H_
#define DISTILL_DATA_FORMATS_NPZ_DATASET_H_

#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "data/format.h"

namespace distill {

// Whether `path` is a regular file whose name ends in .npz, or a folder with
// one such file and no IDX files.
bool IsNpz(const std::string& path);

// The samples of `split` in it: the arrays train_images and train_labels,
// test_... and val_... (MedMNIST), or x_train and y_train and so on (Keras).
// Images are uint8 [count, height, width], also with 1 or 3 channels as a last
// axis; labels are of any kind of integers, [count] or [count, 1], from 0 on.
//
// Errors: NotFound for a split that has no arrays; InvalidArgument for arrays
// of other kinds or shapes, other numbers of images and labels, or a label that
// is negative, beyond the classes or beyond 32 bits; ResourceExhausted for more
// than fits in memory; those of NpzFile.
absl::StatusOr<Dataset> LoadNpz(const std::string& path, Split split,
                                const DatasetOptions& options);

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_NPZ_DATASET_H_
