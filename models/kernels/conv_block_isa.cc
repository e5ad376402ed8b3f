// The kernels of conv_block_kernels.h, written once with the compiler's vector
// extension and compiled once an instruction set (see BUILD.bazel), which gives
// DISTILL_KERNELS, the name of the table at the end.
#include "models/kernels/conv_block_kernels.h"
#include "models/kernels/vector.h"

namespace distill {
namespace kernels {
namespace {

#if defined(__AVX512F__)
// Output tiles whose sums are in registers at a time: 2 x 13 of 32 registers,
// with two of weights and one of input.
constexpr int kMaxTiles = 13;
// Vectors of output channels at a time with one input channel: 9 vectors of
// weights and 4 sums each.
constexpr int kMaxOneVectors = 2;
#else
constexpr int kMaxTiles = 6;  // 2 x 6 of 16 registers.
constexpr int kMaxOneVectors = 1;
#endif

typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef uint32_t BitVec __attribute__((vector_size(4 * kLanes)));
typedef BitVec BitVecAt __attribute__((aligned(4), may_alias));

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

DISTILL_INLINE int RoundUp(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
DISTILL_INLINE void Zero(float* to, int64_t count) {
  __builtin_memset(to, 0, sizeof(float) * count);
}

// Two vectors of output channels at a time in the forward pass.
constexpr int kOutBlock = 2 * kLanes;

// The nearest bfloat16, ties to even, as a float.
DISTILL_INLINE Vec RoundToBf16(Vec value) {
  const BitVec bits = reinterpret_cast<BitVec>(value);
  const BitVec odd = (bits >> 16) & 1u;
  const BitVec rounded = (bits + 0x7fffu + odd) & 0xffff0000u;
  // Rounding would turn some NaNs into numbers.
  // NOLINTNEXTLINE(misc-redundant-expression): false for a NaN alone.
  return value == value ? reinterpret_cast<Vec>(rounded) : value;
}

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

// Hands out consecutive aligned parts of the workspace; with a null one, only
// counts.
struct Arena {
  char* next;
  size_t used = 0;

  explicit Arena(void* workspace) : next(static_cast<char*>(workspace)) {}

  template <typename T>
  T* Take(int64_t count) {
    const size_t bytes = (sizeof(T) * count + 63) / 64 * 64;
    T* part = reinterpret_cast<T*>(next);
    if (next != nullptr) next += bytes;
    used += bytes;
    return part;
  }
};

// Copies an image into a zeroed padded one; never writes the margin.
DISTILL_INLINE void PadImage(const ConvBlockParams& p, const Sizes& s,
                             const float* x, float* padded) {
  for (int y = 0; y < p.height; ++y) {
    float* to = padded + (y + 1) * s.row + s.in_stride;
    if (s.in_stride == p.in_channels) {
      __builtin_memcpy(to, x, sizeof(float) * p.width * p.in_channels);
      x += p.width * p.in_channels;
      continue;
    }
    for (int i = 0; i < p.width; ++i, to += s.in_stride) {
      for (int c = 0; c < p.in_channels; ++c) to[c] = *x++;
    }
  }
}

// ---------------------------------------------------------------------------
// Forward

// Bias, pool, ReLU and, with kWinner, the winner of one vector of one window.
template <bool kWinner>
DISTILL_INLINE void PoolAndStore(Vec y0, Vec y1, Vec y2, Vec y3, Vec bias,
                                 float* out, uint8_t* winner) {
  y0 += bias;
  y1 += bias;
  y2 += bias;
  y3 += bias;
  const Vec zero = {};
  const Vec best01 = y1 > y0 ? y1 : y0;
  const Vec best012 = y2 > best01 ? y2 : best01;
  const Vec best = y3 > best012 ? y3 : best012;
  const Vec sum = (y0 + y1) + (y2 + y3);
  const Vec cut = best > zero ? best : zero;
  // Comparisons lose NaNs; a run that diverges must be seen.
  // NOLINTNEXTLINE(misc-redundant-expression): false for a NaN alone.
  Store(out, sum == sum ? cut : sum);
  if (kWinner) {
    IntVec which = {};
    const IntVec one = which + 1, two = which + 2, three = which + 3;
    const IntVec none = which + kNoWinner;
    which = y1 > y0 ? one : which;
    which = y2 > best01 ? two : which;
    which = y3 > best012 ? three : which;
    which = best > zero ? which : none;
    StoreBytes(winner, which);
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

// One input channel: nine broadcast inputs a number, weights in registers.
// packed [9, out_stride].
template <int kVectors, bool kWinner>
DISTILL_INLINE void ForwardOneChannel(const Sizes& s, const float* padded,
                                      const float* packed, const float* bias,
                                      const Outputs& to) {
  Vec w[9][kVectors], b[kVectors];
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      w[k][v] = Load(packed + k * s.out_stride + v * kLanes);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) b[v] = Load(bias + v * kLanes);
  float* out = to.out;
  uint8_t* winner = to.winner;
  for (int ty = 0; ty < s.tiles_high; ++ty) {
    const float* window = padded + 2 * ty * s.row;
    for (int tx = 0; tx < s.tiles_wide; ++tx, window += 2) {
      Vec y[4][kVectors] = {};
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          const Vec in = Broadcast(window[i * s.row + j]);
#pragma GCC unroll 4
          for (int q = 0; q < 4; ++q) {
            const int ki = i - q / 2, kj = j - q % 2;
            if (ki < 0 || ki > 2 || kj < 0 || kj > 2) continue;
#pragma GCC unroll 2
            for (int v = 0; v < kVectors; ++v) {
              y[q][v] = MultiplyAdd(y[q][v], in, w[3 * ki + kj][v]);
            }
          }
        }
      }
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        PoolAndStore<kWinner>(y[0][v], y[1][v], y[2][v], y[3][v], b[v],
                              out + v * kLanes,
                              kWinner ? winner + v * kLanes : nullptr);
      }
      out += to.stride;
      if (kWinner) winner += to.stride;
    }
  }
}

// Several input channels: Winograd's F(2x2, 3x3) (Lavin and Gray 2016, "Fast
// algorithms for convolutional neural networks"), whose tile of 2 x 2 outputs
// is exactly one pooling window. With d the 4 x 4 inputs of a tile and g the
// weights, Y = A' [ (G g G') . (B' d B) ] A, where . multiplies elementwise and
// sums over input channels: 16 multiplications instead of 36.

// G g G' of every pair of channels, for one block of output channels.
// gathered [in_channels, 9, kOutBlock]; u [16, steps, kOutBlock], where a step
// is one input channel, or two as pairs of bfloat16.
DISTILL_INLINE void TransformWeights(const float* gathered, int in_channels,
                                     bool round, Vec* u, int stride) {
  for (int c = 0; c < in_channels; ++c) {
    for (int v = 0; v < 2; ++v) {
      Vec rows[4][3];
#pragma GCC unroll 3
      for (int j = 0; j < 3; ++j) {
        const float* g = gathered + (c * 9 + j) * kOutBlock + v * kLanes;
        const Vec g0 = Load(g), g1 = Load(g + 3 * kOutBlock),
                  g2 = Load(g + 6 * kOutBlock);
        rows[0][j] = g0;
        rows[1][j] = 0.5f * ((g0 + g2) + g1);
        rows[2][j] = 0.5f * ((g0 + g2) - g1);
        rows[3][j] = g2;
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const Vec sum = rows[i][0] + rows[i][2];
        const Vec column[4] = {rows[i][0], 0.5f * (sum + rows[i][1]),
                               0.5f * (sum - rows[i][1]), rows[i][2]};
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          u[(4 * i + j) * stride + 2 * c + v] =
              round ? RoundToBf16(column[j]) : column[j];
        }
      }
    }
  }
}

#ifdef __AVX512BF16__
constexpr bool kHasBf16 = true;
#else
constexpr bool kHasBf16 = false;
#endif

// m [16, tiles of the block, kOutBlock] at one of the 16 points: v times u.
// Both as float32, or as pairs of bfloat16 in 32 bits.
template <int kTiles, bool kPairs>
void Multiply(const float* v, int v_stride, const float* u, int steps,
              float* m) {
  Vec sums[kTiles][2] = {};
  for (int k = 0; k < steps; ++k) {
    const Vec u0 = Load(u), u1 = Load(u + kLanes);
    u += kOutBlock;
#pragma GCC unroll 16
    for (int t = 0; t < kTiles; ++t) {
#ifdef __AVX512BF16__
      if (kPairs) {
        const __m512bh in = (__m512bh)_mm512_set1_ps(v[t * v_stride + k]);
        sums[t][0] = _mm512_dpbf16_ps(sums[t][0], in, (__m512bh)u0);
        sums[t][1] = _mm512_dpbf16_ps(sums[t][1], in, (__m512bh)u1);
        continue;
      }
#endif
      const Vec in = Broadcast(v[t * v_stride + k]);
      sums[t][0] = MultiplyAdd(sums[t][0], in, u0);
      sums[t][1] = MultiplyAdd(sums[t][1], in, u1);
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kTiles; ++t) {
    Store(m + t * kOutBlock, sums[t][0]);
    Store(m + t * kOutBlock + kLanes, sums[t][1]);
  }
}

template <bool kPairs>
DISTILL_INLINE void MultiplyTiles(int tiles, const float* v, int v_stride,
                                  const float* u, int steps, float* m) {
  switch (tiles) {
#define DISTILL_CASE(n)                       \
  case n:                                     \
    return Multiply < n <= kMaxTiles ? n : 1, \
           kPairs > (v, v_stride, u, steps, m);
    DISTILL_CASE(1)
    DISTILL_CASE(2)
    DISTILL_CASE(3)
    DISTILL_CASE(4)
    DISTILL_CASE(5)
    DISTILL_CASE(6)
    DISTILL_CASE(7)
    DISTILL_CASE(8)
    DISTILL_CASE(9)
    DISTILL_CASE(10)
    DISTILL_CASE(11)
    DISTILL_CASE(12)
    DISTILL_CASE(13)
#undef DISTILL_CASE
  }
}

// B' d B of one tile. d points at the tile's first padded pixel; v [16, stride]
// at its place in the first of 16 planes. With kPairs, v is in bfloat16.
template <bool kPairs>
DISTILL_INLINE void TransformInput(const float* d, int row, int pixel,
                                   int channels, bool round, float* v,
                                   int plane) {
  for (int c = 0; c < channels; c += kLanes) {
    Vec rows[4][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const float* from = d + j * pixel + c;
      const Vec d0 = Load(from), d1 = Load(from + row),
                d2 = Load(from + 2 * row), d3 = Load(from + 3 * row);
      rows[0][j] = d0 - d2;
      rows[1][j] = d1 + d2;
      rows[2][j] = d2 - d1;
      rows[3][j] = d1 - d3;
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Vec* r = rows[i];
      const Vec column[4] = {r[0] - r[2], r[1] + r[2], r[2] - r[1],
                             r[1] - r[3]};
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        float* to = v + (4 * i + j) * plane;
#ifdef __AVX512BF16__
        if (kPairs) {
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + c / 2),
                              (__m256i)_mm512_cvtneps_pbh(column[j]));
          continue;
        }
#endif
        Store(to + c, round ? RoundToBf16(column[j]) : column[j]);
      }
    }
  }
}

