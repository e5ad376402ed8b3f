// Pictures of one brightness a pixel, and what their decoders share.
#ifndef DISTILL_DATA_GREY_IMAGE_H_
#define DISTILL_DATA_GREY_IMAGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace distill {

struct GreyImage {
  int64_t height = 0, width = 0;  // Pixels, at least 1 once decoded.
  // [height, width], row-major; 0 is black, 255 white.
  std::vector<uint8_t> pixels;
};

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

#endif  // DISTILL_DATA_GREY_IMAGE_H_
