// How often images have each value.
#ifndef DISTILL_DATA_PIXEL_COUNTS_H_
#define DISTILL_DATA_PIXEL_COUNTS_H_

#include <cstdint>
#include <vector>

#include "data/image_spec.h"

namespace distill {

class PixelCounts {
 public:
  explicit PixelCounts(const ImageSpec& image);

  // `image` [channels, height, width].
  void Add(const uint8_t* image);
  void Add(const PixelCounts& others);

  // Of each channel the mean and standard deviation of all that was added, over
  // 255 (1 in place of a deviation of 0). At least one image was.
  Normalization Measured() const;

 private:
  ImageSpec image_;
  std::vector<int64_t> counts_;  // [channels, 256]
};

}  // namespace distill

#endif  // DISTILL_DATA_PIXEL_COUNTS_H_
