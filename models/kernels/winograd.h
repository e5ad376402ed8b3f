// Winograd's F(2x2, 3x3) (Lavin and Gray 2016, "Fast algorithms for
// convolutional neural networks"): with d the 4 x 4 inputs of a tile of 2 x 2
// outputs and g the weights, Y = A' [ (G g G') . (B' d B) ] A, where .
// multiplies elementwise and sums over input channels: 16 multiplications
// instead of 36. Like vector.h, compiled once an instruction set.
#ifndef DISTILL_MODELS_KERNELS_WINOGRAD_H_
#define DISTILL_MODELS_KERNELS_WINOGRAD_H_

#include <cstddef>
#include <cstdint>

#include "models/kernels/formats.h"
#include "models/kernels/vector.h"
#include "models/kernels/workspace.h"

namespace distill {
namespace kernels {
namespace {

#if defined(__AVX512F__)
// Tiles whose sums are in registers at a time: 2 x 13 of 32 registers, with two
// of weights and one of input.
constexpr int kMaxTiles = 13;
#else
constexpr int kMaxTiles = 6;  // 2 x 6 of 16 registers.
#endif

#ifdef __AVX512BF16__
constexpr bool kHasBf16 = true;
#else
constexpr bool kHasBf16 = false;
#endif

// G g G' of every pair of channels, for one block of output channels: kVectors
// vectors. gathered [in_channels, 9, block]; u [16, in_channels, kVectors].
template <int kVectors>
DISTILL_INLINE void TransformWeights(const float* gathered, int in_channels,
                                     bool round, Vec* u) {
  constexpr int kBlock = kVectors * kLanes;
  for (int c = 0; c < in_channels; ++c) {
    for (int v = 0; v < kVectors; ++v) {
      Vec rows[4][3];
#pragma GCC unroll 3
      for (int j = 0; j < 3; ++j) {
        const float* g = gathered + (c * 9 + j) * kBlock + v * kLanes;
        const Vec g0 = Load(g), g1 = Load(g + 3 * kBlock),
                  g2 = Load(g + 6 * kBlock);
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
          u[((4 * i + j) * in_channels + c) * kVectors + v] =
              round ? RoundToBf16(column[j]) : column[j];
        }
      }
    }
  }
}

// Two bfloat16 in 32 bits, that of `first` in the lower half.
DISTILL_INLINE Vec PairsOf(Vec first, Vec second) {
#ifdef __AVX512BF16__
  const __m512i halves =
      (__m512i)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
  return (Vec)_mm512_or_si512(
      _mm512_cvtepu16_epi32(_mm512_castsi512_si256(halves)),
      _mm512_slli_epi32(
          _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(halves, 1)), 16));
#else
  return (Vec)((reinterpret_cast<BitVec>(RoundToBf16(first)) >> 16) |
               reinterpret_cast<BitVec>(RoundToBf16(second)));
#endif
}

// Weights [block, in_channels, 9] -> packed [16, steps, block], where a step is
// one input channel, or with kPairs two as pairs of bfloat16. `gathered` holds
// (9 + 16) in_channels block floats, of which the first 9 in_channels block are
// the weights as [in_channels, 9, block].
template <bool kPairs, int kVectors>
DISTILL_INLINE void PackBlock(float* gathered, int in_channels, bool round,
                              float* packed) {
  constexpr int kBlock = kVectors * kLanes;
  Vec* const u =
      kPairs ? reinterpret_cast<Vec*>(gathered + 9 * in_channels * kBlock)
             : reinterpret_cast<Vec*>(packed);
  TransformWeights<kVectors>(gathered, in_channels, round, u);
  if (!kPairs) return;
  // Two rounded float32 hold their bfloat16 in the upper halves.
  BitVecAt* pairs = reinterpret_cast<BitVecAt*>(packed);
  const BitVecAt* bits = reinterpret_cast<const BitVecAt*>(u);
  for (int k = 0; k < 16 * in_channels / 2; ++k) {
    for (int v = 0; v < kVectors; ++v) {
      pairs[kVectors * k + v] =
          (bits[2 * kVectors * k + v] >> 16) | bits[(2 * k + 1) * kVectors + v];
    }
  }
}

// Rows of sums that are in registers at a time. (One vector of each does with
// fewer, but each addition waits for the last one to its sum.)
template <int kVectors>
constexpr int kMaxRows = kVectors == 1 && kMaxTiles > 6 ? 16 : kMaxTiles;

// m [kRows, kVectors vectors] (+)= v u, with v [row, step] and u [step,
// kVectors vectors], both as float32 or as pairs of bfloat16 in 32 bits.
// Numbers of v lie v_row apart in a column, and v_step in a row; of u and m
// u_step and m_row.
template <int kRows, int kVectors, bool kPairs, bool kAdd>
void Multiply(const float* v, int v_row, int v_step, const float* u, int u_step,
              int steps, float* m, int m_row) {
  Vec sums[kRows][kVectors] = {};
  if (kAdd) {
#pragma GCC unroll 16
    for (int t = 0; t < kRows; ++t) {
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) {
        sums[t][i] = Load(m + t * m_row + i * kLanes);
      }
    }
  }
  for (int k = 0; k < steps; ++k, u += u_step, v += v_step) {
    Vec of_u[kVectors];
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) of_u[i] = Load(u + i * kLanes);
#pragma GCC unroll 16
    for (int t = 0; t < kRows; ++t) {
#ifdef __AVX512BF16__
      if (kPairs) {
        const __m512bh in = (__m512bh)_mm512_set1_ps(v[t * v_row]);
#pragma GCC unroll 2
        for (int i = 0; i < kVectors; ++i) {
          sums[t][i] = _mm512_dpbf16_ps(sums[t][i], in, (__m512bh)of_u[i]);
        }
        continue;
      }
#endif
      const Vec in = Broadcast(v[t * v_row]);
#pragma GCC unroll 2
      for (int i = 0; i < kVectors; ++i) {
        sums[t][i] = MultiplyAdd(sums[t][i], in, of_u[i]);
      }
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kRows; ++t) {
#pragma GCC unroll 2
    for (int i = 0; i < kVectors; ++i) {
      Store(m + t * m_row + i * kLanes, sums[t][i]);
    }
  }
}

