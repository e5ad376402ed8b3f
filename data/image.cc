#include "data/image.h"

#include <new>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "base/content.h"
#include "base/status.h"
#include "data/jpeg.h"
#include "data/netpbm.h"
#include "data/png.h"

namespace distill {
namespace {

absl::StatusOr<Picture> Decode(absl::string_view bytes, const std::string& name,
                               int64_t channels) {
  if (IsPng(bytes)) return DecodePng(bytes, name, channels);
  if (IsJpeg(bytes)) return DecodeJpeg(bytes, name, channels);
  if (IsNetpbm(bytes)) return DecodeNetpbm(bytes, name, channels);
  const Content content = ContentOf(bytes);
  const bool was_png = absl::StartsWith(bytes, "\x89PNG");
  return Unexpected(absl::StatusCode::kInvalidArgument, name, content.name,
                    "a PNG, JPEG, PGM or PPM image",
                    was_png ? std::string(content.advice)
                            : "Save the picture as one of these.");
}

}  // namespace

absl::StatusOr<Picture> DecodeImage(absl::string_view bytes,
                                    const std::string& name, int64_t channels) {
  try {
    return Decode(bytes, name, channels);
  } catch (const std::bad_alloc&) {
    return Unexpected(absl::StatusCode::kResourceExhausted, name,
                      "an image that does not fit in memory", "one that fits",
                      "Make it smaller.");
  }
}

}  // namespace distill
