// What every reader of a data set's format takes and gives.
#ifndef DISTILL_DATA_FORMAT_H_
#define DISTILL_DATA_FORMAT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/observer.h"
#include "data/dataset.h"
#include "data/preparation.h"

namespace distill {

// How a data set keeps its samples, where that is not MNIST's way.
struct DatasetLayout {
  // What the user says that the files are; empty if nothing.
  std::string name;
  // The folder in which torchvision has it, and whether the four files may also
  // be in a folder `gzip`, as EMNIST's archive unpacks.
  std::string folder = "MNIST";
  bool in_gzip_folder = false;
  // In front of the files' names: "emnist-letters-". With one, the test split's
  // go on with "test", and without one with "t10k".
  std::string file_prefix;
  // Whether the files have each image column by column: EMNIST's do.
  bool transposed = false;
  // What the first class is called in the file: 1 in EMNIST Letters.
  int first_label = 0;
  // Which of CIFAR-100's two labels: the 20 coarse ones, or the 100 fine ones.
  bool coarse_labels = false;
  // Whether it comes in CIFAR's binary files.
  bool is_cifar = false;
  // The page to get it from, for messages; empty for MNIST's.
  std::string page;
};

constexpr char kCifarPage[] = "https://www.cs.toronto.edu/~kriz/cifar.html";

constexpr int kMostClasses = 65536;

// The sides of an image, "32" or "32x24" (height, then width).
struct ImageSize {
  int64_t height = 0, width = 0;  // Pixels; 0: not said.
};
bool AbslParseFlag(absl::string_view text, ImageSize* size, std::string* error);
std::string AbslUnparseFlag(const ImageSize& size);

// What is made of pictures, which have any size. Other formats' images are what
// they are.
struct PictureOptions {
  // 0: that of the pictures, which then all have the same.
  ImageSize image_size = {};
  // 1 or 3; 0: 3 if any of the classes' first pictures has colours.
  int64_t channels = 0;
  Fit resize = Fit::kCrop;
  // Of pictures that are in no folders for splits: the share of each class that
  // is held back for the test split, the same for every seed.
  double test_share = 0;
  // Whether pictures that cannot be read are left out and counted, rather than
  // an error.
  bool skip_unreadable = false;
  // Where pictures are kept once they are decoded; empty: `distill` in the
  // user's folder for caches.
  std::string cache_dir = {};

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Pictures in folders");
    table.Add("image_size", &image_size,
              "Height and width that the pictures are scaled to, like 32 or "
              "32x24. Default: theirs, if all have the same.");
    table
        .Add("channels", &channels,
             "1 (grey) or 3 (colours). Default: as the pictures are.")
        .Within(0, 3);
    table.Add("resize", &resize, Fits(),
              "How a picture gets that size: crop (scaled until it covers, and "
              "the middle taken), stretch, or pad (scaled until it fits, on "
              "black).");
    table
        .Add("test_share", &test_share,
             "Of a folder with classes and no splits: the share of each class "
             "that is kept for testing, the same for every seed.")
        .AtLeastBelow(0, 1);
    table
        .Add("skip_unreadable", &skip_unreadable,
             "Leave out and count pictures that cannot be read, rather than "
             "stop.")
        .NotInConfiguration();
    table
        .Add("cache_dir", &cache_dir,
             "Where decoded pictures are kept for the next run. Default: "
             "distill in $XDG_CACHE_HOME or ~/.cache.")
        .Path()
        .NotInConfiguration();
  }
};

struct DatasetOptions {
  // 1 to kMostClasses; a label at or above it is an error. 0: one more than the
  // greatest label of the split, or as many as there are names. Pass the
  // training split's number with the test split: a class may have no sample
  // there. A class without a sample is no error.
  int classes = 0;
  DatasetLayout layout;
  PictureOptions pictures;
  Observer* observer = nullptr;  // Of what takes long; null: nobody.
};

// The samples of one split of a data set that was found, with all of Dataset
// but what IdentifyDataset sets. `classes` as in DatasetOptions.
//
// Errors name the file, what was found, what was expected and what to do.
// NotFound for validation where the format, or this set, has no images for it.
using DatasetReader =
    std::function<absl::StatusOr<Dataset>(Split split, int classes)>;

// A way in which a data set lies on the disk: a row of the table in
// data/load.cc.
struct DatasetFormat {
  // Whether what is at `path` looks like it, by names alone: only looks.
  bool (*is_at)(const std::string& path);
  // Whether --image_size and the like are for it.
  bool has_pictures;
  // What is at `path`, of which nothing may be read yet.
  absl::StatusOr<DatasetReader> (*open)(const std::string& path,
                                        const DatasetOptions& options);
};

// Sets `count`, `labels` and `classes` of `dataset`: those in the file `path`,
// of which `first` is the first class. `classes` as in DatasetOptions.
// InvalidArgument for a label out of their range.
absl::Status SetLabels(const std::string& path, std::vector<int32_t> labels,
                       int first, int classes, Dataset* dataset);

}  // namespace distill

#endif  // DISTILL_DATA_FORMAT_H_
