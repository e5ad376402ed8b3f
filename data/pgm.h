// Pictures in PGM, which any program can write.
#ifndef DISTILL_DATA_PGM_H_
#define DISTILL_DATA_PGM_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/grey_image.h"

namespace distill {

// Whether `bytes` start as a PGM does, with numbers as text (P2) or bytes (P5).
bool IsPgm(absl::string_view bytes);

// The first picture in a file's `bytes`, scaled so that its maxval, 1 to 65535,
// is 255 (the format: netpbm.sourceforge.net/doc/pgm.html). `name` is the
// file's, for messages.
//
// Errors: those of CheckImageSize and CorruptImage. No memory is taken that the
// bytes do not fill.
absl::StatusOr<GreyImage> DecodePgm(absl::string_view bytes,
                                    const std::string& name);

}  // namespace distill

#endif  // DISTILL_DATA_PGM_H_