struct ForwardParts {
  float *padded, *packed, *gathered, *bias, *v, *m, *out;
  uint8_t* winner;
};

DISTILL_INLINE ForwardParts TakeForward(const ConvBlockParams& p,
                                        const Sizes& s, Arena* arena) {
  ForwardParts parts;
  const bool one = p.in_channels == 1;
  parts.padded = arena->Take<float>(s.padded);
  parts.packed =
      arena->Take<float>(int64_t{one ? 9 : 16 * s.in_stride} * s.out_stride);
  parts.gathered =
      arena->Take<float>(int64_t{9 + 16} * s.in_stride * kOutBlock);
  parts.bias = arena->Take<float>(s.out_stride);
  parts.v = arena->Take<float>(int64_t{16} * kMaxTiles * s.in_stride);
  parts.m = arena->Take<float>(int64_t{16} * kMaxTiles * kOutBlock);
  parts.out = arena->Take<float>(int64_t{s.tiles} * s.out_stride);
  parts.winner = arena->Take<uint8_t>(int64_t{s.tiles} * s.out_stride);
  return parts;
}

// Fills parts.packed [out blocks, 16, steps, kOutBlock].
template <bool kPairs>
DISTILL_INLINE void PackWinograd(const ConvBlockParams& p, const Sizes& s,
                                 const float* weight,
                                 const ForwardParts& parts) {
  const int steps = kPairs ? s.in_stride / 2 : s.in_stride;
  Vec* transformed =
      reinterpret_cast<Vec*>(parts.gathered + 9 * s.in_stride * kOutBlock);
  for (int block = 0; block < s.out_stride; block += kOutBlock) {
    Zero(parts.gathered, int64_t{9} * s.in_stride * kOutBlock);
    for (int o = 0; o < kOutBlock && block + o < p.out_channels; ++o) {
      const float* from = weight + int64_t{block + o} * p.in_channels * 9;
      for (int k = 0; k < 9 * p.in_channels; ++k) {
        parts.gathered[k * kOutBlock + o] = from[k];
      }
    }
    float* packed = parts.packed + int64_t{block} * 16 * steps;
    Vec* u = kPairs ? transformed : reinterpret_cast<Vec*>(packed);
    TransformWeights(parts.gathered, s.in_stride, p.bfloat16, u,
                     2 * s.in_stride);
    if (!kPairs) continue;
    // Two rounded float32 hold their bfloat16 in the upper halves.
    BitVecAt* pairs = reinterpret_cast<BitVecAt*>(packed);
    const BitVecAt* bits = reinterpret_cast<const BitVecAt*>(u);
    for (int k = 0; k < 16 * steps; ++k) {
      for (int v = 0; v < 2; ++v) {
        pairs[2 * k + v] = (bits[4 * k + v] >> 16) | bits[4 * k + 2 + v];
      }
    }
  }
}

