// Pictures in PNG, through libpng.
#ifndef DISTILL_DATA_PNG_H_
#define DISTILL_DATA_PNG_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/picture.h"

namespace distill {

// Whether `bytes` start as a PNG does.
bool IsPng(absl::string_view bytes);

// The picture in a file's `bytes`, of any colour type, depth (16 bits are
// rounded to 8) and interlacing: grey, or colours where it has colours or a
// palette. What is transparent shows white; it is turned as its eXIf chunk says
// (PNG 1.5 extensions, section 3.7), which may come after the pixels. `name` is
// the file's, for messages; for `channels` see DecodeImage.
//
// Errors: those of CheckImageSize and CorruptImage. Throws std::bad_alloc.
absl::StatusOr<Picture> DecodePng(absl::string_view bytes,
                                  const std::string& name,
                                  int64_t channels = 0);

}  // namespace distill

#endif  // DISTILL_DATA_PNG_H_
