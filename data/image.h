// Pictures of any kind that this project reads.
#ifndef DISTILL_DATA_IMAGE_H_
#define DISTILL_DATA_IMAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/picture.h"

namespace distill {

// The picture in a file's `bytes`: PNG, JPEG, PGM or PPM, by the first bytes
// and not by the file's `name`, which is for messages. Grey comes as one
// channel and colours as three, or all as the `channels` that are wished, 1 or
// 3: grey of colours is their luma (which a JPEG has stored itself), and
// colours of grey are three times the same.
//
// Errors: those of DecodePng, DecodeJpeg and DecodeNetpbm; InvalidArgument for
// other contents, with what they look like; ResourceExhausted where memory is
// short.
absl::StatusOr<Picture> DecodeImage(absl::string_view bytes,
                                    const std::string& name,
                                    int64_t channels = 0);

}  // namespace distill

#endif  // DISTILL_DATA_IMAGE_H_
