// Which way up a picture was taken.
#ifndef DISTILL_DATA_ORIENTATION_H_
#define DISTILL_DATA_ORIENTATION_H_

#include "absl/strings/string_view.h"
#include "data/picture.h"

namespace distill {

// The orientation, 1 to 8, in Exif's data (a TIFF structure; Exif 2.3, section
// 4.6.4: tag 0x0112); 1, as it is, where there is none that makes sense.
int ExifOrientation(absl::string_view exif);

// The picture as it is to be seen, of one that was stored with `orientation`.
Picture Turn(Picture picture, int orientation);

}  // namespace distill

#endif  // DISTILL_DATA_ORIENTATION_H_
