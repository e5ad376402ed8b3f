// Pictures of another size.
#ifndef DISTILL_DATA_RESIZE_H_
#define DISTILL_DATA_RESIZE_H_

#include <cstdint>

#include "data/picture.h"

namespace distill {

// A part of the rows or columns of a picture.
struct PixelSpan {
  int64_t begin = 0, size = 0;
};

// `picture` in `height` x `width` pixels, by Lanczos' filter of three lobes
// (C. Duchon, "Lanczos filtering in one and two dimensions", 1979), as Pillow's
// Image.resize does it: first along the rows and then along the columns, each
// time rounded to 8 bits. Where the picture shrinks the filter is as many times
// wider as it shrinks, so that nothing aliases; at the rims it is cut off and
// normalised. No pixel is more than one level from Pillow's. A side that has
// its size already is left alone. Memory: a few hundred MB at most besides the
// two pictures, whatever their shapes.
//
// `picture` must have pixels and 1 or 3 channels, and the sizes must be at
// least 1.
Picture Resize(const Picture& picture, int64_t height, int64_t width);

// The same pixels as those `rows` and `columns` of Resize's result, and no
// others are computed. Each span must be in the result and not empty.
Picture ResizePart(const Picture& picture, int64_t height, int64_t width,
                   PixelSpan rows, PixelSpan columns);

}  // namespace distill

#endif  // DISTILL_DATA_RESIZE_H_
