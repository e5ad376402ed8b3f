#include "data/image.h"

#include <new>

#include "absl/strings/match.h"
#include "data/jpeg.h"
#include "data/pgm.h"
#include "data/png.h"

namespace distill {
namespace {

// What contents are, as far as their first bytes tell.
const char* Looks(absl::string_view bytes) {
  struct Kind {
    absl::string_view start;
    const char* name;
  };
  constexpr Kind kKinds[] = {{"GIF8", "a GIF"},
                             {"RIFF", "a WebP or another RIFF file"},
                             {"BM", "a BMP"},
                             {"II*", "a TIFF"},
                             {"MM", "a TIFF"},
                             {"%PDF", "a PDF"},
                             {"<", "a web page or SVG"},
                             {"P", "another Netpbm file than a PGM"}};
  if (bytes.empty()) return "an empty file";
  // The type of an ISO media file comes after its length.
  if (absl::StartsWith(bytes.substr(bytes.size() < 4 ? 0 : 4), "ftyp")) {
    return "a HEIC, AVIF or video file";
  }
  for (const Kind& kind : kKinds) {
    if (absl::StartsWith(bytes, kind.start)) return kind.name;
  }
  return "something else";
}

absl::StatusOr<GreyImage> Decode(absl::string_view bytes,
                                 const std::string& name) {
  if (IsPng(bytes)) return DecodePng(bytes, name);
  if (IsJpeg(bytes)) return DecodeJpeg(bytes, name);
  if (IsPgm(bytes)) return DecodePgm(bytes, name);
  return ImageError(absl::StatusCode::kInvalidArgument, name, Looks(bytes),
                    "a PNG, JPEG or PGM image",
                    "Save the picture as one of these.");
}

}  // namespace

absl::StatusOr<GreyImage> DecodeImage(absl::string_view bytes,
                                      const std::string& name) {
  try {
    return Decode(bytes, name);
  } catch (const std::bad_alloc&) {
    return ImageError(absl::StatusCode::kResourceExhausted, name,
                      "an image that does not fit in memory", "one that fits",
                      "Make it smaller.");
  }
}

}  // namespace distill
