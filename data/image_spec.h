// What the images of a data set, or of a model, are.
#ifndef DISTILL_DATA_IMAGE_SPEC_H_
#define DISTILL_DATA_IMAGE_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace distill {

struct ImageSpec {
  int64_t channels = 1;             // 1: grey; 3: red, green, blue.
  int64_t height = 28, width = 28;  // Pixels.

  // Numbers of one channel, and of all.
  int64_t plane() const { return height * width; }
  int64_t size() const { return channels * plane(); }

  // Rows by columns, "28 x 28", or with more than one channel "3 x 32 x 32".
  std::string Describe() const {
    return absl::StrCat(channels == 1 ? "" : absl::StrCat(channels, " x "),
                        height, " x ", width);
  }
};

inline bool operator==(const ImageSpec& a, const ImageSpec& b) {
  return a.channels == b.channels && a.height == b.height && a.width == b.width;
}
inline bool operator!=(const ImageSpec& a, const ImageSpec& b) {
  return !(a == b);
}

// A value x in 0 .. 255 of channel c becomes (x / 255 - mean[c]) / std[c]. The
// defaults are the mean and standard deviation of MNIST's training pixels over
// 255, 0.13066 and 0.30811, as the specification rounds them; the same for both
// splits, since the test split must not be measured to prepare it.
struct Normalization {
  std::vector<float> mean = {0.1307f};
  std::vector<float> std = {0.3081f};  // Above 0.
};

inline bool operator==(const Normalization& a, const Normalization& b) {
  return a.mean == b.mean && a.std == b.std;
}

}  // namespace distill

#endif  // DISTILL_DATA_IMAGE_SPEC_H_
