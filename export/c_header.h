// A model as one C file that depends on nothing, for microcontrollers and for
// programs that want no library.
#ifndef DISTILL_EXPORT_C_HEADER_H_
#define DISTILL_EXPORT_C_HEADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/weights.h"

namespace distill {

// OK if `prefix` may begin C's names: letters, digits and underscores, of which
// the first is a letter, 32 at most. Else InvalidArgument with the flag's name.
absl::Status CheckCPrefix(const std::string& prefix);

struct CHeaderOptions {
  // What all names of the header begin with: in small letters those of
  // functions and types, as it is given; in capital letters those of macros.
  // CheckCPrefix must accept it.
  std::string prefix = "distill";
  // Whether the weights are int8 (export/int8.h) instead of float: about a
  // quarter of the bytes. Biases, scales and activations are float either way.
  bool int8 = false;
  // Lines for the comment at the top of the file: how good it is.
  std::vector<std::string> remarks;
};

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
absl::StatusOr<std::string> CHeader(const LoadedModel& loaded,
                                    const CHeaderOptions& options = {});

// Bytes of the arrays with weights, biases and scales, which go to a
// microcontroller's flash memory; and of the scratch area, which takes RAM.
struct CHeaderSize {
  int64_t constant_bytes = 0;
  int64_t scratch_bytes = 0;
};

// The sizes of a model that CHeader takes.
CHeaderSize SizeOfCHeader(const LoadedModel& loaded, bool int8);

}  // namespace distill

#endif  // DISTILL_EXPORT_C_HEADER_H_