template <bool kPairs, bool kWinner>
DISTILL_INLINE void ForwardWinograd(const ConvBlockParams& p, const Sizes& s,
                                    const ForwardParts& parts,
                                    const Outputs& to) {
  const int v_stride = kPairs ? s.in_stride / 2 : s.in_stride;
  const int packed_steps = v_stride;
  const int steps = kPairs ? (p.in_channels + 1) / 2 : p.in_channels;
  const int groups = (s.tiles + kMaxTiles - 1) / kMaxTiles;
  for (int group = 0; group < groups; ++group) {
    // As equal as possible.
    const int first = s.tiles * group / groups;
    const int tiles = s.tiles * (group + 1) / groups - first;
    const int v_plane = tiles * v_stride;
    for (int t = 0; t < tiles; ++t) {
      const int ty = (first + t) / s.tiles_wide;
      const int tx = (first + t) % s.tiles_wide;
      TransformInput<kPairs>(
          parts.padded + 2 * ty * s.row + 2 * tx * s.in_stride, s.row,
          s.in_stride, s.in_stride, p.bfloat16, parts.v + t * v_stride,
          v_plane);
    }
    const int m_plane = tiles * kOutBlock;
    for (int block = 0; block < s.out_stride; block += kOutBlock) {
      const float* packed = parts.packed + int64_t{block} * 16 * packed_steps;
      for (int k = 0; k < 16; ++k) {
        MultiplyTiles<kPairs>(tiles, parts.v + k * v_plane, v_stride,
                              packed + int64_t{k} * packed_steps * kOutBlock,
                              steps, parts.m + k * m_plane);
      }
      for (int c = 0; c < kOutBlock; c += kLanes) {
        const Vec bias = Load(parts.bias + block + c);
        for (int t = 0; t < tiles; ++t) {
          const float* m = parts.m + t * kOutBlock + c;
          Vec upper[4], lower[4];  // A' M.
#pragma GCC unroll 4
          for (int j = 0; j < 4; ++j) {
            const Vec m0 = Load(m + j * m_plane),
                      m1 = Load(m + (4 + j) * m_plane),
                      m2 = Load(m + (8 + j) * m_plane),
                      m3 = Load(m + (12 + j) * m_plane);
            upper[j] = m0 + m1 + m2;
            lower[j] = m1 - m2 - m3;
          }
          const int64_t at = int64_t{first + t} * to.stride + block + c;
          PoolAndStore<kWinner>(
              upper[0] + upper[1] + upper[2], upper[1] - upper[2] - upper[3],
              lower[0] + lower[1] + lower[2], lower[1] - lower[2] - lower[3],
              bias, to.out + at, kWinner ? to.winner + at : nullptr);
        }
      }
    }
  }
}

