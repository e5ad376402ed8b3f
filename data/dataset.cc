#include "data/dataset.h"

#include <numeric>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "data/formats/idx.h"

namespace distill {

const char* SplitName(Split split) {
  return split == Split::kTrain ? "train" : "test";
}

std::vector<std::string> ClassNames(const Dataset& dataset) {
  std::vector<std::string> names = dataset.class_names;
  for (int c = static_cast<int>(names.size()); c < dataset.classes; ++c) {
    names.push_back(absl::StrCat(c));
  }
  return names;
}

void SetChecksums(Dataset* dataset) {
  std::vector<int64_t> shape = {dataset->count, dataset->image.height,
                                dataset->image.width};
  if (dataset->image.channels != 1) {
    shape.insert(shape.begin() + 1, dataset->image.channels);
  }
  dataset->images_crc32 = IdxCrc32(shape, dataset->images);
  dataset->labels_crc32 = IdxCrc32({dataset->count}, dataset->labels);
}

std::vector<int64_t> ClassesWithoutImages(const Dataset& dataset) {
  std::vector<bool> present(dataset.classes);
  for (const uint8_t label : dataset.labels) present[label] = true;
  std::vector<int64_t> missing;
  for (int64_t c = 0; c < dataset.classes; ++c) {
    if (!present[c]) missing.push_back(c);
  }
  return missing;
}

int64_t CountShared(const Dataset& train, const Dataset& test) {
  if (train.image != test.image) return 0;
  const size_t size = train.image.size();
  const auto image = [size](const Dataset& dataset, int64_t i) {
    return std::string_view(
        reinterpret_cast<const char*>(dataset.images.data()) + i * size, size);
  };
  std::unordered_map<std::string_view, int64_t> of_test;  // How often.
  of_test.reserve(test.count);
  for (int64_t i = 0; i < test.count; ++i) ++of_test[image(test, i)];
  int64_t shared = 0;
  for (int64_t i = 0; i < train.count; ++i) {
    const auto found = of_test.find(image(train, i));
    if (found == of_test.end()) continue;
    shared += found->second;
    of_test.erase(found);  // Each test image counts once.
  }
  return shared;
}

absl::StatusOr<Dataset> Select(const Dataset& dataset,
                               const std::vector<int64_t>& indices) {
  if (indices.empty()) {
    return absl::InvalidArgumentError(
        "indices: found none; expected at least one sample. Select some.");
  }
  const int64_t size = dataset.image.size();
  Dataset chosen;
  chosen.folder = dataset.folder;
  chosen.split = dataset.split;
  chosen.count = static_cast<int64_t>(indices.size());
  chosen.image = dataset.image;
  chosen.classes = dataset.classes;
  chosen.class_names = dataset.class_names;
  chosen.images.reserve(chosen.count * size);
  chosen.labels.reserve(chosen.count);
  for (const int64_t index : indices) {
    if (index < 0 || index >= dataset.count) {
      return absl::InvalidArgumentError(absl::StrCat(
          "indices: found ", index, "; expected 0 to ", dataset.count - 1,
          ", as ", dataset.name, " has ", dataset.count, " ",
          SplitName(dataset.split), " samples. Select from those."));
    }
    const auto image = dataset.images.begin() + index * size;
    chosen.images.insert(chosen.images.end(), image, image + size);
    chosen.labels.push_back(dataset.labels[index]);
  }
  SetChecksums(&chosen);
  const bool same = chosen.images_crc32 == dataset.images_crc32 &&
                    chosen.labels_crc32 == dataset.labels_crc32;
  chosen.name = same ? dataset.name
                     : absl::StrCat(dataset.name, ", ", chosen.count, " of ",
                                    dataset.count, " samples");
  return chosen;
}

absl::StatusOr<Dataset> Slice(const Dataset& dataset, int64_t first,
                              int64_t count) {
  if (first < 0 || count < 1 || first >= dataset.count ||
      count > dataset.count - first) {
    return absl::InvalidArgumentError(
        absl::StrCat("samples: found a first of ", first, " and a count of ",
                     count, "; expected at least 1 of the ", dataset.count, " ",
                     SplitName(dataset.split), " samples of ", dataset.name,
                     ". Take fewer."));
  }
  std::vector<int64_t> indices(count);
  std::iota(indices.begin(), indices.end(), first);
  return Select(dataset, indices);
}

}  // namespace distill
