#include "data/grey_image.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace distill {

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
                      "Make it smaller: a digit needs no more than 28 x 28.");
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