size_t ForwardWorkspace(const ConvBlockParams& p) {
  Arena arena(nullptr);
  TakeForward(p, SizesOf(p), &arena);
  return arena.used;
}

template <bool kWinner>
void ForwardImages(const ConvBlockParams& p, const float* x,
                   const float* weight, const float* bias, float* out,
                   uint8_t* winner, int64_t begin, int64_t end,
                   void* workspace) {
  const Sizes s = SizesOf(p);
  Arena arena(workspace);
  const ForwardParts parts = TakeForward(p, s, &arena);
  const bool one = p.in_channels == 1;
  Zero(parts.padded, s.padded);
  Zero(parts.bias, s.out_stride);
  for (int o = 0; o < p.out_channels; ++o) parts.bias[o] = bias[o];
  if (one) {
    Zero(parts.packed, int64_t{9} * s.out_stride);
    for (int o = 0; o < p.out_channels; ++o) {
      for (int k = 0; k < 9; ++k) {
        parts.packed[k * s.out_stride + o] = weight[o * 9 + k];
      }
    }
  } else if (p.bfloat16 && kHasBf16) {
    PackWinograd<kHasBf16>(p, s, weight, parts);
  } else {
    PackWinograd<false>(p, s, weight, parts);
  }
  const int64_t outputs = int64_t{s.tiles} * p.out_channels;
  const bool direct = Direct(p);
  for (int64_t image = begin; image < end; ++image) {
    PadImage(p, s, x + image * p.height * p.width * p.in_channels,
             parts.padded);
    float* image_out = out + image * outputs;
    uint8_t* image_winner = kWinner ? winner + image * outputs : nullptr;
    Outputs to = {parts.out, kWinner ? parts.winner : nullptr, s.out_stride};
    if (direct) to = {image_out, image_winner, p.out_channels};
    if (one) {
      int c = 0;
      for (; c < p.out_channels; c += kLanes * kMaxOneVectors) {
        const Outputs block = {to.out + c, kWinner ? to.winner + c : nullptr,
                               to.stride};
        if (p.out_channels - c > kLanes) {
          ForwardOneChannel<kMaxOneVectors, kWinner>(
              s, parts.padded, parts.packed + c, parts.bias + c, block);
        } else {
          ForwardOneChannel<1, kWinner>(s, parts.padded, parts.packed + c,
                                        parts.bias + c, block);
        }
      }
    } else if (p.bfloat16 && kHasBf16) {
      ForwardWinograd<kHasBf16, kWinner>(p, s, parts, to);
    } else {
      ForwardWinograd<false, kWinner>(p, s, parts, to);
    }
    if (direct) continue;
    CopyOut(p, s.tiles, to.out, to.stride, image_out);
    if (kWinner) {
      CopyOut(p, s.tiles, to.winner, to.stride, image_winner);
    }
  }
}

