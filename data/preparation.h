// Pictures made what a model looks at.
#ifndef DISTILL_DATA_PREPARATION_H_
#define DISTILL_DATA_PREPARATION_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "data/image_spec.h"
#include "data/picture.h"

namespace distill {

// How a picture of any size becomes one of height x width.
enum class Fit {
  // Scaled, with its aspect ratio, until it just covers, and its middle taken:
  // for a square what torchvision's Resize(side) and CenterCrop(side) do. One
  // side is scaled to its size exactly, and the other with it, cut down to a
  // whole number; where an odd number of pixels is too many, the half that is
  // an even number is taken off before the middle.
  kCrop,
  // Each side scaled to its size.
  kStretch,
  // Scaled, with its aspect ratio, until it just fits, in the middle of black:
  // as Pillow's ImageOps.pad does. One side is scaled to its size exactly and
  // the other with it, rounded to the nearest (of two, the even one), and at
  // least 1; where an odd number of pixels is left, the even half comes first.
  kPad,
};

// By their names.
std::vector<std::pair<const char*, Fit>> Fits();

// `picture` as `spec` says, [channels, height, width] row-major, 0 to 255. It
// is first made grey or coloured (WithChannels), then scaled (Resize). One that
// has the size already keeps its bytes.
//
// `picture` must have pixels, and `spec` 1 or 3 channels and sizes of at least
// 1. export/assets/picture.js has the same steps in JavaScript.
std::vector<uint8_t> Prepare(const Picture& picture, const ImageSpec& spec,
                             Fit fit);

}  // namespace distill

#endif  // DISTILL_DATA_PREPARATION_H_
