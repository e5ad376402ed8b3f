#include "data/image.h"

#include <new>

#include "base/content.h"
#include "base/status.h"
#include "data/jpeg.h"
#include "data/pgm.h"
#include "data/png.h"

namespace distill {
namespace {

absl::StatusOr<GreyImage> Decode(absl::string_view bytes,
                                 const std::string& name) {
  if (IsPng(bytes)) return DecodePng(bytes, name);
  if (IsJpeg(bytes)) return DecodeJpeg(bytes, name);
  if (IsPgm(bytes)) return DecodePgm(bytes, name);
  return Unexpected(absl::StatusCode::kInvalidArgument, name,
                    ContentOf(bytes).name, "a PNG, JPEG or PGM image",
                    "Save the picture as one of these.");
}

}  // namespace

absl::StatusOr<GreyImage> DecodeImage(absl::string_view bytes,
                                      const std::string& name) {
  try {
    return Decode(bytes, name);
  } catch (const std::bad_alloc&) {
    return Unexpected(absl::StatusCode::kResourceExhausted, name,
                      "an image that does not fit in memory", "one that fits",
                      "Make it smaller.");
  }
}

}  // namespace distill
