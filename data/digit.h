// A picture of a digit, made what a model of MNIST knows.
#ifndef DISTILL_DATA_DIGIT_H_
#define DISTILL_DATA_DIGIT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "data/picture.h"

namespace distill {

constexpr int64_t kDigitSize = 28;     // Pixels of a side.
constexpr int64_t kDigitBoxSize = 20;  // Of the box that the digit fills.

// The digit in `image` as MNIST was made of NIST's scans (Y. LeCun, L. Bottou,
// Y. Bengio, P. Haffner, "Gradient-based learning applied to document
// recognition", 1998, section III-A): light on black, scaled with its aspect
// ratio to fit a box of 20 x 20, grey where a pixel is partly covered, and
// moved by whole pixels until its centre of mass is in the middle of 28 x 28.
// Returns [28, 28] row-major; 0 is background, 255 full ink.
//
// What ink is:
//   background   a plane through the brightness of the picture's margin, so
//                that light from one side does not count
//   polarity     whichever side of that plane has more that stands out; dark
//   ink
//                is measured by the share of the light that it swallows
//   threshold    Otsu's (N. Otsu, "A threshold selection method from gray-level
//                histograms", 1979), and beyond four deviations of the margin's
//                noise; what is left below three of them is background
//   specks       pieces of ink with less than a twentieth of the largest
//                piece's pixels do not count
//   surroundings nor do pieces with a corner of the picture and a sixteenth of
//                its rim, a table beside the paper, if there are others
// Pictures with more than 2048 pixels on a side are first made smaller by
// averaging. An image of MNIST comes out as it was: of the 10,000 of its test
// split 9,921 keep four fifths of their ink in place, and a student with 160
// errors takes 9,991 for the same digit as before.
//
// Limits: one digit a picture, on a background without strong lines.
//
// InvalidArgument, without a file's name, if nothing is drawn on it. `image`
// must be grey and have pixels. export/assets/draw.js has the same steps in
// JavaScript.
absl::StatusOr<std::vector<uint8_t>> PrepareDigit(const Picture& image);

}  // namespace distill

#endif  // DISTILL_DATA_DIGIT_H_
