#include "data/formats/npz_dataset.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/text.h"
#include "data/formats/npz.h"

namespace distill {
namespace {

namespace fs = std::filesystem;

using absl::StatusCode;

// The file that is meant by `path`; empty if there is none, or more than one.
std::string FileAt(const std::string& path) {
  std::error_code error;
  const auto is_npz = [&error](const fs::path& file) {
    return absl::EndsWithIgnoreCase(file.string(), ".npz") &&
           fs::is_regular_file(file, error);
  };
  if (is_npz(path)) return path;
  std::string found;
  fs::directory_iterator entry(path, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_idx = absl::StrContains(name, "-ubyte");
    if (is_idx || (is_npz(entry->path()) && !found.empty())) return "";
    if (is_npz(entry->path())) found = entry->path().string();
  }
  return found;
}

// The names of a split's two arrays.
struct Names {
  std::string images, labels;
};

absl::StatusOr<Names> NamesOf(const NpzFile& file, Split split) {
  const std::string name =
      split == Split::kValidation ? "val" : SplitName(split);
  const Names names[] = {{name + "_images", name + "_labels"},
                         {"x_" + name, "y_" + name}};
  for (const Names& one : names) {
    const bool has_images = file.Has(one.images);
    if (has_images && file.Has(one.labels)) return one;
    if (has_images || file.Has(one.labels)) {
      return Unexpected(StatusCode::kInvalidArgument, file.path(),
                        absl::StrCat("only one of the arrays ", one.images,
                                     " and ", one.labels),
                        "both", "Write the other one into the file too.");
    }
  }
  std::vector<std::string> there;
  for (const auto& [array, unused_member] : file.arrays()) {
    if (there.size() < 20) there.push_back(Printable(array));
  }
  return Unexpected(
      StatusCode::kNotFound, file.path(),
      absl::StrCat("no images of the ", SplitName(split),
                   " split (it has: ", absl::StrJoin(there, ", "), ")"),
      absl::StrCat("the arrays ", names[0].images, " and ", names[0].labels,
                   ", or ", names[1].images, " and ", names[1].labels),
      "Write them into the file, or name another file.");
}

// What the images of the array are.
absl::StatusOr<ImageSpec> ImageOf(const NpzFile& file, const std::string& name,
                                  const NpyHeader& array) {
  const auto wrong = [&](const std::string& expected,
                         const std::string& advice) {
    return Unexpected(StatusCode::kInvalidArgument, file.path(),
                      absl::StrCat(name, " of ", array.Explain()), expected,
                      advice);
  };
  if (array.kind != 'u' || array.width != 1) {
    const bool is_float = array.kind == 'f';
    return wrong(
        "values from 0 to 255, as uint8",
        absl::StrCat("Write them as such: numpy.savez_compressed(path, ", name,
                     is_float ? "=(x * 255).round()" : "=x",
                     ".astype('uint8'), ...)",
                     is_float ? ", for values from 0 to 1." : "."));
  }
  const std::vector<int64_t>& shape = array.shape;
  if (shape.size() == 3) return ImageSpec{1, shape[1], shape[2]};
  if (shape.size() == 4 && (shape[3] == 1 || shape[3] == 3)) {
    return ImageSpec{shape[3], shape[1], shape[2]};
  }
  const bool channels_first =
      shape.size() == 4 && shape[1] <= 4 && shape[3] > 4;
  return wrong(
      "[count, height, width], or 1 or 3 channels after them",
      channels_first
          ? absl::StrCat("The channels are first: write it with ", name,
                         "=numpy.moveaxis(x, 1, -1).")
          : "Only grey images, and red, green and blue ones, are read.");
}

absl::StatusOr<std::vector<int32_t>> LabelsOf(const NpzFile& file,
                                              const Names& names,
                                              int64_t images) {
  const auto wrong = [&](const std::string& found, const std::string& expected,
                         const std::string& advice) {
    return Unexpected(StatusCode::kInvalidArgument, file.path(),
                      names.labels + found, expected, advice);
  };
  ASSIGN_OR_RETURN(const NpyHeader array, file.Header(names.labels));
  const std::vector<int64_t>& shape = array.shape;
  if (shape.size() == 2 && shape[1] > 1) {
    return wrong(" of " + array.Explain(), "[count] or [count, 1]",
                 "Multi-label sets (each image in several classes) are not "
                 "read. If these are classes one-hot, write x.argmax(1).");
  }
  if (shape.empty() || shape.size() > 2) {
    return wrong(" of " + array.Explain(), "[count] or [count, 1]",
                 "Write a number for each image.");
  }
  if (shape[0] != images) {
    return wrong(absl::StrCat(" of ", shape[0], " images"),
                 absl::StrCat(images, ", as many as ", names.images, " has"),
                 "Write arrays of the same samples.");
  }
  ASSIGN_OR_RETURN(const std::vector<int64_t> values,
                   file.Integers(names.labels));
  std::vector<int32_t> labels;
  labels.reserve(values.size());
  for (const int64_t value : values) {
    labels.push_back(static_cast<int32_t>(value));
    if (labels.back() != value) {
      return wrong(absl::StrCat(" with the value ", value),
                   "classes below 2^31",
                   "Write the classes as 0, 1, 2 and so on.");
    }
  }
  return labels;
}

// Turns images of [height, width, channels] into [channels, height, width].
void ChannelsFirst(const ImageSpec& image, std::vector<uint8_t>* images) {
  std::vector<uint8_t> turned(image.size());
  for (auto one = images->begin(); one != images->end(); one += image.size()) {
    auto to = turned.begin();
    for (int64_t c = 0; c < image.channels; ++c) {
      for (int64_t i = c; i < image.size(); i += image.channels) {
        *to++ = one[i];
      }
    }
    std::copy(turned.begin(), turned.end(), one);
  }
}

absl::StatusOr<Dataset> Load(const NpzFile& file, Split split,
                             const DatasetOptions& options) {
  ASSIGN_OR_RETURN(const Names names, NamesOf(file, split));
  Dataset dataset;
  dataset.folder = fs::path(file.path()).parent_path().string();
  dataset.files = {file.path()};
  dataset.called = fs::path(file.path()).filename().string();
  dataset.split = split;
  // First what takes no memory: most mistakes show there.
  ASSIGN_OR_RETURN(const NpyHeader header, file.Header(names.images));
  ASSIGN_OR_RETURN(dataset.image, ImageOf(file, names.images, header));
  ASSIGN_OR_RETURN(std::vector<int32_t> labels,
                   LabelsOf(file, names, header.shape[0]));
  ASSIGN_OR_RETURN(NpyArray images, file.Read(names.images));
  if (dataset.image.channels > 1) ChannelsFirst(dataset.image, &images.bytes);
  dataset.images = Pixels(std::move(images.bytes), dataset.image.size());
  RETURN_IF_ERROR(SetLabels(file.path(), std::move(labels), /*first=*/0,
                            options.classes, &dataset));
  SetChecksums(&dataset);
  return dataset;
}

}  // namespace

bool IsNpz(const std::string& path) { return !FileAt(path).empty(); }

absl::StatusOr<Dataset> LoadNpz(const std::string& path, Split split,
                                const DatasetOptions& options) {
  try {
    ASSIGN_OR_RETURN(const NpzFile file, NpzFile::Open(FileAt(path)));
    return Load(file, split, options);
  } catch (const std::bad_alloc&) {
    return Unexpected(StatusCode::kResourceExhausted, path,
                      "more images than fit in memory", "fewer",
                      "Free memory, or use a smaller file.");
  }
}

}  // namespace distill