void Forward(const ConvBlockParams& p, const float* x, const float* weight,
             const float* bias, float* out, uint8_t* winner, int64_t begin,
             int64_t end, void* workspace) {
  const auto run =
      winner == nullptr ? ForwardImages<false> : ForwardImages<true>;
  run(p, x, weight, bias, out, winner, begin, end, workspace);
}

// ---------------------------------------------------------------------------
// Backward
//
// Pooling passes a gradient to one of four positions and ReLU cuts about half
// of those, so the work is done for each gradient that is left, a nonzero, not
// for each position: an eighth of the dense multiplications.

// Images lie in planes of one vector of input channels here, which stay in the
// first cache while all output channels pass over them.

struct Planes {
  int count;  // Of a padded image.
  int row;    // Floats of one padded row of one plane.
  int plane;  // Floats of one plane.
};

DISTILL_INLINE Planes PlanesOf(const ConvBlockParams& p) {
  Planes planes;
  planes.count = RoundUp(p.in_channels, kLanes) / kLanes;
  planes.row = (p.width + 2) * kLanes;
  planes.plane = (p.height + 2) * planes.row;
  return planes;
}

DISTILL_INLINE void PadPlanes(const ConvBlockParams& p, const Planes& planes,
                              const float* x, float* padded) {
  for (int y = 0; y < p.height; ++y) {
    float* to = padded + (y + 1) * planes.row + kLanes;
    for (int i = 0; i < p.width; ++i, to += kLanes, x += p.in_channels) {
      int c = 0;
      for (; c + kLanes <= p.in_channels; c += kLanes) {
        Store(to + c / kLanes * planes.plane, Load(x + c));
      }
      float* rest = to + c / kLanes * planes.plane;
      for (int k = 0; c + k < p.in_channels; ++k) rest[k] = x[c + k];
    }
  }
}

DISTILL_INLINE void UnpadPlanes(const ConvBlockParams& p, const Planes& planes,
                                const float* padded, float* x) {
  for (int y = 0; y < p.height; ++y) {
    const float* from = padded + (y + 1) * planes.row + kLanes;
    for (int i = 0; i < p.width; ++i, from += kLanes, x += p.in_channels) {
      int c = 0;
      for (; c + kLanes <= p.in_channels; c += kLanes) {
        Store(x + c, Load(from + c / kLanes * planes.plane));
      }
      const float* rest = from + c / kLanes * planes.plane;
      for (int k = 0; c + k < p.in_channels; ++k) x[c + k] = rest[k];
    }
  }
}

// The gradients that are left of one image, by output channel: those of channel
// c are at [starts[c], starts[c + 1]).
struct Nonzeros {
  int32_t* offsets;  // Of the patch's first float in a padded plane.
  float* gradients;
  int32_t* starts;
  int32_t* tile_offsets;
};

DISTILL_INLINE Nonzeros TakeNonzeros(int channels, int tiles, Arena* arena) {
  Nonzeros list;
  // Vectors may be stored beyond the last.
  list.offsets = arena->Take<int32_t>(int64_t{channels} * tiles + 2 * kLanes);
  list.gradients = arena->Take<float>(int64_t{channels} * tiles + 2 * kLanes);
  list.starts = arena->Take<int32_t>(channels + 1);
  list.tile_offsets = arena->Take<int32_t>(tiles);
  return list;
}

// The offset of each tile's first patch.
DISTILL_INLINE void FillTileOffsets(const Sizes& s, const Planes& planes,
                                    int32_t* tile_offsets) {
  for (int ty = 0; ty < s.tiles_high; ++ty) {
    for (int tx = 0; tx < s.tiles_wide; ++tx) {
      *tile_offsets++ = 2 * ty * planes.row + 2 * tx * kLanes;
    }
  }
}

