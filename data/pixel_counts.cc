#include "data/pixel_counts.h"

#include <algorithm>
#include <cmath>

namespace distill {
namespace {

constexpr int64_t kValues = 256;

}  // namespace

PixelCounts::PixelCounts(const ImageSpec& image)
    : image_(image), counts_(image.channels * kValues) {}

void PixelCounts::Add(const uint8_t* image) {
  for (int64_t c = 0; c < image_.channels; ++c, image += image_.plane()) {
    int64_t* counts = counts_.data() + c * kValues;
    for (int64_t p = 0; p < image_.plane(); ++p) ++counts[image[p]];
  }
}

void PixelCounts::Add(const PixelCounts& others) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += others.counts_[i];
}

Normalization PixelCounts::Measured() const {
  Normalization result = {{}, {}};
  for (int64_t c = 0; c < image_.channels; ++c) {
    // Exact: whole numbers far below 2^53.
    double all = 0, sum = 0, squares = 0;
    for (int64_t value = 0; value < kValues; ++value) {
      const auto count = static_cast<double>(counts_[c * kValues + value]);
      all += count;
      sum += count * static_cast<double>(value);
      squares += count * static_cast<double>(value * value);
    }
    const double mean = sum / all;
    const double deviation = std::sqrt(std::max(squares / all - mean * mean, 0.));
    result.mean.push_back(static_cast<float>(mean / 255));
    result.std.push_back(deviation > 0 ? static_cast<float>(deviation / 255)
                                       : 1);
  }
  return result;
}

}  // namespace distill
