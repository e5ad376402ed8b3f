// How the convolution block's kernels lay out images, and what they share. Part
// of conv_block_isa.cc: like vector.h, it is compiled once an instruction set.
#ifndef DISTILL_MODELS_KERNELS_CONV_BLOCK_LAYOUT_H_
#define DISTILL_MODELS_KERNELS_CONV_BLOCK_LAYOUT_H_

#include "models/kernels/conv_block_kernels.h"
#include "models/kernels/vector.h"
#include "models/kernels/workspace.h"

namespace distill {
namespace kernels {
namespace {

#if defined(__AVX512F__)
// Vectors of output channels at a time with one input channel: 9 vectors of
// weights and 4 sums each.
constexpr int kMaxOneVectors = 2;
#else
constexpr int kMaxOneVectors = 1;
#endif

typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));

// Winners are bytes in memory and lanes in registers. The compiler's own
// conversion, __builtin_convertvector, takes the bytes one by one.
DISTILL_INLINE IntVec LoadBytes(const uint8_t* from) {
#if defined(__AVX512F__)
  return (IntVec)_mm512_cvtepu8_epi32(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#elif defined(__AVX2__)
  return (IntVec)_mm256_cvtepu8_epi32(
      _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
#else
  IntVec values;
  for (int i = 0; i < kLanes; ++i) values[i] = from[i];
  return values;
#endif
}
DISTILL_INLINE void StoreBytes(uint8_t* to, IntVec values) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to),
                   _mm512_cvtepi32_epi8((__m512i)values));
#elif defined(__AVX2__)
  const __m128i words =
      _mm_packus_epi32(_mm256_castsi256_si128((__m256i)values),
                       _mm256_extracti128_si256((__m256i)values, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to),
                   _mm_packus_epi16(words, words));
#else
  for (int i = 0; i < kLanes; ++i) to[i] = static_cast<uint8_t>(values[i]);
#endif
}

// Two vectors of output channels at a time in the forward pass.
constexpr int kOutBlock = 2 * kLanes;

// ---------------------------------------------------------------------------
// Sizes

struct Sizes {
  int tiles_high, tiles_wide, tiles;  // One tile an output: its 2 x 2 window.
  int in_stride;                      // Channels of the padded input.
  int row;                            // Floats of one padded row.
  int padded;                         // Floats of one padded image.
  int out_stride;                     // Channels of the padded output.
};

DISTILL_INLINE Sizes SizesOf(const ConvBlockParams& p) {
  Sizes s;
  s.tiles_high = p.height / 2;
  s.tiles_wide = p.width / 2;
  s.tiles = s.tiles_high * s.tiles_wide;
  s.in_stride = p.in_channels == 1 ? 1 : RoundUp(p.in_channels, kLanes);
  s.row = (p.width + 2) * s.in_stride;
  // Vectors may read beyond the last pixel, and copies stay aligned.
  s.padded = RoundUp((p.height + 2) * s.row + kLanes, kLanes);
  s.out_stride = RoundUp(p.out_channels, kOutBlock);
  return s;
}

// Copies an image of one channel into a zeroed padded one; never writes the
// margin.
DISTILL_INLINE void PadImage(const ConvBlockParams& p, const Sizes& s,
                             const float* x, float* padded) {
  for (int y = 0; y < p.height; ++y) {
    __builtin_memcpy(padded + (y + 1) * s.row + 1, x + y * p.width,
                     sizeof(float) * p.width);
  }
}

// Where the outputs of one image go: straight to their place, or, when the
// layout or a partial vector is in the way, into a padded [tiles, out_stride].
struct Outputs {
  float* out;
  uint8_t* winner;
  int stride;
};

DISTILL_INLINE bool Direct(const ConvBlockParams& p) {
  const int block = p.in_channels == 1 ? kLanes : kOutBlock;
  return !p.channels_first && p.out_channels % block == 0;
}

#ifdef __AVX512F__
DISTILL_INLINE Vec LoadElements(const float* from) { return Load(from); }
DISTILL_INLINE Vec LoadElements(const uint8_t* from) {
  return (Vec)LoadBytes(from);
}
DISTILL_INLINE void StoreElements(float* to, Vec values) { Store(to, values); }
DISTILL_INLINE void StoreElements(uint8_t* to, Vec values) {
  StoreBytes(to, (IntVec)values);
}

// Transposes 16 x 16: first in squares of 4 x 4, then the squares.
template <typename T>
DISTILL_INLINE void TransposeSquare(const T* from, int from_stride, T* to,
                                    int to_stride) {
  __m512 a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = LoadElements(from + i * from_stride);
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(a[i], a[i + 1]));
    const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(a[i], a[i + 1]));
    const __m512d low23 =
        _mm512_castps_pd(_mm512_unpacklo_ps(a[i + 2], a[i + 3]));
    const __m512d high23 =
        _mm512_castps_pd(_mm512_unpackhi_ps(a[i + 2], a[i + 3]));
    b[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
    b[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
    b[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
    b[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
  }
  // Quarter q of b[4 i + j] is part i of column 4 q + j.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 even01 = _mm512_shuffle_f32x4(b[j], b[4 + j], 0x88);
    const __m512 odd01 = _mm512_shuffle_f32x4(b[j], b[4 + j], 0xdd);
    const __m512 even23 = _mm512_shuffle_f32x4(b[8 + j], b[12 + j], 0x88);
    const __m512 odd23 = _mm512_shuffle_f32x4(b[8 + j], b[12 + j], 0xdd);
    StoreElements(to + j * to_stride,
                  (Vec)_mm512_shuffle_f32x4(even01, even23, 0x88));
    StoreElements(to + (4 + j) * to_stride,
                  (Vec)_mm512_shuffle_f32x4(odd01, odd23, 0x88));
    StoreElements(to + (8 + j) * to_stride,
                  (Vec)_mm512_shuffle_f32x4(even01, even23, 0xdd));
    StoreElements(to + (12 + j) * to_stride,
                  (Vec)_mm512_shuffle_f32x4(odd01, odd23, 0xdd));
  }
}
#endif

// to [columns, rows] from from [rows, columns].
template <typename T>
DISTILL_INLINE void Transpose(const T* from, int rows, int columns,
                              int from_stride, T* to, int to_stride) {
  int row = 0;
#ifdef __AVX512F__
  for (; row + 16 <= rows; row += 16) {
    int column = 0;
    for (; column + 16 <= columns; column += 16) {
      TransposeSquare(from + row * from_stride + column, from_stride,
                      to + column * to_stride + row, to_stride);
    }
    for (; column < columns; ++column) {
      for (int i = row; i < row + 16; ++i) {
        to[column * to_stride + i] = from[i * from_stride + column];
      }
    }
  }
#endif
  for (int column = 0; column < columns; ++column) {
    for (int i = row; i < rows; ++i) {
      to[column * to_stride + i] = from[i * from_stride + column];
    }
  }
}

template <typename T>
DISTILL_INLINE void CopyOut(const ConvBlockParams& p, int tiles, const T* from,
                            int from_stride, T* to) {
  if (p.channels_first) {
    Transpose(from, tiles, p.out_channels, from_stride, to, tiles);
    return;
  }
  for (int t = 0; t < tiles; ++t) {
    __builtin_memcpy(to + t * p.out_channels, from + t * from_stride,
                     sizeof(T) * p.out_channels);
  }
}

}  // namespace
}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_CONV_BLOCK_LAYOUT_H_
