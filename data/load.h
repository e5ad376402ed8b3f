// A data set from wherever it lies, in whichever format.
#ifndef DISTILL_DATA_LOAD_H_
#define DISTILL_DATA_LOAD_H_

#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "data/format.h"

namespace distill {

// The samples of `split` at `path`, checked, with the name that
// IdentifyDataset gives them.
//
// Errors: InvalidArgument for options.classes out of range; those of the
// format's reader (data/formats/idx_folder.h).
absl::StatusOr<Dataset> LoadDataset(const std::string& path, Split split,
                                    const DatasetOptions& options = {});

}  // namespace distill

#endif  // DISTILL_DATA_LOAD_H_
