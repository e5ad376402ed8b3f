#include "data/grey_image.h"

#include "absl/strings/str_cat.h"

namespace distill {

absl::Status ImageError(absl::StatusCode code, const std::string& name,
                        const std::string& found, const std::string& expected,
                        const std::string& advice) {
  return absl::Status(code, absl::StrCat(name, ": found ", found, "; expected ",
                                         expected, ". ", advice));
}

absl::Status CheckImageSize(const std::string& name, int64_t height,
                            int64_t width) {
  if (height < 1 || width < 1) {
    return ImageError(absl::StatusCode::kInvalidArgument, name,
                      absl::StrCat("an image of ", width, " x ", height),
                      "at least one pixel", "Save the image again.");
  }
  if (height > kMaxImagePixels / width) {
    return ImageError(absl::StatusCode::kInvalidArgument, name,
                      absl::StrCat("an image of ", width, " x ", height),
                      absl::StrCat("at most ", kMaxImagePixels, " pixels"),
                      "Make it smaller: a digit needs no more than 28 x 28.");
  }
  return absl::OkStatus();
}

absl::Status CorruptImage(const std::string& name, const std::string& kind,
                          const std::string& reason) {
  return ImageError(
      absl::StatusCode::kDataLoss, name,
      absl::StrCat("a ", kind, " that cannot be decoded (", reason, ")"),
      "a whole one", "It is cut off or damaged: fetch or save it again.");
}

}  // namespace distill
