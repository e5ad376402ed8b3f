// Labelled images in memory.
#ifndef DISTILL_DATA_DATASET_H_
#define DISTILL_DATA_DATASET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/label.h"
#include "data/image_spec.h"
#include "data/pixels.h"
#include "data/preparation.h"

namespace distill {

// What of a data set; not every one has images for validation.
enum class Split { kTrain, kTest, kValidation };

// "train", "test" or "validation".
const char* SplitName(Split split);

struct Dataset {
  // See IdentifyDataset (data/catalog.h).
  std::string name;
  // What the user calls it: the folder of pictures, the file; empty if nothing.
  std::string called;
  // Where the files were found; absolute. Empty if the samples were made.
  std::string folder;
  // The files that were read; absolute.
  std::vector<std::string> files;
  Split split = Split::kTrain;

  int64_t count = 0;  // Samples, at least 1.
  ImageSpec image = {1, 0, 0};
  // Labels are in [0, classes), or kNoLabel.
  int classes = 0;
  // One per class; empty where only their numbers are known.
  std::vector<std::string> class_names;
  // What is usual for this set; none: see NormalizationOf (data/batches.h).
  std::optional<Normalization> normalization;

  // How pictures of other sizes were made images; none where they were not.
  std::optional<Fit> fit;
  // Pictures that were left out, a line each with the reason.
  std::vector<std::string> skipped;
  // CountShared with the training split, where its reader has counted.
  std::optional<int64_t> known_shared;

  // Each [channels, height, width], row-major.
  Pixels images;
  // [count]
  std::vector<int32_t> labels;

  // CRC-32 of the unpacked IDX files that hold exactly `images` and `labels`
  // (as bytes, or 32-bit integers where these are too few), also after Select
  // and Slice: equal checksums mean equal samples in equal order. Where a
  // format's reader turned the images or shifted the labels, these are not the
  // checksums of the files that it read. Of a part that Pixels::Select did not
  // copy, `images_crc32` is one of the whole's and the indices.
  uint32_t images_crc32 = 0;
  uint32_t labels_crc32 = 0;
};

// What the unpacked IDX file of `count` images begins with: their checksum is
// that of it and their bytes.
std::string ImagesHeader(int64_t count, const ImageSpec& image);

// The checksum of the labels.
uint32_t LabelsCrc32(const Dataset& dataset);

// Computes both checksums from the samples; all of them are read.
void SetChecksums(Dataset* dataset);

// The names of the classes, or where the set has none their numbers.
std::vector<std::string> ClassNames(const Dataset& dataset);

// These classes for people: the first ten names and how many more, or where the
// set has no names the numbers.
std::string NamesOf(const Dataset& dataset,
                    const std::vector<int64_t>& classes);

// The classes, ascending, that no label is of.
std::vector<int64_t> ClassesWithoutImages(const Dataset& dataset);

// How many images of `test` are images of `train` too, pixel by pixel; 0 if
// their sizes differ.
int64_t CountShared(const Dataset& train, const Dataset& test);

// A copy of the samples at `indices`, in that order; an index may come twice.
// Its name says of how many samples they are, and what is usual for the whole
// set's normalization is not said of them. InvalidArgument for no indices or
// one outside [0, dataset.count).
absl::StatusOr<Dataset> Select(const Dataset& dataset,
                               const std::vector<int64_t>& indices);

// A copy of the samples first .. first + count - 1. InvalidArgument unless
// there are so many and count >= 1.
absl::StatusOr<Dataset> Slice(const Dataset& dataset, int64_t first,
                              int64_t count);

// The samples of `dataset`, and then those of `others`, which have the same
// sizes, without labels. Nothing is copied.
Dataset WithUnlabelled(const Dataset& dataset, const Dataset& others);

}  // namespace distill

#endif  // DISTILL_DATA_DATASET_H_
