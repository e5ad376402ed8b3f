#include "data/preparation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "data/resize.h"

namespace distill {
namespace {

// Half of a number, rounded to the nearest, and of two to the even one.
int64_t RoundedHalf(int64_t number) {
  const int64_t half = number / 2;
  return number % 2 == 0 ? half : half + half % 2;
}

Picture Crop(const Picture& picture, const ImageSpec& spec) {
  int64_t height = spec.height, width = spec.width;
  if (width * picture.height >= height * picture.width) {
    height = width * picture.height / picture.width;
  } else {
    width = height * picture.width / picture.height;
  }
  return ResizePart(picture, height, width,
                    {RoundedHalf(height - spec.height), spec.height},
                    {RoundedHalf(width - spec.width), spec.width});
}

// Pillow's sizes to the last bit: `size` * `ratio` as two roundings of double
// and one to the even number.
int64_t Scaled(int64_t size, int64_t side, int64_t other_side) {
  const double ratio =
      static_cast<double>(side) / static_cast<double>(other_side);
  return std::max<int64_t>(1, std::llrint(ratio * static_cast<double>(size)));
}

Picture Pad(const Picture& picture, const ImageSpec& spec) {
  int64_t height = spec.height, width = spec.width;
  if (picture.width * height >= width * picture.height) {
    height = Scaled(width, picture.height, picture.width);
  } else {
    width = Scaled(height, picture.width, picture.height);
  }
  const Picture scaled = Resize(picture, height, width);
  Picture padded = {picture.channels, spec.height, spec.width, {}};
  padded.pixels.resize(padded.size());
  const int64_t top = RoundedHalf(spec.height - height);
  const int64_t left = RoundedHalf(spec.width - width);
  for (int64_t y = 0; y < height; ++y) {
    std::copy_n(scaled.row(y), scaled.row_size(),
                padded.row(top + y) + left * padded.channels);
  }
  return padded;
}

Picture Fitted(const Picture& picture, const ImageSpec& spec, Fit fit) {
  switch (fit) {
    case Fit::kCrop:
      return Crop(picture, spec);
    case Fit::kStretch:
      return Resize(picture, spec.height, spec.width);
    case Fit::kPad:
      return Pad(picture, spec);
  }
  return picture;
}

}  // namespace

std::vector<std::pair<const char*, Fit>> Fits() {
  return {{"crop", Fit::kCrop}, {"stretch", Fit::kStretch}, {"pad", Fit::kPad}};
}

std::vector<uint8_t> Prepare(const Picture& picture, const ImageSpec& spec,
                             Fit fit) {
  if (picture.channels != spec.channels) {
    return Prepare(WithChannels(picture, spec.channels), spec, fit);
  }
  const Picture fitted = Fitted(picture, spec, fit);
  std::vector<uint8_t> planes;
  planes.reserve(fitted.size());
  for (int64_t c = 0; c < fitted.channels; ++c) {
    for (size_t i = static_cast<size_t>(c); i < fitted.size();
         i += static_cast<size_t>(fitted.channels)) {
      planes.push_back(fitted.pixels[i]);
    }
  }
  return planes;
}

}  // namespace distill
