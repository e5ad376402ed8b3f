// Pictures: PNG, JPEG, PGM, PPM, as stored, and prepared for a model.
#include "absl/strings/string_view.h"
#include "data/digit.h"
#include "data/image.h"
#include "data/preparation.h"
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
              (image->channels == 1 || image->channels == 3) &&
              image->size() == image->pixels.size(),
          "there are as many pixels as the sizes say");
  for (const auto& [name, fit] : distill::Fits()) {
    Require(distill::Prepare(*image, {3, 5, 7}, fit).size() == 3 * 5 * 7,
            "a prepared picture has the size that is wished");
  }
  const auto digit = distill::PrepareDigit(distill::ToGrey(*image));
  if (digit.ok()) {
    Require(digit->size() == distill::kDigitSize * distill::kDigitSize,
            "a digit has 28 x 28 pixels");
  }
  return 0;
}