// Lists channels [begin, end) of one image, without an unpredictable branch.
// gradient and winner point at the image.
DISTILL_INLINE void ListNonzeros(const ConvBlockParams& p, const Sizes& s,
                                 const Planes& planes, const float* gradient,
                                 const uint8_t* winner, int begin, int end,
                                 const Nonzeros& list) {
  const int channel_step = p.channels_first ? s.tiles : 1;
  const int tile_step = p.channels_first ? 1 : p.out_channels;
  const int32_t of_position[16] = {0, kLanes, planes.row, planes.row + kLanes};
  int count = 0;
  for (int c = begin; c < end; ++c) {
    list.starts[c - begin] = count;
    const float* g = gradient + int64_t{c} * channel_step;
    const uint8_t* won = winner + int64_t{c} * channel_step;
#ifdef __AVX512F__
    if (tile_step == 1) {
      const __m512i positions = _mm512_loadu_si512(of_position);
      for (int t = 0; t < s.tiles; t += kLanes) {
        const int left = s.tiles - t;
        const __mmask16 valid =
            static_cast<__mmask16>(left >= kLanes ? 0xffff : (1 << left) - 1);
        const __m512 values = _mm512_maskz_loadu_ps(valid, g + t);
        const __m512i which =
            _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(valid, won + t));
        const __m512i offsets = _mm512_add_epi32(
            _mm512_maskz_loadu_epi32(valid, list.tile_offsets + t),
            _mm512_permutexvar_epi32(which, positions));
        const __mmask16 nonzero = _mm512_mask_cmp_ps_mask(
            _mm512_cmpneq_epi32_mask(which, _mm512_set1_epi32(kNoWinner)),
            values, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        _mm512_storeu_si512(list.offsets + count,
                            _mm512_maskz_compress_epi32(nonzero, offsets));
        _mm512_storeu_ps(list.gradients + count,
                         _mm512_maskz_compress_ps(nonzero, values));
        count += __builtin_popcount(nonzero);
      }
      continue;
    }
#endif
    for (int t = 0; t < s.tiles; ++t) {
      uint32_t bits;
      __builtin_memcpy(&bits, g, sizeof(bits));
      const int position = *won;
      list.offsets[count] = list.tile_offsets[t] + of_position[position & 7];
      list.gradients[count] = *g;
      // Without the sign, so that -0 counts as zero.
      count += static_cast<int>(position != kNoWinner) &
               static_cast<int>((bits << 1) != 0);
      g += tile_step;
      won += tile_step;
    }
  }
  list.starts[end - begin] = count;
}

DISTILL_INLINE float Sum(const float* values, int count) {
  float sums[4] = {};  // Four, because each addition waits for the last.
  int n = 0;
  for (; n + 4 <= count; n += 4) {
    for (int k = 0; k < 4; ++k) sums[k] += values[n + k];
  }
  for (; n < count; ++n) sums[0] += values[n];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Adds each nonzero times its patch to the sums [9] of one output channel.
DISTILL_INLINE void AddPatches(int row, const float* plane,
                               const int32_t* offsets, const float* gradients,
                               int count, float* sums) {
  Vec total[9];
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) total[k] = Load(sums + k * kLanes);
  for (int n = 0; n < count; ++n) {
    const float* upper = plane + offsets[n];
    const float* patch[3] = {upper, upper + row, upper + 2 * row};
    const Vec g = Broadcast(gradients[n]);
#pragma GCC unroll 9
    for (int k = 0; k < 9; ++k) {
      total[k] = MultiplyAdd(total[k], g, Load(patch[k / 3] + k % 3 * kLanes));
    }
  }
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) Store(sums + k * kLanes, total[k]);
}

struct WeightParts {
  float *padded, *sums, *gradient;
  uint8_t* winner;
  Nonzeros list;
};

DISTILL_INLINE WeightParts TakeWeight(const ConvBlockParams& p, const Sizes& s,
                                      Arena* arena) {
  const Planes planes = PlanesOf(p);
  WeightParts parts;
  parts.padded = arena->Take<float>(
      p.in_channels == 1 ? s.padded : planes.count * planes.plane);
  parts.sums = arena->Take<float>(
      int64_t{planes.count} * p.out_channels * 9 * kLanes + 10 * kLanes);
  parts.gradient = arena->Take<float>(int64_t{s.tiles} * kLanes);
  parts.winner = arena->Take<uint8_t>(int64_t{s.tiles} * kLanes);
  parts.list = TakeNonzeros(p.out_channels, s.tiles, arena);
  return parts;
}

size_t WeightGradientWorkspace(const ConvBlockParams& p) {
  Arena arena(nullptr);
  TakeWeight(p, SizesOf(p), &arena);
  return arena.used;
}

// Several input channels.
DISTILL_INLINE void WeightGradientList(const ConvBlockParams& p, const Sizes& s,
                                       const WeightParts& parts, const float* x,
                                       const float* grad_out,
                                       const uint8_t* winner,
                                       float* grad_weight, float* grad_bias,
                                       int64_t begin, int64_t end,
                                       int channel_begin, int channel_end) {
  const Planes planes = PlanesOf(p);
  const int channels = channel_end - channel_begin;
  const int64_t outputs = int64_t{s.tiles} * p.out_channels;
  Zero(parts.padded, int64_t{planes.count} * planes.plane);
  // [planes, channels, 9] vectors.
  Zero(parts.sums, int64_t{planes.count} * channels * 9 * kLanes);
  Zero(grad_bias + channel_begin, channels);
  const Nonzeros& list = parts.list;
  FillTileOffsets(s, planes, list.tile_offsets);
  for (int64_t image = begin; image < end; ++image) {
    PadPlanes(p, planes, x + image * p.height * p.width * p.in_channels,
              parts.padded);
    ListNonzeros(p, s, planes, grad_out + image * outputs,
                 winner + image * outputs, channel_begin, channel_end, list);
    float* sums = parts.sums;
    for (int plane = 0; plane < planes.count; ++plane) {
      for (int o = 0; o < channels; ++o, sums += 9 * kLanes) {
        const int start = list.starts[o];
        AddPatches(planes.row, parts.padded + plane * planes.plane,
                   list.offsets + start, list.gradients + start,
                   list.starts[o + 1] - start, sums);
      }
    }
    for (int o = 0; o < channels; ++o) {
      const int start = list.starts[o];
      grad_bias[channel_begin + o] +=
          Sum(list.gradients + start, list.starts[o + 1] - start);
    }
  }
  for (int o = 0; o < channels; ++o) {
    float* to = grad_weight + int64_t{channel_begin + o} * p.in_channels * 9;
    for (int c = 0; c < p.in_channels; ++c) {
      const float* from =
          parts.sums + int64_t{c / kLanes * channels + o} * 9 * kLanes;
      for (int k = 0; k < 9; ++k) *to++ = from[k * kLanes + c % kLanes];
    }
  }
}

