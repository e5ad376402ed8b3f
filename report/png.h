// Pictures for a page.
#ifndef DISTILL_REPORT_PNG_H_
#define DISTILL_REPORT_PNG_H_

#include <cstdint>
#include <string>

#include "data/image_spec.h"

namespace distill {

// A PNG file of 8-bit `pixels` [channels, height, width], row-major: grey (0 is
// black) of one channel, else the first three are red, green and blue. Each
// size at least 1. W3C, "Portable Network Graphics Specification (Third
// Edition)".
std::string Png(const uint8_t* pixels, const ImageSpec& image);

// The same as an address that an <img> may have as its src.
std::string PngUri(const uint8_t* pixels, const ImageSpec& image);

}  // namespace distill

#endif  // DISTILL_REPORT_PNG_H_
