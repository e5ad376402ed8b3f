// Photographs in JPEG, through libjpeg.
#ifndef DISTILL_DATA_JPEG_H_
#define DISTILL_DATA_JPEG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/picture.h"

namespace distill {

// Whether `bytes` start as a JPEG does.
bool IsJpeg(absl::string_view bytes);

// The picture in a file's `bytes`, baseline or progressive, grey or coloured,
// turned as its Exif orientation says: a telephone held upright turns nothing
// itself. The four inks of a printer (CMYK, YCCK) are taken for inverted, as
// Adobe's programs write them: each colour is ink * black / 255. `name` is the
// file's, for messages; for `channels` see DecodeImage: where 1 is wished the
// grey is the file's own luma, if it has one.
//
// Errors: those of CheckImageSize and CorruptImage, also where libjpeg would go
// on with a warning and grey where bytes are missing; InvalidArgument for a
// number of channels that no standard gives colours. Throws std::bad_alloc.
absl::StatusOr<Picture> DecodeJpeg(absl::string_view bytes,
                                   const std::string& name,
                                   int64_t channels = 0);

}  // namespace distill

#endif  // DISTILL_DATA_JPEG_H_
