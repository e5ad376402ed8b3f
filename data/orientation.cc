#include "data/orientation.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"

namespace distill {
namespace {

// Reads numbers of a TIFF structure, in its byte order.
class Tiff {
 public:
  Tiff(absl::string_view bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  // The number of `size` bytes at `place`; 0 outside of the bytes.
  uint32_t Number(uint64_t place, int size) const {
    if (place + static_cast<uint64_t>(size) > bytes_.size()) return 0;
    uint32_t value = 0;
    for (int i = 0; i < size; ++i) {
      const uint64_t at = place + (big_endian_ ? i : size - 1 - i);
      value = value << 8 | static_cast<uint8_t>(bytes_[at]);
    }
    return value;
  }

 private:
  absl::string_view bytes_;
  bool big_endian_;
};

}  // namespace

int ExifOrientation(absl::string_view exif) {
  constexpr uint32_t kOrientationTag = 0x0112;
  const Tiff tiff(exif, absl::StartsWith(exif, "MM"));
  const uint64_t directory = tiff.Number(4, 4);
  const uint32_t entries = tiff.Number(directory, 2);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + 12 * i;
    if (tiff.Number(entry, 2) != kOrientationTag) continue;
    const uint32_t value = tiff.Number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Picture Turn(Picture picture, int orientation) {
  if (orientation == 1) return picture;
  const bool swapped = orientation >= 5;
  const bool from_below = orientation == 3 || orientation == 4 ||
                          orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 ||
                          orientation == 7 || orientation == 8;
  Picture turned = picture;
  if (swapped) std::swap(turned.height, turned.width);
  auto to = turned.pixels.begin();
  for (int64_t y = 0; y < turned.height; ++y) {
    for (int64_t x = 0; x < turned.width; ++x) {
      int64_t row = swapped ? x : y, column = swapped ? y : x;
      if (from_below) row = picture.height - 1 - row;
      if (from_right) column = picture.width - 1 - column;
      const uint8_t* from = picture.row(row) + column * picture.channels;
      to = std::copy_n(from, picture.channels, to);
    }
  }
  return turned;
}

}  // namespace distill