// One input channel: a vector holds output channels, and each of the window's
// four positions takes the gradients that it won. sums [channels, 9 + 1] in
// vectors: 9 weights and the bias.
DISTILL_INLINE void WeightGradientOneChannel(const Sizes& s,
                                             const float* padded,
                                             const float* gradient,
                                             const uint8_t* winner, int stride,
                                             float* sums) {
  Vec total[10];
#pragma GCC unroll 10
  for (int k = 0; k < 10; ++k) total[k] = Load(sums + k * kLanes);
  for (int ty = 0; ty < s.tiles_high; ++ty) {
    const float* window = padded + 2 * ty * s.row;
    for (int tx = 0; tx < s.tiles_wide; ++tx, window += 2) {
      const Vec g = Load(gradient);
      const IntVec which = LoadBytes(winner);
      gradient += stride;
      winner += stride;
      const Vec zero = {};
#ifdef __AVX512F__
      // The tile's 4 x 4 inputs are one vector, and each lane picks from it
      // those that its winner saw.
      __m512 inputs = _mm512_castps128_ps512(_mm_loadu_ps(window));
      inputs = _mm512_insertf32x4(inputs, _mm_loadu_ps(window + s.row), 1);
      inputs = _mm512_insertf32x4(inputs, _mm_loadu_ps(window + 2 * s.row), 2);
      inputs = _mm512_insertf32x4(inputs, _mm_loadu_ps(window + 3 * s.row), 3);
      const Vec won = which == kNoWinner ? zero : g;
      // Positions 0 to 3 start at inputs 0, 1, 4 and 5.
      const IntVec start = which + (which & 2);
#pragma GCC unroll 9
      for (int k = 0; k < 9; ++k) {
        const IntVec at = start + (k / 3 * 4 + k % 3);
        total[k] = MultiplyAdd(total[k], won,
                               (Vec)_mm512_permutexvar_ps((__m512i)at, inputs));
      }
      total[9] += won;
#else
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        const Vec won = which == q ? g : zero;
        const float* patch = window + q / 2 * s.row + q % 2;
#pragma GCC unroll 9
        for (int k = 0; k < 9; ++k) {
          total[k] = MultiplyAdd(total[k], won,
                                 Broadcast(patch[k / 3 * s.row + k % 3]));
        }
        total[9] += won;
      }
#endif
    }
  }
#pragma GCC unroll 10
  for (int k = 0; k < 10; ++k) Store(sums + k * kLanes, total[k]);
}

void WeightGradient(const ConvBlockParams& p, const float* x,
                    const float* grad_out, const uint8_t* winner,
                    float* grad_weight, float* grad_bias, int64_t begin,
                    int64_t end, int channel_begin, int channel_end,
                    void* workspace) {
  const Sizes s = SizesOf(p);
  Arena arena(workspace);
  const WeightParts parts = TakeWeight(p, s, &arena);
  const int channels = channel_end - channel_begin;
  if (p.in_channels > 1) {
    WeightGradientList(p, s, parts, x, grad_out, winner, grad_weight, grad_bias,
                       begin, end, channel_begin, channel_end);
    return;
  }
  Zero(parts.padded, s.padded);
  const int64_t outputs = int64_t{s.tiles} * p.out_channels;
  const bool direct = !p.channels_first && channels % kLanes == 0;
  for (int block = 0; block < channels; block += kLanes) {
    const int first = channel_begin + block;
    const int lanes = channels - block < kLanes ? channels - block : kLanes;
    Zero(parts.sums, 10 * kLanes);
    // Lanes beyond the last channel have no gradient.
    Zero(parts.gradient, int64_t{s.tiles} * kLanes);
    __builtin_memset(parts.winner, kNoWinner, s.tiles * kLanes);
    for (int64_t image = begin; image < end; ++image) {
      PadImage(p, s, x + image * p.height * p.width, parts.padded);
      const float* gradient = grad_out + image * outputs;
      const uint8_t* which = winner + image * outputs;
      if (direct) {
        WeightGradientOneChannel(s, parts.padded, gradient + first,
                                 which + first, p.out_channels, parts.sums);
        continue;
      }
      if (p.channels_first) {
        const int at = first * s.tiles;
        Transpose(gradient + at, lanes, s.tiles, s.tiles, parts.gradient,
                  kLanes);
        Transpose(which + at, lanes, s.tiles, s.tiles, parts.winner, kLanes);
      } else {
        for (int t = 0; t < s.tiles; ++t) {
          const int at = t * p.out_channels + first;
          for (int o = 0; o < lanes; ++o) {
            parts.gradient[t * kLanes + o] = gradient[at + o];
            parts.winner[t * kLanes + o] = which[at + o];
          }
        }
      }
      WeightGradientOneChannel(s, parts.padded, parts.gradient, parts.winner,
                               kLanes, parts.sums);
    }
    for (int o = 0; o < lanes; ++o) {
      for (int k = 0; k < 9; ++k) {
        grad_weight[(first + o) * 9 + k] = parts.sums[k * kLanes + o];
      }
      grad_bias[first + o] = parts.sums[9 * kLanes + o];
    }
  }
}

