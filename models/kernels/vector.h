// Vectors of float as long as the instruction set that this is compiled for, in
// the compiler's own notation. For sources that are compiled once an
// instruction set; what is here has internal linkage, as each of them needs its
// own.
//
// Nothing of the standard library may be used in such sources: an inline
// function of it, compiled for AVX-512, could be the copy that the linker keeps
// for everybody.
#ifndef DISTILL_MODELS_KERNELS_VECTOR_H_
#define DISTILL_MODELS_KERNELS_VECTOR_H_

#include <cstdint>

#ifdef __AVX2__
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's own header leaves an operand uninitialised where it does not matter.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#endif

#define DISTILL_INLINE inline __attribute__((always_inline))
#define DISTILL_INLINED __attribute__((always_inline))  // Of a lambda.

namespace distill {
namespace kernels {
namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
// The same in memory, where nothing is known of alignment and type.
typedef Vec VecAt __attribute__((aligned(4), may_alias));

DISTILL_INLINE Vec Load(const float* from) {
  return *reinterpret_cast<const VecAt*>(from);
}
DISTILL_INLINE void Store(float* to, Vec value) {
  *reinterpret_cast<VecAt*>(to) = value;
}
// The bits of floats.
typedef uint32_t BitVec __attribute__((vector_size(4 * kLanes)));
typedef BitVec BitVecAt __attribute__((aligned(4), may_alias));

// The number in every lane.
DISTILL_INLINE Vec Broadcast(float value) { return value - Vec{}; }

// sum + a * b: in one rounding where the instruction set can, and then always,
// which the compiler does not promise for the expression.
DISTILL_INLINE Vec MultiplyAdd(Vec sum, Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
#elif defined(__FMA__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
#else
  return sum + a * b;
#endif
}

// The nearest bfloat16, ties to even, as a float.
DISTILL_INLINE Vec RoundToBf16(Vec value) {
  const BitVec bits = reinterpret_cast<BitVec>(value);
  const BitVec odd = (bits >> 16) & 1u;
  const BitVec rounded = (bits + 0x7fffu + odd) & 0xffff0000u;
  // Rounding would turn some NaNs into numbers.
  // NOLINTNEXTLINE(misc-redundant-expression): false for a NaN alone.
  return value == value ? reinterpret_cast<Vec>(rounded) : value;
}

// The sum of the lanes, by halves.
DISTILL_INLINE float SumOf(Vec v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps((__m512)v);
#elif defined(__AVX__)
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128((__m256)v),
                          _mm256_extractf128_ps((__m256)v, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
#else
  return (v[0] + v[2]) + (v[1] + v[3]);
#endif
}

}  // namespace
}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_VECTOR_H_
