// Pictures: PNG, JPEG, PGM, PPM, as stored, and prepared for a model.
#include "absl/strings/string_view.h"
#include "data/digit.h"
#include "data/image.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using distill::fuzz::Require;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto image = distill::DecodeImage(bytes, "input");
  if (!image.ok()) {
    distill::fuzz::RequireGoodError(image.status(), "input");
    return 0;
  }
  Require(image->height >= 1 && image->width >= 1 &&
              image->height * image->width ==
                  static_cast<int64_t>(image->pixels.size()),
          "there are as many pixels as the sizes say");
  const auto digit = distill::PrepareDigit(*image);
  if (digit.ok()) {
    Require(digit->size() == distill::kDigitSize * distill::kDigitSize,
            "a digit has 28 x 28 pixels");
  }
  return 0;
}