template <int kVectors, bool kPairs, bool kAdd>
DISTILL_INLINE void MultiplyRows(int rows, const float* v, int v_row,
                                 int v_step, const float* u, int u_step,
                                 int steps, float* m, int m_row) {
  switch (rows) {
#define DISTILL_CASE(n)                                                  \
  case n:                                                                \
    return Multiply<(n <= kMaxRows<kVectors> ? n : 1), kVectors, kPairs, \
                    kAdd>(v, v_row, v_step, u, u_step, steps, m, m_row);
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
    DISTILL_CASE(14)
    DISTILL_CASE(15)
    DISTILL_CASE(16)
#undef DISTILL_CASE
  }
}

// B' d of one column of a tile, given its four numbers.
DISTILL_INLINE void TransformColumn(Vec d0, Vec d1, Vec d2, Vec d3,
                                    Vec* column) {
  column[0] = d0 - d2;
  column[1] = d1 + d2;
  column[2] = d2 - d1;
  column[3] = d1 - d3;
}

// (B' d) B of four columns: the 16 points of a tile.
DISTILL_INLINE void TransformRows(const Vec* a, const Vec* b, const Vec* c,
                                  const Vec* d, Vec* points) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    TransformColumn(a[i], b[i], c[i], d[i], points + 4 * i);
  }
}

