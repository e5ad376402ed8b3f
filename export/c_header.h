// A model as one C file that depends on nothing, for microcontrollers and for
// programs that want no library.
#ifndef DISTILL_EXPORT_C_HEADER_H_
#define DISTILL_EXPORT_C_HEADER_H_

#include "absl/status/statusor.h"
#include "export/c_text.h"
#include "models/weights.h"

namespace distill {

// The contents of a C99 header (C11 and C++ take it too), to be included in one
// source file: the weights as static const arrays, and, with the prefix
// "distill",
//
//   void distill_logits(const unsigned char pixels[], float logits[]);
//   int distill_predict(const unsigned char pixels[]);
//   const char *distill_class_name(int predicted);
//   void distill_logits_in(pixels, scratch, logits);
//
// with pixels [DISTILL_HEIGHT, DISTILL_WIDTH], row-major, 0 to 255, which are
// normalised inside. No memory is allocated; the first two share one static
// scratch area, and the last is given one of DISTILL_SCRATCH floats, so that
// several threads may use it at once. Nothing of C's library is called.
//
// Headers of several prefixes go into one source; two models of one prefix do
// not, and a #error says so. GCC and Clang have no complaint about it with
// -Wall -Wextra -pedantic -Wconversion -Wdouble-promotion -Wshadow -Wundef.
//
// Unimplemented for a model that LayersOf does not take, and for one of images
// in colour.
absl::StatusOr<CHeaderFile> CHeader(const LoadedModel& loaded,
                                    const CHeaderOptions& options = {});

}  // namespace distill

#endif  // DISTILL_EXPORT_C_HEADER_H_
