// Pictures of any kind that this project reads.
#ifndef DISTILL_DATA_IMAGE_H_
#define DISTILL_DATA_IMAGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/grey_image.h"

namespace distill {

// The picture in a file's `bytes`: PNG, JPEG or PGM, by the first bytes and not
// by the file's `name`, which is for messages.
//
// Errors: those of DecodePng, DecodeJpeg and DecodePgm; InvalidArgument for
// other contents, with what they look like; ResourceExhausted where memory is
// short.
absl::StatusOr<GreyImage> DecodeImage(absl::string_view bytes,
                                      const std::string& name);

}  // namespace distill

#endif  // DISTILL_DATA_IMAGE_H_
