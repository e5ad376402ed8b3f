#include "data/load.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "data/catalog.h"
#include "data/formats/cifar.h"
#include "data/formats/idx_folder.h"

namespace distill {
namespace {

// The first one that is there is read. The last takes everything else, and its
// errors say what was expected.
constexpr DatasetFormat kFormats[] = {
    {&IsCifar, &LoadCifar},
    {&IsIdxFolder, &LoadIdxFolder},
};

}  // namespace

absl::StatusOr<Dataset> LoadDataset(const std::string& path, Split split,
                                    const DatasetOptions& options) {
  if (options.classes < 0 || options.classes > kMostClasses) {
    return absl::InvalidArgumentError(
        absl::StrCat("classes: found ", options.classes,
                     "; expected 1 to ", kMostClasses,
                     ", or 0 to count them. Set it to the number of classes "
                     "of the data set."));
  }
  const DatasetFormat* format = kFormats;
  while (!format->is_at(path)) ++format;
  ASSIGN_OR_RETURN(Dataset dataset, format->load(path, split, options));
  IdentifyDataset(options.layout.name, &dataset);
  return dataset;
}

}  // namespace distill
