// Pictures in memory, and what their decoders share.
#ifndef DISTILL_DATA_PICTURE_H_
#define DISTILL_DATA_PICTURE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace distill {

struct Picture {
  int64_t channels = 1;           // 1: grey; 3: red, green, blue.
  int64_t height = 0, width = 0;  // Pixels, at least 1 once decoded.
  // [height, width, channels], row-major; 0 is black, 255 white.
  std::vector<uint8_t> pixels;

  // Numbers of a row, and of all rows.
  int64_t row_size() const { return width * channels; }
  size_t size() const { return static_cast<size_t>(height * row_size()); }
  const uint8_t* row(int64_t y) const { return pixels.data() + y * row_size(); }
  uint8_t* row(int64_t y) { return pixels.data() + y * row_size(); }
};

// The brightness of a colour: its luma (ITU-R BT.601), rounded.
inline uint8_t Luma(uint8_t red, uint8_t green, uint8_t blue) {
  return static_cast<uint8_t>((299 * red + 587 * green + 114 * blue + 500) /
                              1000);
}

// The picture with one channel: the luma of its colours.
Picture ToGrey(Picture picture);

// The picture with 1 or 3 channels, as ToGrey or with its grey three times; 0
// leaves it as it is.
Picture WithChannels(Picture picture, int64_t channels);

// A picture of more pixels is refused: 8192 x 8192, more than cameras make.
constexpr int64_t kMaxImagePixels = int64_t{1} << 26;

// InvalidArgument, with the size, for no pixel at all and for more than
// kMaxImagePixels. To be asked before any memory is taken.
absl::Status CheckImageSize(const std::string& name, int64_t height,
                            int64_t width);

// The error of a picture that cannot be decoded to its end: DataLoss, with the
// decoder's `reason`.
absl::Status CorruptImage(const std::string& name, const std::string& kind,
                          const std::string& reason);

}  // namespace distill

#endif  // DISTILL_DATA_PICTURE_H_
