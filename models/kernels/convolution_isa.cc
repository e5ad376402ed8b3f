// The kernels of convolution_kernels.h, by Winograd's F(2x2, 3x3), compiled
// once an instruction set (see BUILD.bazel), which gives DISTILL_KERNELS, the
// name of the table at the end.
#include "models/kernels/convolution_kernels.h"
#include "models/kernels/formats.h"
#include "models/kernels/winograd.h"
#include "models/kernels/workspace.h"

namespace distill {
namespace kernels {
namespace {

DISTILL_INLINE bool Pairs(const ConvolutionParams& p) {
  return p.bfloat16 && kHasBf16;
}

struct ForwardParts {
  float *packed, *gathered;
  ForwardTilesParts of_tiles;
};

DISTILL_INLINE Tiles ForwardSizes(const ConvolutionParams& p) {
  return ForwardTilesOf(p.height, p.width, p.in_channels, p.out_channels,
                        Pairs(p));
}

DISTILL_INLINE ForwardParts TakeForward(const ConvolutionParams& p,
                                        const Tiles& s, Arena* arena) {
  ForwardParts parts;
  parts.packed =
      arena->Take<float>(int64_t{16} * p.in_channels * p.out_channels);
  parts.gathered =
      arena->Take<float>(int64_t{9 + 16} * p.in_channels * 2 * kLanes);
  parts.of_tiles = TakeForwardTiles(s, arena);
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

template <typename Format, bool kPairs, int kVectors>
void ForwardImages(const ConvolutionParams& p,
                   const typename Format::Element* x, const float* weight,
                   bool transposed, Epilogue<Format> after, int64_t begin,
                   int64_t end, void* workspace) {
  const Tiles s = ForwardSizes(p);
  Arena arena(workspace);
  const ForwardParts parts = TakeForward(p, s, &arena);
  Zero(parts.of_tiles.zeros, int64_t{s.width} * s.in);
  Pack<kPairs, kVectors>(p, weight, transposed, parts);
  const int64_t row = int64_t{s.width} * s.out;
  ForwardTiles<Format, kPairs, kVectors>(
      s, x, parts.packed, p.bfloat16, parts.of_tiles, begin * s.in_image,
      end * s.in_image,
      [&](int64_t tile_row, int tile, int c, const Vec* y) DISTILL_INLINED {
        const Vec shift = after.bias != nullptr ? Load(after.bias + c) : Vec{};
        const int64_t at = 2 * (tile_row * row + int64_t{tile} * s.out) + c;
        after.Finish(y[0], shift, at);
        after.Finish(y[1], shift, at + s.out);
        after.Finish(y[2], shift, at + row);
        after.Finish(y[3], shift, at + row + s.out);
      });
}

// ---------------------------------------------------------------------------
// The gradient of the weights: with D the gradient of a tile's outputs, that of
// G g G' is the sum of (A D A') . (B' d B) over tiles, here as products of
// matrices [in_channels, tiles] and [tiles, out_channels].

// Tiles of a pass, about: so many that the sums are seldom loaded.
constexpr int kSumTiles = 48;

DISTILL_INLINE Tiles SumSizes(const ConvolutionParams& p) {
  return TilesOf(p.height, p.width, p.in_channels, p.out_channels, kSumTiles,
                 kSumTiles);
}

struct SumParts {
  float *v, *d, *zeros;
};

DISTILL_INLINE SumParts TakeSums(const Tiles& s, Arena* arena) {
  SumParts parts;
  const int64_t tiles = s.count + s.rows;  // Pairs may want one more a row.
  parts.v = arena->Take<float>(16 * tiles * s.in);
  parts.d = arena->Take<float>(16 * tiles * s.out);
  parts.zeros = arena->Take<float>(int64_t{s.width} * s.in);
  return parts;
}

size_t WeightSumsWorkspace(const ConvolutionParams& p) {
  Arena arena(nullptr);
  TakeSums(SumSizes(p), &arena);
  return arena.used;
}

// (A D) of one column of a tile, and (A D) A' of two: the 16 points.
DISTILL_INLINE void TransformGradientColumn(Vec upper, Vec lower, Vec* column) {
  column[0] = upper;
  column[1] = upper + lower;
  column[2] = upper - lower;
  column[3] = -lower;
}

// One step of a sum: a tile, or with kPairs two.
template <bool kPairs>
constexpr int kStepTiles = kPairs ? 2 : 1;

// One vector of the 16 points of a row's tiles, tile after tile, into steps
// `stride` apart in each of 16 planes.
template <bool kPairs>
struct Steps {
  float* to;
  int stride, plane, tiles;
  bool round;
  Vec first[16];

  DISTILL_INLINE void Put(int tile, const Vec* points) {
    if (!kPairs) {
      Write(points, points);
    } else if (tile % 2 == 1) {
      Write(first, points);
    } else if (tile + 1 < tiles) {
      for (int k = 0; k < 16; ++k) first[k] = points[k];
    } else {  // Without a second tile its products are with zeros.
      const Vec none[16] = {};
      Write(points, none);
    }
  }

 private:
  DISTILL_INLINE void Write(const Vec* one, const Vec* two) {
#pragma GCC unroll 16
    for (int k = 0; k < 16; ++k) {
      Store(to + k * plane, kPairs  ? PairsOf(one[k], two[k])
                            : round ? RoundToBf16(one[k])
                                    : one[k]);
    }
    to += stride;
  }
};

// The gradients of a row of tiles as TransformRow has the inputs. d points at
// its first pixel.
template <typename Format, typename Store>
DISTILL_INLINE void TransformGradientRow(const Tiles& s,
                                         const typename Format::Element* d,
                                         const Store& store) {
  const int row = s.width * s.out;
  for (int tile = 0; tile < s.in_row; ++tile, d += 2 * s.out) {
    Vec left[4], right[4], points[16];
    TransformGradientColumn(Format::Get(d), Format::Get(d + row), left);
    TransformGradientColumn(Format::Get(d + s.out),
                            Format::Get(d + row + s.out), right);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      TransformGradientColumn(left[j], right[j], points + 4 * j);
    }
    store(tile, points);
  }
}

template <typename Format, bool kPairs, int kVectors>
void SumImages(const ConvolutionParams& p, const typename Format::Element* x,
               const typename Format::Element* grad_out, float* sums,
               int64_t begin, int64_t end, void* workspace) {
  constexpr int kBlock = kVectors * kLanes;
  const Tiles s = SumSizes(p);
  const int in = s.in, out = s.out;
  Arena arena(workspace);
  const SumParts parts = TakeSums(s, &arena);
  Zero(parts.zeros, int64_t{s.width} * in);
  Zero(sums, int64_t{16} * in * out);
  const int row_steps =
      (s.in_row + kStepTiles<kPairs> - 1) / kStepTiles<kPairs>;
  const int row_groups = (in + kMaxRows<kVectors> - 1) / kMaxRows<kVectors>;
  const int64_t last_row = end * s.in_image;
  for (int64_t row = begin * s.in_image; row < last_row; row += s.rows) {
    const int rows =
        static_cast<int>(last_row - row < s.rows ? last_row - row : s.rows);
    const int steps = rows * row_steps;
    const int v_plane = steps * in, d_plane = steps * out;
    for (int r = 0; r < rows; ++r) {
      const Rows<typename Format::Element> pixels(s, x, parts.zeros, row + r);
      for (int c = 0; c < in; c += kLanes) {
        Steps<kPairs> to = {parts.v + r * row_steps * in + c,
                            in,
                            v_plane,
                            s.in_row,
                            p.bfloat16,
                            {}};
        TransformRow<Format>(s, pixels, c,
                             [&](int tile, const Vec* points)
                                 DISTILL_INLINED { to.Put(tile, points); });
      }
      for (int c = 0; c < out; c += kLanes) {
        Steps<kPairs> to = {parts.d + r * row_steps * out + c,
                            out,
                            d_plane,
                            s.in_row,
                            p.bfloat16,
                            {}};
        TransformGradientRow<Format>(
            s, grad_out + 2 * (row + r) * s.width * out + c,
            [&](int tile, const Vec* points)
                DISTILL_INLINED { to.Put(tile, points); });
      }
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
#define DISTILL_BY_FORMAT(Run, ...)                                       \
  const bool two = p.out_channels % (2 * kLanes) == 0;                    \
  if (p.bfloat16) {                                                       \
    using Format = BFloat16;                                              \
    const auto run =                                                      \
        two ? Run<Format, kHasBf16, 2> : Run<Format, kHasBf16, 1>;        \
    run(__VA_ARGS__);                                                     \
  } else {                                                                \
    using Format = Float32;                                               \
    const auto run = two ? Run<Format, false, 2> : Run<Format, false, 1>; \
    run(__VA_ARGS__);                                                     \
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

void WeightSums(const ConvolutionParams& p, const void* x, const void* grad_out,
                float* sums, int64_t begin, int64_t end, void* workspace) {
  DISTILL_BY_FORMAT(SumImages, p, As<Format::Element>(x),
                    As<Format::Element>(grad_out), sums, begin, end, workspace)
}

}  // namespace

// A constant has internal linkage unless it was declared extern.
extern const ConvolutionKernels DISTILL_KERNELS;
const ConvolutionKernels DISTILL_KERNELS = {
    Forward, ForwardWorkspace, WeightSums, WeightSumsWorkspace, WeightGradient};

}  // namespace kernels
}  // namespace distill
