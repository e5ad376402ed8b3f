#include "data/dataset.h"

#include <zlib.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/text.h"
#include "data/formats/idx.h"

namespace distill {

uint32_t LabelsCrc32(const Dataset& dataset) {
  const bool bytes = dataset.classes <= 256;
  std::string file =
      IdxHeader({dataset.count}, bytes ? IdxType::kByte : IdxType::kInt32);
  for (const int32_t label : dataset.labels) {
    for (int shift = bytes ? 0 : 24; shift >= 0; shift -= 8) {
      file.push_back(static_cast<char>(static_cast<uint32_t>(label) >> shift));
    }
  }
  return Crc32(file);
}

const char* SplitName(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kTest:
      return "test";
    case Split::kValidation:
      return "validation";
  }
  return "";
}

std::vector<std::string> ClassNames(const Dataset& dataset) {
  std::vector<std::string> names = dataset.class_names;
  for (int c = static_cast<int>(names.size()); c < dataset.classes; ++c) {
    names.push_back(absl::StrCat(c));
  }
  return names;
}

std::string ImagesHeader(int64_t count, const ImageSpec& image) {
  std::vector<int64_t> shape = {count, image.height, image.width};
  if (image.channels != 1) shape.insert(shape.begin() + 1, image.channels);
  return IdxHeader(shape, IdxType::kByte);
}

void SetChecksums(Dataset* dataset) {
  const auto add = [](uint32_t crc, const void* bytes, size_t count) {
    return static_cast<uint32_t>(
        crc32_z(crc, static_cast<const Bytef*>(bytes), count));
  };
  const std::string header = ImagesHeader(dataset->count, dataset->image);
  uint32_t crc = add(0, header.data(), header.size());
  for (int64_t i = 0; i < dataset->images.count(); ++i) {
    crc = add(crc, dataset->images[i], dataset->images.size());
  }
  dataset->images_crc32 = crc;
  dataset->labels_crc32 = LabelsCrc32(*dataset);
}

std::vector<int64_t> ClassesWithoutImages(const Dataset& dataset) {
  std::vector<bool> present(dataset.classes);
  for (const int32_t label : dataset.labels) {
    if (label != kNoLabel) present[label] = true;
  }
  std::vector<int64_t> missing;
  for (int64_t c = 0; c < dataset.classes; ++c) {
    if (!present[c]) missing.push_back(c);
  }
  return missing;
}

std::string NamesOf(const Dataset& dataset,
                    const std::vector<int64_t>& classes) {
  if (dataset.class_names.empty()) return RangesText(classes);
  constexpr size_t kShown = 10;
  std::vector<std::string> names;
  for (const int64_t c : classes) {
    if (names.size() < kShown) names.push_back(dataset.class_names[c]);
  }
  const size_t left = classes.size() - names.size();
  return absl::StrCat(absl::StrJoin(names, ", "),
                      left == 0 ? "" : absl::StrCat(" and ", left, " more"));
}

int64_t CountShared(const Dataset& train, const Dataset& test) {
  if (test.known_shared) return *test.known_shared;
  if (train.image != test.image) return 0;
  const size_t size = train.image.size();
  const auto image = [size](const Dataset& dataset, int64_t i) {
    return std::string_view(reinterpret_cast<const char*>(dataset.images[i]),
                            size);
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
  Dataset chosen;
  chosen.folder = dataset.folder;
  chosen.split = dataset.split;
  chosen.count = static_cast<int64_t>(indices.size());
  chosen.image = dataset.image;
  chosen.classes = dataset.classes;
  chosen.class_names = dataset.class_names;
  chosen.fit = dataset.fit;
  chosen.labels.reserve(chosen.count);
  for (const int64_t index : indices) {
    if (index < 0 || index >= dataset.count) {
      return absl::InvalidArgumentError(absl::StrCat(
          "indices: found ", index, "; expected 0 to ", dataset.count - 1,
          ", as ", dataset.name, " has ", dataset.count, " ",
          SplitName(dataset.split), " samples. Select from those."));
    }
    chosen.labels.push_back(dataset.labels[index]);
  }
  chosen.images = dataset.images.Select(indices);
  if (chosen.count * chosen.image.size() <= Pixels::kMostCopied) {
    SetChecksums(&chosen);
  } else {
    // All of a large file would be read.
    chosen.images_crc32 = static_cast<uint32_t>(crc32_z(
        dataset.images_crc32, reinterpret_cast<const Bytef*>(indices.data()),
        indices.size() * sizeof(indices[0])));
    chosen.labels_crc32 = LabelsCrc32(chosen);
  }
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

Dataset WithUnlabelled(const Dataset& dataset, const Dataset& others) {
  Dataset both = dataset;
  both.name = absl::StrCat(dataset.name, " and ", others.count,
                           " images without a label");
  both.count += others.count;
  both.images = dataset.images.Append(others.images);
  both.labels.resize(both.count, static_cast<int32_t>(kNoLabel));
  // Of the two, not of the samples, which may be more than one wants to read.
  both.images_crc32 ^= others.images_crc32;
  return both;
}

}  // namespace distill
