#include "data/formats/idx_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/paths.h"
#include "base/status.h"
#include "data/formats/idx.h"

namespace distill {
namespace {

namespace fs = std::filesystem;

constexpr char kExchanged[] =
    "Images and labels have changed names: name each as what it is.";

// Relative to the folder that is asked for: itself, and torchvision's layout
// from the folder it is given and from one below.
std::vector<std::string> Places(const DatasetLayout& layout) {
  std::vector<std::string> places;
  for (const std::string& place :
       {std::string(), layout.folder + "/raw", std::string("raw")}) {
    places.push_back(place);
    if (layout.in_gzip_folder) {
      places.push_back(place.empty() ? "gzip" : place + "/gzip");
    }
  }
  return places;
}

std::string WhereFrom(const DatasetLayout& layout) {
  if (layout.is_cifar) {
    return absl::StrCat("Put CIFAR's binary version there, unpacked; ",
                        layout.page, " has it.");
  }
  if (!layout.page.empty()) {
    return absl::StrCat("Put the four files of ", layout.name,
                        " there, as downloaded; ", layout.page,
                        " says where they are.");
  }
  return "Put the four files there, as downloaded; MNIST's are at "
         "https://ossci-datasets.s3.amazonaws.com/mnist/ and "
         "https://storage.googleapis.com/cvdf-datasets/mnist/.";
}

// In the order of preference: unpacked files are read without unpacking again.
std::vector<std::string> FileNames(const DatasetLayout& layout, Split split,
                                   const std::string& kind, int rank) {
  const char* test = layout.file_prefix.empty() ? "t10k-" : "test-";
  const std::string start = absl::StrCat(
      layout.file_prefix, split == Split::kTrain ? "train-" : test, kind);
  const std::string end = absl::StrCat("idx", rank, "-ubyte");
  return {absl::StrCat(start, "-", end), absl::StrCat(start, ".", end),
          absl::StrCat(start, "-", end, ".gz"),
          absl::StrCat(start, ".", end, ".gz")};
}

// The first of `names` that is a file in `folder`, else the first that is there
// at all (a folder, a link to nothing, a file that may not be looked at):
// opening that one tells the user what is wrong with it. Empty if there is
// none.
std::string FindFile(const std::string& folder,
                     const std::vector<std::string>& names) {
  std::string obstacle;
  for (const std::string& name : names) {
    const fs::path path = fs::path(folder) / name;
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (fs::exists(status) && !fs::is_directory(status)) return path.string();
    std::error_code link_error;
    const bool there =
        fs::symlink_status(path, link_error).type() != fs::file_type::not_found;
    if (there && obstacle.empty()) obstacle = path.string();
  }
  return obstacle;
}

absl::Status MissingFolder(const std::string& folder,
                           const DatasetLayout& layout) {
  fs::path above = fs::path(folder).parent_path();
  std::error_code error;
  while (!fs::is_directory(above, error) && above != above.parent_path()) {
    above = above.parent_path();
  }
  return absl::NotFoundError(absl::StrCat(
      folder, ": found no such folder (", above.string(), " holds: ",
      ListFolder(above.string()), "); expected the folder of the data set. ",
      "Check the path. ", WhereFrom(layout)));
}

// `other` is the file of the other kind, and `folder` where it is, or empty if
// neither kind is anywhere.
absl::Status MissingFile(const std::string& folder, Split split,
                         const std::string& kind,
                         const std::vector<std::string>& names,
                         const std::string& other,
                         const DatasetLayout& layout) {
  const std::vector<std::string> places = Places(layout);
  return absl::NotFoundError(absl::StrCat(
      folder, ": found no ", kind, " of the ", SplitName(split),
      " split (the folder holds: ", ListFolder(folder),
      "); expected a file, plain or .gz, named ", absl::StrJoin(names, ", "),
      other.empty() ? absl::StrCat(", in it or in its ",
                                   absl::StrJoin(places.begin() + 1,
                                                 places.end(), " or "))
                    : absl::StrCat(", beside ", other),
      ". ", WhereFrom(layout)));
}

absl::Status CheckImages(const std::string& path, const IdxArray& array) {
  const size_t found = array.dims.size();
  const std::string dims = absl::StrCat(found, " dimensions (",
                                        absl::StrJoin(array.dims, " x "), ")");
  if (array.type != IdxType::kByte || found < 3) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, path,
        absl::StrCat(dims, array.type == IdxType::kByte ? "" : " of integers"),
        "3 (count x height x width) of bytes, or 4 with the channels after the "
        "count",
        found == 1 ? kExchanged : "Write an IDX file of images.");
  }
  if (found == 3 || array.dims[1] == 1 || array.dims[1] == 3) {
    return absl::OkStatus();
  }
  return Unexpected(
      absl::StatusCode::kInvalidArgument, path, dims,
      "1 or 3 channels, after the count",
      array.dims[3] == 3
          ? "Write the images as count x channels x height x width."
          : "Write grey images, or red, green and blue ones.");
}

