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

absl::Status CheckRank(const std::string& path, const IdxArray& array, int rank,
                       const std::string& meaning) {
  if (static_cast<int>(array.dims.size()) == rank) return absl::OkStatus();
  const auto found = static_cast<int>(array.dims.size());
  // Labels in place of images, or the reverse.
  const bool exchanged = found == (rank == 1 ? 3 : 1);
  return Unexpected(
      absl::StatusCode::kInvalidArgument, path,
      absl::StrCat(found, " dimensions (", absl::StrJoin(array.dims, " x "),
                   ")"),
      absl::StrCat(rank, " (", meaning, ")"),
      exchanged
          ? "Images and labels have changed names: name each as what it is."
      : rank == 3 && found == 4
          ? "Images of several channels are not read: write them in grey, as "
            "count x height x width."
          : absl::StrCat("Write an IDX file of ", rank,
                         rank == 1 ? " dimension." : " dimensions."));
}

// Checks the labels of the file `path` and has them count from 0. Returns the
// number of classes.
absl::StatusOr<int> TakeLabels(const std::string& path,
                               const DatasetOptions& options,
                               std::vector<uint8_t>* labels) {
  const int first = options.layout.first_label;
  int classes = options.classes;
  if (classes == 0) {
    classes = std::max(
        1, *std::max_element(labels->begin(), labels->end()) - first + 1);
  }
  for (size_t i = 0; i < labels->size(); ++i) {
    const int label = (*labels)[i];
    if (label < first || label >= first + classes) {
      return Unexpected(
          absl::StatusCode::kInvalidArgument, path,
          absl::StrCat("label ", label, " at index ", i),
          absl::StrCat("labels from ", first, " to ", first + classes - 1),
          "Fetch the file again. If this is right, it is of another data set, "
          "or of one with more classes.");
    }
    (*labels)[i] = static_cast<uint8_t>(label - first);
  }
  return classes;
}

// Images of [columns, rows] become images of [rows, columns].
void Transpose(Dataset* dataset) {
  const int64_t rows = dataset->image.width, columns = dataset->image.height;
  std::vector<uint8_t> turned(rows * columns);
  for (int64_t i = 0; i < dataset->count; ++i) {
    uint8_t* image = dataset->images.data() + i * rows * columns;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < columns; ++c) {
        turned[r * columns + c] = image[c * rows + r];
      }
    }
    std::copy(turned.begin(), turned.end(), image);
  }
  dataset->image.height = rows;
  dataset->image.width = columns;
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

absl::StatusOr<Dataset> LoadIdxFolder(const std::string& folder, Split split,
                                      const DatasetOptions& options) {
  ASSIGN_OR_RETURN(const DatasetFiles files,
                   FindDataset(folder, split, options.layout));

  // The small file first: most mistakes show in both.
  ASSIGN_OR_RETURN(IdxArray labels, ReadIdx(files.labels));
  RETURN_IF_ERROR(CheckRank(files.labels, labels, 1, "count"));
  ASSIGN_OR_RETURN(IdxArray images, ReadIdx(files.images));
  RETURN_IF_ERROR(CheckRank(files.images, images, 3, "count x height x width"));

  if (images.dims[0] != labels.dims[0]) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, files.labels,
        absl::StrCat(labels.dims[0], " labels"),
        absl::StrCat(images.dims[0], ", one for each image of ", files.images),
        "The files are of different data sets: fetch both from one place.");
  }
  ASSIGN_OR_RETURN(const int classes,
                   TakeLabels(files.labels, options, &labels.values));

  Dataset dataset;
  dataset.folder = fs::path(files.images).parent_path().string();
  dataset.files = {files.images, files.labels};
  dataset.split = split;
  dataset.count = images.dims[0];
  dataset.image = {1, images.dims[1], images.dims[2]};
  dataset.classes = classes;
  dataset.images = std::move(images.values);
  dataset.labels = std::move(labels.values);
  dataset.images_crc32 = images.crc32;
  dataset.labels_crc32 = labels.crc32;
  if (options.layout.transposed) Transpose(&dataset);
  if (options.layout.transposed || options.layout.first_label != 0) {
    SetChecksums(&dataset);
  }
  return dataset;
}

}  // namespace distill
