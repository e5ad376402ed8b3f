#include "data/load.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/paths.h"
#include "base/status.h"
#include "data/catalog.h"
#include "data/formats/cifar.h"
#include "data/formats/idx_folder.h"
#include "data/formats/npz_dataset.h"
#include "data/formats/picture_folder.h"

namespace distill {
namespace {

// The reader of a format that reads one split after the other.
template <absl::StatusOr<Dataset> (*load)(const std::string&, Split,
                                          const DatasetOptions&)>
absl::StatusOr<DatasetReader> OpenAs(const std::string& path,
                                     const DatasetOptions& options) {
  return [path, options](Split split, int classes) {
    DatasetOptions with_classes = options;
    with_classes.classes = classes;
    return load(path, split, with_classes);
  };
}

// The first one that is there is read. The last takes everything else, and its
// errors say what was expected.
constexpr DatasetFormat kFormats[] = {
    {&IsCifar, false, &OpenAs<&LoadCifar>},
    {&IsPictureFolder, true, &OpenPictureFolder},
    {&IsNpz, false, &OpenAs<&LoadNpz>},
    {&IsIdxFolder, false, &OpenAs<&LoadIdxFolder>},
};

// What is at `path`, where it is nothing that is read but for a little.
absl::Status CheckNearly(const std::string& path, const DatasetLayout& layout) {
  const std::string cifar = OtherCifar(path);
  if (!cifar.empty() || layout.is_cifar) {
    return Unexpected(absl::StatusCode::kNotFound, path,
                      !cifar.empty()
                          ? cifar
                          : absl::StrCat("no data_batch_1.bin and no train.bin "
                                         "(the folder holds: ",
                                         ListFolder(path), ")"),
                      "CIFAR's binary version, unpacked",
                      absl::StrCat("Take it from ", kCifarPage,
                                   ", and unpack it with tar -xzf."));
  }
  const std::string pictures = PictureFolderIn(path, /*depth=*/2);
  if (pictures.empty()) return absl::OkStatus();
  return Unexpected(
      absl::StatusCode::kNotFound, path,
      absl::StrCat("no data set, but folders of pictures in ", pictures),
      "a folder with the folders train and test, or one with a folder for each "
      "class",
      absl::StrCat("Pass ", pictures, "."));
}

// Options for pictures that were given for other images.
absl::Status CheckNoPictures(const std::string& path,
                             const PictureOptions& options) {
  const PictureOptions usual;
  const char* given = options.image_size.height != 0   ? "--image_size"
                      : options.channels != 0          ? "--channels"
                      : options.resize != usual.resize ? "--resize"
                      : options.test_share != 0        ? "--test_share"
                      : options.skip_unreadable        ? "--skip_unreadable"
                                                       : nullptr;
  if (given == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(given, " is given, and ", path,
                   " is no folder of pictures: its images are used as they "
                   "are. Leave it out"));
}

}  // namespace

absl::StatusOr<DatasetReader> OpenDataset(const std::string& path,
                                          const DatasetOptions& options) {
  const DatasetFormat* format =
      std::find_if(std::begin(kFormats), std::end(kFormats),
                   [&](const DatasetFormat& one) { return one.is_at(path); });
  if (format == std::end(kFormats) - 1 && std::filesystem::is_directory(path) &&
      absl::IsNotFound(
          FindDataset(path, Split::kTrain, options.layout).status())) {
    RETURN_IF_ERROR(CheckNearly(path, options.layout));
  }
  if (!format->has_pictures) {
    RETURN_IF_ERROR(CheckNoPictures(path, options.pictures));
  }
  ASSIGN_OR_RETURN(const DatasetReader reader, format->open(path, options));
  const std::string name = options.layout.name;
  return [reader, name](Split split, int classes) -> absl::StatusOr<Dataset> {
    if (classes < 0 || classes > kMostClasses) {
      return absl::InvalidArgumentError(absl::StrCat(
          "classes: found ", classes, "; expected 1 to ", kMostClasses,
          ", or 0 to count them. Set it to the number of classes of the data "
          "set."));
    }
    ASSIGN_OR_RETURN(Dataset dataset, reader(split, classes));
    IdentifyDataset(name, &dataset);
    return dataset;
  };
}

absl::StatusOr<Dataset> LoadDataset(const std::string& path, Split split,
                                    const DatasetOptions& options) {
  ASSIGN_OR_RETURN(const DatasetReader reader, OpenDataset(path, options));
  return reader(split, options.classes);
}

}  // namespace distill
