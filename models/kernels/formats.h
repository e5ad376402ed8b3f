// Arrays of float32 or bfloat16, of which vectors are always float32. Like
// vector.h, compiled once an instruction set.
#ifndef DISTILL_MODELS_KERNELS_FORMATS_H_
#define DISTILL_MODELS_KERNELS_FORMATS_H_

#include <cstdint>

#include "models/kernels/vector.h"

namespace distill {
namespace kernels {
namespace {

typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
typedef Halves HalvesAt __attribute__((aligned(2), may_alias));

struct Float32 {
  using Element = float;
  static DISTILL_INLINE Vec Get(const float* from) { return Load(from); }
  static DISTILL_INLINE void Put(float* to, Vec value) { Store(to, value); }
};

struct BFloat16 {
  using Element = uint16_t;
  static DISTILL_INLINE Vec Get(const uint16_t* from) {
    return (Vec)(__builtin_convertvector(
                     *reinterpret_cast<const HalvesAt*>(from), BitVec)
                 << 16);
  }
  // The nearest, ties to even.
  static DISTILL_INLINE void Put(uint16_t* to, Vec value) {
#ifdef __AVX512BF16__
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)value);
    *reinterpret_cast<HalvesAt*>(to) = (Halves)(__m256i)rounded;
#else
    *reinterpret_cast<HalvesAt*>(to) = __builtin_convertvector(
        reinterpret_cast<BitVec>(RoundToBf16(value)) >> 16, Halves);
#endif
  }
};

template <typename Element>
const Element* As(const void* from) {
  return static_cast<const Element*>(from);
}
template <typename Element>
Element* As(void* to) {
  return static_cast<Element*>(to);
}

// NaN stays NaN.
DISTILL_INLINE Vec CutAtZero(Vec value) { return value < 0 ? Vec{} : value; }

}  // namespace
}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_FORMATS_H_
