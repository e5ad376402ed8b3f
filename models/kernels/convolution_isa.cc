// The kernels of convolution_kernels.h, by Winograd's F(2x2, 3x3), compiled once
// an instruction set (see BUILD.bazel), which gives DISTILL_KERNELS, the name of
// the table at the end.
#include "models/kernels/convolution_kernels.h"
#include "models/kernels/formats.h"
#include "models/kernels/winograd.h"
#include "models/kernels/workspace.h"

namespace distill {
namespace kernels {
namespace {

// Work goes on by passes: some rows of tiles, of one image or of several.
struct Sizes {
  int tiles_high, tiles_wide;
  int rows, tiles;  // Of a pass.
};

// `rows_of_sums`: how many tiles, at most, are multiplied together; `limit`: how
// many a pass has, about.
DISTILL_INLINE Sizes SizesOf(const ConvolutionParams& p, int rows_of_sums,
                             int limit) {
  Sizes s;
  s.tiles_high = p.height / 2;
  s.tiles_wide = p.width / 2;
  s.rows = 1;
  // The most of what is multiplied together is there.
  float best = 0;
  for (int rows = 1; rows == 1 || rows * s.tiles_wide <= limit; ++rows) {
    const int tiles = rows * s.tiles_wide;
    const float share =
        static_cast<float>(tiles) / RoundUp(tiles, rows_of_sums);
    if (share > best + 0.01f) {
      best = share;
      s.rows = rows;
    }
  }
  s.tiles = s.rows * s.tiles_wide;
  return s;
}

// The rows of pixels that row `row` of the tiles of all images sees: one of
// zeros beyond the image.
template <typename Element>
struct Rows {
  const Element* at[4];

