// Pictures for a page.
#ifndef DISTILL_REPORT_PNG_H_
#define DISTILL_REPORT_PNG_H_

#include <cstdint>
#include <string>

namespace distill {

// A PNG file of 8-bit grey `pixels` [height, width], row-major, 0 black; both
// sizes at least 1. W3C, "Portable Network Graphics Specification (Third
// Edition)".
std::string GreyPng(const uint8_t* pixels, int64_t height, int64_t width);

// The same as an address that an <img> may have as its src.
std::string GreyPngUri(const uint8_t* pixels, int64_t height, int64_t width);

}  // namespace distill

#endif  // DISTILL_REPORT_PNG_H_