// One vector of the 16 points of a tile, channels from `c` on, each into its
// plane; with kPairs in bfloat16.
template <bool kPairs>
DISTILL_INLINE void StorePoints(const Vec* points, int c, bool round, float* v,
                                int plane) {
#pragma GCC unroll 16
  for (int k = 0; k < 16; ++k, v += plane) {
#ifdef __AVX512BF16__
    if (kPairs) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(v + c / 2),
                          (__m256i)_mm512_cvtneps_pbh(points[k]));
      continue;
    }
#endif
    Store(v + c, round ? RoundToBf16(points[k]) : points[k]);
  }
}

// A' M A of one vector of output channels: y[0..3], the tile's outputs in
// row-major order. m points at it in the first of 16 planes.
DISTILL_INLINE void TransformOutput(const float* m, int plane, Vec* y) {
  Vec upper[4], lower[4];  // A' M.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Vec m0 = Load(m + j * plane), m1 = Load(m + (4 + j) * plane),
              m2 = Load(m + (8 + j) * plane), m3 = Load(m + (12 + j) * plane);
    upper[j] = m0 + m1 + m2;
    lower[j] = m1 - m2 - m3;
  }
  y[0] = upper[0] + upper[1] + upper[2];
  y[1] = upper[1] - upper[2] - upper[3];
  y[2] = lower[0] + lower[1] + lower[2];
  y[3] = lower[1] - lower[2] - lower[3];
}

// Images [height, width, in] one behind the other, and how work on them goes
// on: by passes of some rows of tiles, of one image or of several. (An odd last
// row or column is in no tile of its own.)
struct Tiles {
  int height, width;
  int in, out;           // Channels: multiples of kLanes, and of a block.
  int in_image, in_row;  // Tiles of an image: rows, and in each.
  int rows, count;       // Of a pass.
};

// `group`: tiles that are multiplied together, at most; `limit`: those of a
// pass, about.
DISTILL_INLINE Tiles TilesOf(int height, int width, int in, int out, int group,
                             int limit) {
  Tiles s = {height, width, in, out, height / 2, width / 2, 1, 0};
  // So many rows that the groups are full, nearly.
  float best = 0;
  for (int rows = 1; rows == 1 || rows * s.in_row <= limit; ++rows) {
    const int count = rows * s.in_row;
    const float share = static_cast<float>(count) / RoundUp(count, group);
    if (share > best + 0.01f) {
      best = share;
      s.rows = rows;
    }
  }
  s.count = s.rows * s.in_row;
  return s;
}

// The rows of pixels that row `row` of the tiles of all images sees: one of
// zeros, [width, in], beyond the image.
template <typename Element>
struct Rows {
  const Element* at[4];

  DISTILL_INLINE Rows(const Tiles& s, const Element* x, const float* zeros,
                      int64_t row) {
    const int64_t size = int64_t{s.width} * s.in;
    const int64_t image = row / s.in_image;
    const int first = static_cast<int>(2 * (row % s.in_image)) - 1;
    for (int i = 0; i < 4; ++i) {
      const int y = first + i;
      at[i] = y < 0 || y >= s.height ? As<Element>(zeros)
                                     : x + (image * s.height + y) * size;
    }
  }
};

template <typename Format>
DISTILL_INLINE void ColumnAt(const Rows<typename Format::Element>& rows,
                             int64_t at, Vec* column) {
  TransformColumn(Format::Get(rows.at[0] + at), Format::Get(rows.at[1] + at),
                  Format::Get(rows.at[2] + at), Format::Get(rows.at[3] + at),
                  column);
}

// Calls store(tile, points) for each tile of a row, one vector of whose
// channels, from `c` on, its 16 points are.
template <typename Format, typename Store>
DISTILL_INLINE void TransformRow(const Tiles& s,
                                 const Rows<typename Format::Element>& rows,
                                 int c, const Store& store) {
  // Tiles share two of four columns with the next.
  Vec a[4] = {}, b[4], points[16];
  ColumnAt<Format>(rows, c, b);
  for (int tile = 0; tile < s.in_row; ++tile) {
    const int column = 2 * tile + 1;
    Vec next[4], after[4] = {};
    ColumnAt<Format>(rows, int64_t{column} * s.in + c, next);
    if (column + 1 < s.width) {
      ColumnAt<Format>(rows, int64_t{column + 1} * s.in + c, after);
    }
    TransformRows(a, b, next, after, points);
    store(tile, points);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      a[i] = next[i];
      b[i] = after[i];
    }
  }
}

