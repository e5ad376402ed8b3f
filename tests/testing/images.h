// Pictures for tests: encoded ones, and drawn digits.
#ifndef DISTILL_TESTS_TESTING_IMAGES_H_
#define DISTILL_TESTS_TESTING_IMAGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "data/picture.h"

namespace distill {
namespace testing {

struct PngKind {
  int color_type = 0;  // As PNG counts them: 0, 2, 3, 4 or 6.
  int depth = 8;       // Bits of a sample.
  bool interlaced = false;
  // Colour type 3: red, green, blue of each colour, and its opacity.
  std::vector<uint8_t> palette, opacity;
  std::string exif;  // The data of an eXIf chunk; none if empty.
};

// A PNG file of `samples`, packed as PNG packs a row's bytes. Aborts where
// libpng refuses it.
std::string PngFile(int64_t height, int64_t width, const PngKind& kind,
                    const std::vector<uint8_t>& samples);

// A PNG file of 8-bit grey.
std::string PngFile(const Picture& image);

// A JPEG file of interleaved 8-bit samples: 1 (grey), 3 (RGB) or 4 (CMYK) a
// pixel. `app1` becomes such a marker, if it is not empty.
std::string JpegFile(int64_t height, int64_t width, int samples_a_pixel,
                     const std::vector<uint8_t>& samples, int quality,
                     bool progressive = false, const std::string& app1 = "");

// A binary PGM file of 8-bit grey.
std::string PgmFile(const Picture& image);

struct Stroke {
  double x0, y0, x1, y1;  // Shares of the picture's sides.
};

// A seven, of two strokes, with edges that are grey where they cover part of a
// pixel. `thickness` is of the strokes, in shares of the shorter side.
extern const std::vector<Stroke> kSeven;
Picture Draw(int64_t height, int64_t width,
               const std::vector<Stroke>& strokes, double thickness,
               uint8_t ink, uint8_t paper);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_IMAGES_H_
