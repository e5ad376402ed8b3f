#include "data/picture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace distill {

Picture ToGrey(Picture picture) {
  if (picture.channels == 1) return picture;
  Picture grey = {1, picture.height, picture.width, std::move(picture.pixels)};
  // In place: a pixel is written where all before it have been read.
  const uint8_t* from = grey.pixels.data();
  for (size_t i = 0; i < grey.size(); ++i, from += 3) {
    grey.pixels[i] = Luma(from[0], from[1], from[2]);
  }
  grey.pixels.resize(grey.size());
  return grey;
}

Picture WithChannels(Picture picture, int64_t channels) {
  if (channels == 1) return ToGrey(std::move(picture));
  if (channels == 0 || picture.channels == channels) return picture;
  Picture colour = {channels, picture.height, picture.width, {}};
  colour.pixels.reserve(colour.size());
  for (const uint8_t grey : picture.pixels) {
    colour.pixels.insert(colour.pixels.end(), 3, grey);
  }
  return colour;
}

absl::Status CheckImageSize(const std::string& name, int64_t height,
                            int64_t width) {
  if (height < 1 || width < 1) {
    return Unexpected(absl::StatusCode::kInvalidArgument, name,
                      absl::StrCat("an image of ", width, " x ", height),
                      "at least one pixel", "Save the image again.");
  }
  if (height > kMaxImagePixels / width) {
    return Unexpected(absl::StatusCode::kInvalidArgument, name,
                      absl::StrCat("an image of ", width, " x ", height),
                      absl::StrCat("at most ", kMaxImagePixels, " pixels"),
                      "Make it smaller: models look at far fewer pixels.");
  }
  return absl::OkStatus();
}

absl::Status CorruptImage(const std::string& name, const std::string& kind,
                          const std::string& reason) {
  return Unexpected(
      absl::StatusCode::kDataLoss, name,
      absl::StrCat("a ", kind, " that cannot be decoded (", reason, ")"),
      "a whole one", "It is cut off or damaged: fetch or save it again.");
}

}  // namespace distill