struct ForwardTilesParts {
  float *v, *m, *zeros;
};

// Numbers of a pass's transformed inputs that the caches hold well.
constexpr int kPassNumbers = 12800;

DISTILL_INLINE Tiles ForwardTilesOf(int height, int width, int in, int out,
                                    bool pairs) {
  const int limit = kPassNumbers / (16 * (pairs ? in / 2 : in));
  return TilesOf(height, width, in, out, kMaxTiles,
                 limit < kMaxTiles ? kMaxTiles : limit);
}

DISTILL_INLINE ForwardTilesParts TakeForwardTiles(const Tiles& s,
                                                  Arena* arena) {
  ForwardTilesParts parts;
  parts.v = arena->Take<float>(int64_t{16} * s.count * s.in);
  parts.m = arena->Take<float>(int64_t{16} * kMaxTiles * 2 * kLanes);
  parts.zeros = arena->Take<float>(int64_t{s.width} * s.in);
  return parts;
}

// Rows [begin, end) of the tiles of all images: calls finish(row, tile, c, y)
// with the four outputs of one vector of channels, from `c` on, in row-major
// order. `packed` as PackBlock leaves it, block by block; parts.zeros zeroed.
template <typename Format, bool kPairs, int kVectors, typename Finish>
DISTILL_INLINE void ForwardTiles(const Tiles& s,
                                 const typename Format::Element* x,
                                 const float* packed, bool round,
                                 const ForwardTilesParts& parts, int64_t begin,
                                 int64_t end, const Finish& finish) {
  constexpr int kBlock = kVectors * kLanes;
  const int steps = kPairs ? s.in / 2 : s.in;
  for (int64_t row = begin; row < end; row += s.rows) {
    const int rows = static_cast<int>(end - row < s.rows ? end - row : s.rows);
    const int all = rows * s.in_row, v_plane = all * steps;
    for (int r = 0; r < rows; ++r) {
      const Rows<typename Format::Element> pixels(s, x, parts.zeros, row + r);
      for (int c = 0; c < s.in; c += kLanes) {
        TransformRow<Format>(
            s, pixels, c, [&](int tile, const Vec* points) DISTILL_INLINED {
              StorePoints<kPairs>(points, c, round,
                                  parts.v + (r * s.in_row + tile) * steps,
                                  v_plane);
            });
      }
    }
    const int groups = (all + kMaxTiles - 1) / kMaxTiles;
    for (int group = 0; group < groups; ++group) {
      // As equal as possible.
      const int first = all * group / groups;
      const int tiles = all * (group + 1) / groups - first;
      const int m_plane = tiles * kBlock;
      for (int block = 0; block < s.out; block += kBlock) {
        const float* const u = packed + int64_t{block} * 16 * steps;
        for (int k = 0; k < 16; ++k) {
          MultiplyRows<kVectors, kPairs, false>(
              tiles, parts.v + k * v_plane + first * steps, steps, 1,
              u + int64_t{k} * steps * kBlock, kBlock, steps,
              parts.m + k * m_plane, kBlock);
        }
        int64_t tile_row = row + first / s.in_row;
        int tile = first % s.in_row;
        for (int t = 0; t < tiles; ++t) {
          for (int c = 0; c < kBlock; c += kLanes) {
            Vec y[4];
            TransformOutput(parts.m + t * kBlock + c, m_plane, y);
            finish(tile_row, tile, block + c, y);
          }
          if (++tile < s.in_row) continue;
          tile = 0;
          ++tile_row;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_WINOGRAD_H_