// The labels of the file `path`: a byte or an integer each, or the eight
// integers of QMNIST, of which the first is the class (C. Yadav, L. Bottou,
// "Cold Case: The Lost MNIST Digits", 2019).
absl::StatusOr<std::vector<int32_t>> LabelsOf(const std::string& path,
                                              const IdxArray& array) {
  constexpr int64_t kQmnistColumns = 8;
  const bool is_qmnist = array.type == IdxType::kInt32 &&
                         array.dims.size() == 2 &&
                         array.dims[1] == kQmnistColumns;
  if (array.dims.size() != 1 && !is_qmnist) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, path,
        absl::StrCat(array.dims.size(), " dimensions (",
                     absl::StrJoin(array.dims, " x "), ")"),
        "1 (count), or 2 (count x 8 integers, as QMNIST has them)",
        array.dims.size() >= 3 ? kExchanged
                               : "Write an IDX file of 1 dimension.");
  }
  const int64_t columns = is_qmnist ? kQmnistColumns : 1;
  std::vector<int32_t> labels;
  labels.reserve(array.dims[0]);
  for (int64_t i = 0; i < array.dims[0]; ++i) {
    if (array.type == IdxType::kByte) {
      labels.push_back(array.values[i]);
      continue;
    }
    const uint8_t* bytes = array.values.data() + 4 * i * columns;
    labels.push_back(static_cast<int32_t>(
        uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
        uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]}));
  }
  return labels;
}

// Images of [columns, rows] in place of those of [rows, columns]. `image` has
// the sizes of the latter.
void Transpose(const ImageSpec& image, std::vector<uint8_t>* images) {
  std::vector<uint8_t> turned(image.plane());
  for (auto plane = images->begin(); plane != images->end();
       plane += image.plane()) {
    for (int64_t r = 0; r < image.height; ++r) {
      for (int64_t c = 0; c < image.width; ++c) {
        turned[r * image.width + c] = plane[c * image.height + r];
      }
    }
    std::copy(turned.begin(), turned.end(), plane);
  }
}

}  // namespace

absl::StatusOr<DatasetFiles> FindDataset(const std::string& folder, Split split,
                                         const DatasetLayout& layout) {
  if (folder.empty()) {
    return absl::InvalidArgumentError(
        "The folder of the data set: found an empty path; expected the folder "
        "with the IDX files. Name it.");
  }
  const std::string root = AbsolutePath(folder);
  std::error_code error;
  const fs::file_status status = fs::status(root, error);
  if (status.type() == fs::file_type::none) {
    return absl::Status(
        error == std::errc::permission_denied
            ? absl::StatusCode::kPermissionDenied
            : absl::StatusCode::kUnavailable,
        absl::StrCat(root, ": found the error \"", error.message(),
                     "\"; expected the folder of the data set. Let this user "
                     "enter the folders above it (chmod a+x)."));
  }
  if (!fs::exists(status)) return MissingFolder(root, layout);
  if (!fs::is_directory(status)) {
    return Unexpected(absl::StatusCode::kInvalidArgument, root, "a file",
                      "the folder of the data set",
                      "Name the folder that the file is in.");
  }

  const std::vector<std::string> image_names =
      FileNames(layout, split, "images", 3);
  const std::vector<std::string> label_names =
      FileNames(layout, split, "labels", 1);
  absl::Status half = absl::OkStatus();  // The first place with just one.
  for (const std::string& place : Places(layout)) {
    const std::string here =
        place.empty() ? root : (fs::path(root) / place).string();
    DatasetFiles files = {FindFile(here, image_names),
                          FindFile(here, label_names)};
    if (!files.images.empty() && !files.labels.empty()) return files;
    if (half.ok() && !files.images.empty()) {
      half =
          MissingFile(here, split, "labels", label_names, files.images, layout);
    } else if (half.ok() && !files.labels.empty()) {
      half =
          MissingFile(here, split, "images", image_names, files.labels, layout);
    }
  }
  if (!half.ok()) return half;
  return MissingFile(root, split, "images", image_names, "", layout);
}

bool IsIdxFolder(const std::string& /*path*/) { return true; }

absl::StatusOr<Dataset> LoadIdxFolder(const std::string& folder, Split split,
                                      const DatasetOptions& options) {
  if (split == Split::kValidation) return absl::NotFoundError("none");
  ASSIGN_OR_RETURN(const DatasetFiles files,
                   FindDataset(folder, split, options.layout));

  // The small file first: most mistakes show in both.
  ASSIGN_OR_RETURN(const IdxArray label_array, ReadIdx(files.labels));
  ASSIGN_OR_RETURN(std::vector<int32_t> labels,
                   LabelsOf(files.labels, label_array));
  ASSIGN_OR_RETURN(IdxArray images, ReadIdx(files.images));
  RETURN_IF_ERROR(CheckImages(files.images, images));

  if (images.dims[0] != label_array.dims[0]) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, files.labels,
        absl::StrCat(label_array.dims[0], " labels"),
        absl::StrCat(images.dims[0], ", one for each image of ", files.images),
        "The files are of different data sets: fetch both from one place.");
  }

  Dataset dataset;
  dataset.folder = fs::path(files.images).parent_path().string();
  dataset.files = {files.images, files.labels};
  dataset.split = split;
  const size_t rank = images.dims.size();
  dataset.image = {rank == 4 ? images.dims[1] : 1, images.dims[rank - 2],
                   images.dims[rank - 1]};
  if (options.layout.transposed) {
    std::swap(dataset.image.height, dataset.image.width);
    Transpose(dataset.image, &images.values);
  }
  dataset.images = Pixels(std::move(images.values), dataset.image.size());
  RETURN_IF_ERROR(SetLabels(files.labels, std::move(labels),
                            options.layout.first_label, options.classes,
                            &dataset));
  // The file's own, which need no second pass, where the samples are what it
  // has.
  dataset.images_crc32 = images.crc32;
  dataset.labels_crc32 = label_array.crc32;
  if (options.layout.transposed || options.layout.first_label != 0 ||
      label_array.type != IdxType::kByte || dataset.classes > 256 ||
      (rank == 4 && dataset.image.channels == 1)) {
    SetChecksums(&dataset);
  }
  return dataset;
}

}  // namespace distill
