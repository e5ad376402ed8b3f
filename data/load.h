// A data set from wherever it lies, in whichever format.
#ifndef DISTILL_DATA_LOAD_H_
#define DISTILL_DATA_LOAD_H_

#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "data/format.h"

namespace distill {

// What is at `path`, in the format that it looks like. The reader gives samples
// that are checked, with the name that IdentifyDataset gives them, and
// InvalidArgument for `classes` out of range.
//
// Errors: those of the format (data/formats/idx_folder.h and its neighbours);
// InvalidArgument for options of pictures where there are none.
absl::StatusOr<DatasetReader> OpenDataset(const std::string& path,
                                          const DatasetOptions& options);

// One split of it.
absl::StatusOr<Dataset> LoadDataset(const std::string& path, Split split,
                                    const DatasetOptions& options = {});

}  // namespace distill

#endif  // DISTILL_DATA_LOAD_H_
