// Pictures in PGM and PPM of the Netpbm family, which any program can write.
#ifndef DISTILL_DATA_NETPBM_H_
#define DISTILL_DATA_NETPBM_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/picture.h"

namespace distill {

// Whether `bytes` start as a PGM or PPM does, grey or coloured: with numbers as
// text (P2, P3) or bytes (P5, P6).
bool IsNetpbm(absl::string_view bytes);

// The first picture in a file's `bytes`, scaled so that its maxval, 1 to 65535,
// is 255 (the formats: netpbm.sourceforge.net/doc/pgm.html and ppm.html).
// `name` is the file's, for messages; for `channels` see DecodeImage.
//
// Errors: those of CheckImageSize and CorruptImage. No memory is taken that the
// bytes do not fill.
absl::StatusOr<Picture> DecodeNetpbm(absl::string_view bytes,
                                     const std::string& name,
                                     int64_t channels = 0);

}  // namespace distill

#endif  // DISTILL_DATA_NETPBM_H_
