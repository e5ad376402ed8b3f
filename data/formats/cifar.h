// CIFAR-10 and CIFAR-100 in the binary version that their authors publish.
#ifndef DISTILL_DATA_FORMATS_CIFAR_H_
#define DISTILL_DATA_FORMATS_CIFAR_H_

#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "data/format.h"

namespace distill {

// Whether `path`, or its folder `cifar-10-batches-bin` or `cifar-100-binary`,
// has a first training file of one of the two.
bool IsCifar(const std::string& path);

// Where CIFAR is in `path` in a form that is not read, and which: "Python's
// version (cifar-10-batches-py)"; empty if it is not.
std::string OtherCifar(const std::string& path);

// The samples of `split` there, 3 x 32 x 32, in the order of the files, which
// may be plain or .gz: data_batch_1.bin to data_batch_5.bin and test_batch.bin,
// whose records are a label and the red, green and blue planes; or train.bin
// and test.bin, with a coarse and a fine label (options.layout chooses). Class
// names are those in batches.meta.txt or the like, if it is there.
//
// Errors: NotFound for a file that is missing, with the folder, and for
// validation; DataLoss for a file that does not end with a record;
// InvalidArgument for a label beyond the classes; those of PackedFile.
absl::StatusOr<Dataset> LoadCifar(const std::string& path, Split split,
                                  const DatasetOptions& options);

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_CIFAR_H_
