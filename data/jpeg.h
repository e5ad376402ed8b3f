// Photographs in JPEG, through libjpeg.
#ifndef DISTILL_DATA_JPEG_H_
#define DISTILL_DATA_JPEG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/grey_image.h"

namespace distill {

// Whether `bytes` start as a JPEG does.
bool IsJpeg(absl::string_view bytes);

// The luma of the picture in a file's `bytes`, baseline or progressive, grey or
// coloured, turned as its Exif orientation says: a telephone held upright turns
// nothing itself. `name` is the file's, for messages.
//
// Errors: those of CheckImageSize and CorruptImage, also where libjpeg would go
// on with a warning and grey where bytes are missing; InvalidArgument for the
// four inks of a printer (CMYK). Throws std::bad_alloc.
absl::StatusOr<GreyImage> DecodeJpeg(absl::string_view bytes,
                                     const std::string& name);

}  // namespace distill

#endif  // DISTILL_DATA_JPEG_H_
