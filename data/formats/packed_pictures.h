// Pictures, decoded once and kept in one file for the runs that follow.
#ifndef DISTILL_DATA_FORMATS_PACKED_PICTURES_H_
#define DISTILL_DATA_FORMATS_PACKED_PICTURES_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/label.h"
#include "base/observer.h"
#include "data/dataset.h"
#include "data/format.h"

namespace distill {

// One of the pictures to pack, and what is told of it.
struct PictureFile {
  std::string path;  // From the set's root on.
  int32_t label = static_cast<int32_t>(kNoLabel);
  // Bytes, and nanoseconds since 1970 of its last change: when either differs,
  // it is another picture. -1 for what is no regular file, or not there.
  int64_t size = -1, time = -1;
};

// Sets size and time to those of now.
void LookAt(const std::string& root, PictureFile* file);

struct PictureSet {
  std::string root;  // Absolute.
  std::vector<std::string> class_names;
  // By Split, in the order of the samples.
  std::array<std::vector<PictureFile>, 3> splits;
};

struct PackedPictures {
  struct OneSplit {
    Pixels images;
    std::vector<int32_t> labels;
    uint32_t images_crc32 = 0;  // As in Dataset.
  };

  ImageSpec image;
  std::vector<std::string> class_names;
  std::array<OneSplit, 3> splits;  // By Split.
  Normalization normalization;     // Measured on the training split.
  int64_t shared_images = 0;       // Of training and test split.
  // The pictures that could not be read, a line each with the reason.
  std::vector<std::string> skipped;
};

// The pictures of `set` as `options` want them: from the packed file in
// options.cache_dir, or if there is none for just these files and options, or
// one that is damaged, decoded by all cores and packed into one. The bytes stay
// in the file, which the system maps: memory is taken for the pictures that are
// used, and given up when others need it. While one process packs, another one
// that wants the same waits for it. `observer` is told what is done.
//
// The size of the images is options.image_size, or that of the first picture,
// which then all must have.
//
// Errors: for a picture that cannot be read (that is no file, is none of the
// formats of DecodeImage, or has changed since it was listed), with its path,
// and unless options.skip_unreadable; ResourceExhausted and others of NewFile,
// which leave nothing behind; Cancelled after an interrupt (base/interrupt).
absl::StatusOr<std::shared_ptr<const PackedPictures>> Pack(
    const PictureSet& set, const PictureOptions& options, Observer& observer);

// The folder of packed files where options.cache_dir is empty; empty if the
// user has no home.
std::string DefaultCacheFolder();

// The contents of a packed file: the pixels of the splits one after the other,
// then a safetensors file of all else, its length as 8 bytes (little endian)
// and the 8 bytes "DISTILL1". `owner` keeps `bytes`; `name` is the file's.
// DataLoss for anything else, and for pixels that are not what was packed (of
// files up to a gigabyte; larger ones are taken at their word).
absl::StatusOr<PackedPictures> ParsePacked(
    const std::shared_ptr<const void>& owner, absl::string_view bytes,
    const std::string& name);

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_PACKED_PICTURES_H_