  DISTILL_INLINE Rows(const ConvolutionParams& p, const Sizes& s,
                      const Element* x, const Element* zeros, int64_t row) {
    const int64_t size = int64_t{p.width} * p.in_channels;
    const int64_t image = row / s.tiles_high;
    const int first = static_cast<int>(2 * (row % s.tiles_high)) - 1;
    for (int i = 0; i < 4; ++i) {
      const int y = first + i;
      at[i] = y < 0 || y >= p.height ? zeros : x + (image * p.height + y) * size;
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

struct ForwardParts {
  float *packed, *gathered, *v, *m, *zeros;
};

// Numbers of a pass's transformed inputs that the first cache holds.
constexpr int kPassNumbers = 12800;

DISTILL_INLINE Sizes ForwardSizes(const ConvolutionParams& p) {
  const int of_tile = 16 * (p.bfloat16 && kHasBf16 ? p.in_channels / 2
                                                   : p.in_channels);
  const int limit = kPassNumbers / of_tile;
  return SizesOf(p, kMaxTiles, limit < kMaxTiles ? kMaxTiles : limit);
}

DISTILL_INLINE ForwardParts TakeForward(const ConvolutionParams& p,
                                        const Sizes& s, Arena* arena) {
  ForwardParts parts;
  parts.packed =
      arena->Take<float>(int64_t{16} * p.in_channels * p.out_channels);
  parts.gathered =
      arena->Take<float>(int64_t{9 + 16} * p.in_channels * 2 * kLanes);
  parts.v = arena->Take<float>(int64_t{16} * s.tiles * p.in_channels);
  parts.m = arena->Take<float>(int64_t{16} * kMaxTiles * 2 * kLanes);
  parts.zeros = arena->Take<float>(int64_t{p.width} * p.in_channels);
  return parts;
}

size_t ForwardWorkspace(const ConvolutionParams& p) {
  Arena arena(nullptr);
  TakeForward(p, ForwardSizes(p), &arena);
  return arena.used;
}

// What comes after a convolution.
template <typename Format>
struct Epilogue {
  const float* bias;
  const typename Format::Element* add;
  typename Format::Element* out;
  bool relu;

  DISTILL_INLINE void Finish(Vec y, Vec shift, int64_t at) const {
    y += shift;
    if (add != nullptr) y += Format::Get(add + at);
    Format::Put(out + at, relu ? CutAtZero(y) : y);
  }
};

template <bool kPairs, int kVectors>
DISTILL_INLINE void Pack(const ConvolutionParams& p, const float* weight,
                         bool transposed, const ForwardParts& parts) {
  constexpr int kBlock = kVectors * kLanes;
  const int in = p.in_channels, out = p.out_channels;
  const int steps = kPairs ? in / 2 : in;
  for (int block = 0; block < out; block += kBlock) {
    for (int o = 0; o < kBlock; ++o) {
      for (int c = 0; c < in; ++c) {
        float* to = parts.gathered + c * 9 * kBlock + o;
        const float* from =
            weight + 9 * (transposed ? int64_t{c} * out + block + o
                                     : int64_t{block + o} * in + c);
        for (int k = 0; k < 9; ++k) {
          to[k * kBlock] = from[transposed ? 8 - k : k];
        }
      }
    }
    PackBlock<kPairs, kVectors>(parts.gathered, in, p.bfloat16,
                                parts.packed + int64_t{block} * 16 * steps);
  }
}

// The transformed inputs of a row of tiles. v points at the first in the first
// plane.
template <typename Format, bool kPairs>
DISTILL_INLINE void TransformRow(const ConvolutionParams& p,
                                 const Rows<typename Format::Element>& rows,
                                 int tiles, float* v, int steps, int plane) {
  const int in = p.in_channels;
  for (int c = 0; c < in; c += kLanes) {
    // Tiles share two of four columns with the next.
    Vec a[4] = {}, b[4], points[16];
    ColumnAt<Format>(rows, c, b);
    float* to = v;
    for (int64_t at = c + in; tiles > 0; at += 2 * in, to += steps) {
      const bool last = to == v + (tiles - 1) * steps;
      Vec next[4], after[4] = {};
      ColumnAt<Format>(rows, at, next);
      if (!last) ColumnAt<Format>(rows, at + in, after);
      TransformRows(a, b, next, after, points);
      StorePoints<kPairs>(points, c, p.bfloat16, to, plane);
      if (last) break;
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        a[i] = next[i];
        b[i] = after[i];
      }
    }
  }
}

template <typename Format, bool kPairs, int kVectors>
void ForwardImages(const ConvolutionParams& p,
                   const typename Format::Element* x, const float* weight,
                   bool transposed, Epilogue<Format> after, int64_t begin,
                   int64_t end, void* workspace) {
  constexpr int kBlock = kVectors * kLanes;
  const Sizes s = ForwardSizes(p);
  Arena arena(workspace);
  const ForwardParts parts = TakeForward(p, s, &arena);
  const int in = p.in_channels, out = p.out_channels;
  Zero(parts.zeros, int64_t{p.width} * in);
  Pack<kPairs, kVectors>(p, weight, transposed, parts);
  const int steps = kPairs ? in / 2 : in;
  const int64_t out_row = int64_t{p.width} * out;
  const int64_t last_row = end * s.tiles_high;
  for (int64_t row = begin * s.tiles_high; row < last_row; row += s.rows) {
    const int rows =
        static_cast<int>(last_row - row < s.rows ? last_row - row : s.rows);
    const int all = rows * s.tiles_wide, v_plane = all * steps;
    for (int r = 0; r < rows; ++r) {
      TransformRow<Format, kPairs>(
          p, {p, s, x, As<typename Format::Element>(parts.zeros), row + r},
          s.tiles_wide, parts.v + r * s.tiles_wide * steps, steps, v_plane);
    }
    const int groups = (all + kMaxTiles - 1) / kMaxTiles;
    for (int group = 0; group < groups; ++group) {
      // As equal as possible.
      const int first = all * group / groups;
      const int tiles = all * (group + 1) / groups - first;
      const int m_plane = tiles * kBlock;
      for (int block = 0; block < out; block += kBlock) {
        const float* packed = parts.packed + int64_t{block} * 16 * steps;
        for (int k = 0; k < 16; ++k) {
          MultiplyRows<kVectors, kPairs, false>(
              tiles, parts.v + k * v_plane + first * steps, steps, 1,
              packed + int64_t{k} * steps * kBlock, kBlock, steps,
              parts.m + k * m_plane, kBlock);
        }
        int tx = first % s.tiles_wide;
        int64_t at =
            2 * ((row + first / s.tiles_wide) * out_row + int64_t{tx} * out) +
            block;
        for (int t = 0; t < tiles; ++t) {
          for (int c = 0; c < kBlock; c += kLanes) {
            const Vec shift =
                after.bias != nullptr ? Load(after.bias + block + c) : Vec{};
            Vec y[4];
            TransformOutput(parts.m + t * kBlock + c, m_plane, y);
            after.Finish(y[0], shift, at + c);
            after.Finish(y[1], shift, at + c + out);
            after.Finish(y[2], shift, at + c + out_row);
            after.Finish(y[3], shift, at + c + out_row + out);
          }
          at += 2 * out;
          if (++tx < s.tiles_wide) continue;
          tx = 0;
          at += out_row;  // The lower row of pixels.
        }
      }
    }
  }
}

// ---------------------------------------------------------------------------
// The gradient of the weights: with D the gradient of a tile's outputs, that of
// G g G' is the sum of (A D A') . (B' d B) over tiles, here as products of
// matrices [in_channels, tiles] and [tiles, out_channels].

// Tiles of a pass, about: so many that the sums are seldom loaded.
constexpr int kSumTiles = 48;

DISTILL_INLINE Sizes SumSizes(const ConvolutionParams& p) {
  return SizesOf(p, kSumTiles, kSumTiles);
}

struct SumParts {
  float *v, *d, *zeros;
};

DISTILL_INLINE SumParts TakeSums(const ConvolutionParams& p, const Sizes& s,
                                 Arena* arena) {
  SumParts parts;
  const int64_t tiles = s.tiles + s.rows;  // Pairs may want one more a row.
  parts.v = arena->Take<float>(16 * tiles * p.in_channels);
  parts.d = arena->Take<float>(16 * tiles * p.out_channels);
  parts.zeros = arena->Take<float>(int64_t{p.width} * p.in_channels);
  return parts;
}

size_t WeightSumsWorkspace(const ConvolutionParams& p) {
  Arena arena(nullptr);
  TakeSums(p, SumSizes(p), &arena);
  return arena.used;
}

// (A D) of one column of a tile, and (A D) A' of two: the 16 points.
DISTILL_INLINE void TransformGradientColumn(Vec upper, Vec lower, Vec* column) {
  column[0] = upper;
  column[1] = upper + lower;
  column[2] = upper - lower;
  column[3] = -lower;
}

// Stores the 16 points of a tile, each into its plane; with kPairs those of two
// tiles as pairs of bfloat16.
template <bool kPairs>
DISTILL_INLINE void StoreSteps(const Vec* one, const Vec* two, bool round,
                               float* to, int plane) {
#pragma GCC unroll 16
  for (int k = 0; k < 16; ++k, to += plane) {
    if (kPairs) {
      Store(to, PairsOf(one[k], two[k]));
    } else {
      Store(to, round ? RoundToBf16(one[k]) : one[k]);
    }
  }
}

// One step of a sum: a tile, or with kPairs two.
template <bool kPairs>
constexpr int kStepTiles = kPairs ? 2 : 1;

// The inputs of a row of tiles: [step, in_channels] in each of 16 planes.
template <typename Format, bool kPairs>
DISTILL_INLINE void InputSteps(const ConvolutionParams& p,
                               const Rows<typename Format::Element>& rows,
                               int tiles, float* v, int plane) {
  const int in = p.in_channels;
  for (int c = 0; c < in; c += kLanes) {
    Vec a[4] = {}, b[4];
    ColumnAt<Format>(rows, c, b);
    float* to = v + c;
    int64_t at = c + in;
    for (int tile = 0; tile < tiles; tile += kStepTiles<kPairs>, to += in) {
      Vec one[16], two[16] = {};
#pragma GCC unroll 2
      for (int i = 0; i < kStepTiles<kPairs>; ++i, at += 2 * in) {
        // (Where there is no second tile its products are with zeros.)
        if (tile + i >= tiles) break;
        Vec next[4], after[4] = {};
        ColumnAt<Format>(rows, at, next);
        if (tile + i + 1 < tiles) ColumnAt<Format>(rows, at + in, after);
        TransformRows(a, b, next, after, i == 0 ? one : two);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          a[j] = next[j];
          b[j] = after[j];
        }
      }
      StoreSteps<kPairs>(one, two, p.bfloat16, to, plane);
    }
  }
}

// The gradients of a row of tiles likewise. d points at its first pixel.
template <typename Format, bool kPairs>
DISTILL_INLINE void GradientSteps(const ConvolutionParams& p,
                                  const typename Format::Element* d, int tiles,
                                  float* to_row, int plane) {
  const int out = p.out_channels, row = p.width * out;
  for (int c = 0; c < out; c += kLanes) {
    float* to = to_row + c;
    const typename Format::Element* from = d + c;
    for (int tile = 0; tile < tiles; tile += kStepTiles<kPairs>, to += out) {
      Vec points[2][16] = {};
#pragma GCC unroll 2
      for (int i = 0; i < kStepTiles<kPairs>; ++i, from += 2 * out) {
        if (tile + i >= tiles) break;
        Vec left[4], right[4];
        TransformGradientColumn(Format::Get(from), Format::Get(from + row),
                                left);
        TransformGradientColumn(Format::Get(from + out),
                                Format::Get(from + row + out), right);
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) {
          TransformGradientColumn(left[j], right[j], points[i] + 4 * j);
        }
      }
      StoreSteps<kPairs>(points[0], points[1], p.bfloat16, to, plane);
    }
  }
}

template <typename Format, bool kPairs, int kVectors>
void SumImages(const ConvolutionParams& p, const typename Format::Element* x,
               const typename Format::Element* grad_out, float* sums,
               int64_t begin, int64_t end, void* workspace) {
  constexpr int kBlock = kVectors * kLanes;
  const Sizes s = SumSizes(p);
  const int in = p.in_channels, out = p.out_channels;
  Arena arena(workspace);
  const SumParts parts = TakeSums(p, s, &arena);
  Zero(parts.zeros, int64_t{p.width} * in);
  Zero(sums, int64_t{16} * in * out);
  const int row_steps =
      (s.tiles_wide + kStepTiles<kPairs> - 1) / kStepTiles<kPairs>;
  const int row_groups = (in + kMaxRows<kVectors> - 1) / kMaxRows<kVectors>;
  const int64_t last_row = end * s.tiles_high;
  for (int64_t row = begin * s.tiles_high; row < last_row; row += s.rows) {
    const int rows =
        static_cast<int>(last_row - row < s.rows ? last_row - row : s.rows);
    const int steps = rows * row_steps;
    const int v_plane = steps * in, d_plane = steps * out;
    for (int r = 0; r < rows; ++r) {
      InputSteps<Format, kPairs>(
          p, {p, s, x, As<typename Format::Element>(parts.zeros), row + r},
          s.tiles_wide, parts.v + r * row_steps * in, v_plane);
      GradientSteps<Format, kPairs>(
          p, grad_out + 2 * (row + r) * p.width * out, s.tiles_wide,
          parts.d + r * row_steps * out, d_plane);
    }
    for (int point = 0; point < 16; ++point) {
      for (int group = 0; group < row_groups; ++group) {
        const int c = in * group / row_groups;
        const int count = in * (group + 1) / row_groups - c;
        for (int block = 0; block < out; block += kBlock) {
          MultiplyRows<kVectors, kPairs, true>(
              count, parts.v + point * v_plane + c, 1, in,
              parts.d + point * d_plane + block, out, steps,
              sums + (int64_t{point} * in + c) * out + block, out);
        }
      }
    }
  }
}

void WeightGradient(const ConvolutionParams& p, float* sums, int64_t parts,
                    float* grad_weight, int64_t begin, int64_t end) {
  const int64_t in = p.in_channels, out = p.out_channels;
  const int64_t plane = in * out;
  for (int64_t c = begin; c < end; ++c) {
    for (int64_t o = 0; o < out; o += kLanes) {
      Vec m[16];
      for (int k = 0; k < 16; ++k) {
        const float* from = sums + k * plane + c * out + o;
        m[k] = Load(from);
        for (int64_t part = 1; part < parts; ++part) {
          m[k] += Load(from + part * 16 * plane);
        }
      }
      // G' M G.
      Vec rows[3][4], gradient[9];
      for (int j = 0; j < 4; ++j) {
        const Vec sum = 0.5f * (m[4 + j] + m[8 + j]);
        rows[0][j] = m[j] + sum;
        rows[1][j] = 0.5f * (m[4 + j] - m[8 + j]);
        rows[2][j] = sum + m[12 + j];
      }
      for (int i = 0; i < 3; ++i) {
        const Vec* r = rows[i];
        const Vec sum = 0.5f * (r[1] + r[2]);
        gradient[3 * i] = r[0] + sum;
        gradient[3 * i + 1] = 0.5f * (r[1] - r[2]);
        gradient[3 * i + 2] = sum + r[3];
      }
      for (int lane = 0; lane < kLanes; ++lane) {
        float* to = grad_weight + ((o + lane) * in + c) * 9;
        for (int k = 0; k < 9; ++k) to[k] = gradient[k][lane];
      }
    }
  }
}

// ---------------------------------------------------------------------------
// By format and by the number of vectors in a block.

// Calls Run<Format, pairs, vectors>.
#define DISTILL_BY_FORMAT(Run, ...)                                  \
  const bool two = p.out_channels % (2 * kLanes) == 0;               \
  if (p.bfloat16) {                                                  \
    using Format = BFloat16;                                         \
    const auto run = two ? Run<Format, kHasBf16, 2>                  \
                         : Run<Format, kHasBf16, 1>;                 \
    run(__VA_ARGS__);                                                \
  } else {                                                           \
    using Format = Float32;                                          \
    const auto run = two ? Run<Format, false, 2>                     \
                         : Run<Format, false, 1>;                    \
    run(__VA_ARGS__);                                                \
  }

void Forward(const ConvolutionParams& p, const void* x, const float* weight,
             bool transposed, const float* bias, const void* add, bool relu,
             void* out, int64_t begin, int64_t end, void* workspace) {
  DISTILL_BY_FORMAT(ForwardImages, p, As<Format::Element>(x), weight,
                    transposed,
                    Epilogue<Format>{bias, As<Format::Element>(add),
                                     As<Format::Element>(out), relu},
                    begin, end, workspace)
}

void WeightSums(const ConvolutionParams& p, const void* x,
                const void* grad_out, float* sums, int64_t begin, int64_t end,
                void* workspace) {
  DISTILL_BY_FORMAT(SumImages, p, As<Format::Element>(x),
                    As<Format::Element>(grad_out), sums, begin, end, workspace)
}

}  // namespace

// A constant has internal linkage unless it was declared extern.
extern const ConvolutionKernels DISTILL_KERNELS;
const ConvolutionKernels DISTILL_KERNELS = {Forward, ForwardWorkspace,
                                            WeightSums, WeightSumsWorkspace,
                                            WeightGradient};

}  // namespace kernels
}  // namespace distill