// Adds each nonzero times the weights [9] of its output channel to its patch of
// the padded gradient.
DISTILL_INLINE void SpreadWeights(int row, const float* weights,
                                  const int32_t* offsets,
                                  const float* gradients, int count,
                                  float* plane) {
  Vec w[9];
#pragma GCC unroll 9
  for (int k = 0; k < 9; ++k) w[k] = Load(weights + k * kLanes);
  for (int n = 0; n < count; ++n) {
    float* upper = plane + offsets[n];
    float* const patch[3] = {upper, upper + row, upper + 2 * row};
    const Vec g = Broadcast(gradients[n]);
#pragma GCC unroll 9
    for (int k = 0; k < 9; ++k) {
      float* at = patch[k / 3] + k % 3 * kLanes;
      Store(at, MultiplyAdd(Load(at), g, w[k]));
    }
  }
}

struct InputParts {
  float *padded, *packed;
  Nonzeros list;
};

DISTILL_INLINE InputParts TakeInput(const ConvBlockParams& p, const Sizes& s,
                                    Arena* arena) {
  const Planes planes = PlanesOf(p);
  InputParts parts;
  parts.padded = arena->Take<float>(int64_t{planes.count} * planes.plane);
  parts.packed =
      arena->Take<float>(int64_t{planes.count} * p.out_channels * 9 * kLanes);
  parts.list = TakeNonzeros(p.out_channels, s.tiles, arena);
  return parts;
}

size_t InputGradientWorkspace(const ConvBlockParams& p) {
  Arena arena(nullptr);
  TakeInput(p, SizesOf(p), &arena);
  return arena.used;
}

void InputGradient(const ConvBlockParams& p, const float* weight,
                   const float* grad_out, const uint8_t* winner, float* grad_x,
                   int64_t begin, int64_t end, void* workspace) {
  const Sizes s = SizesOf(p);
  const Planes planes = PlanesOf(p);
  Arena arena(workspace);
  const InputParts parts = TakeInput(p, s, &arena);
  const int channels = p.out_channels;
  // [planes, channels, 9] vectors.
  Zero(parts.packed, int64_t{planes.count} * channels * 9 * kLanes);
  for (int o = 0; o < channels; ++o) {
    const float* from = weight + int64_t{o} * p.in_channels * 9;
    for (int c = 0; c < p.in_channels; ++c) {
      float* to = parts.packed +
                  int64_t{c / kLanes * channels + o} * 9 * kLanes + c % kLanes;
      for (int k = 0; k < 9; ++k) to[k * kLanes] = *from++;
    }
  }
  const int64_t outputs = int64_t{s.tiles} * channels;
  const Nonzeros& list = parts.list;
  FillTileOffsets(s, planes, list.tile_offsets);
  for (int64_t image = begin; image < end; ++image) {
    Zero(parts.padded, int64_t{planes.count} * planes.plane);
    ListNonzeros(p, s, planes, grad_out + image * outputs,
                 winner + image * outputs, 0, channels, list);
    const float* weights = parts.packed;
    for (int plane = 0; plane < planes.count; ++plane) {
      for (int o = 0; o < channels; ++o, weights += 9 * kLanes) {
        const int start = list.starts[o];
        SpreadWeights(planes.row, weights, list.offsets + start,
                      list.gradients + start, list.starts[o + 1] - start,
                      parts.padded + plane * planes.plane);
      }
    }
    UnpadPlanes(p, planes, parts.padded,
                grad_x + image * p.height * p.width * p.in_channels);
  }
}

}  // namespace

// A constant has internal linkage unless it was declared extern.
extern const ConvBlockKernels DISTILL_KERNELS;
const ConvBlockKernels DISTILL_KERNELS = {
    Forward,        ForwardWorkspace,
    InputGradient,  InputGradientWorkspace,
    WeightGradient, WeightGradientWorkspace};

}  // namespace kernels
}  // namespace distill
