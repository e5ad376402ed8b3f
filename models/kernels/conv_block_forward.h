// The forward pass of conv_block_isa.cc.
#ifndef DISTILL_MODELS_KERNELS_CONV_BLOCK_FORWARD_H_
#define DISTILL_MODELS_KERNELS_CONV_BLOCK_FORWARD_H_

#include "models/kernels/conv_block_layout.h"
#include "models/kernels/winograd.h"

namespace distill {
namespace kernels {
namespace {

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

// Several input channels: Winograd's F(2x2, 3x3), whose tile of 2 x 2 outputs
// is exactly one pooling window.

struct ForwardParts {
  float *padded, *packed, *gathered, *bias, *out;
  uint8_t* winner;
  ForwardTilesParts of_tiles;  // Of several input channels.
};

DISTILL_INLINE Tiles ForwardSizes(const ConvBlockParams& p, const Sizes& s) {
  return ForwardTilesOf(p.height, p.width, s.in_stride, s.out_stride,
                        p.bfloat16 && kHasBf16);
}

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
  parts.out = arena->Take<float>(int64_t{s.tiles} * s.out_stride);
  parts.winner = arena->Take<uint8_t>(int64_t{s.tiles} * s.out_stride);
  if (!one) parts.of_tiles = TakeForwardTiles(ForwardSizes(p, s), arena);
  return parts;
}

// Fills parts.packed [out blocks, 16, steps, kOutBlock].
template <bool kPairs>
DISTILL_INLINE void PackWinograd(const ConvBlockParams& p, const Sizes& s,
                                 const float* weight,
                                 const ForwardParts& parts) {
  const int steps = kPairs ? s.in_stride / 2 : s.in_stride;
  for (int block = 0; block < s.out_stride; block += kOutBlock) {
    Zero(parts.gathered, int64_t{9} * s.in_stride * kOutBlock);
    for (int o = 0; o < kOutBlock && block + o < p.out_channels; ++o) {
      const float* from = weight + int64_t{block + o} * p.in_channels * 9;
      for (int k = 0; k < 9 * p.in_channels; ++k) {
        parts.gathered[k * kOutBlock + o] = from[k];
      }
    }
    PackBlock<kPairs, 2>(parts.gathered, s.in_stride, p.bfloat16,
                         parts.packed + int64_t{block} * 16 * steps);
  }
}

// One image.
template <bool kPairs, bool kWinner>
DISTILL_INLINE void ForwardWinograd(const ConvBlockParams& p, const Sizes& s,
                                    const float* x, const ForwardParts& parts,
                                    const Outputs& to) {
  if (s.in_stride != p.in_channels) {
    float* padded = parts.padded;
    for (int i = 0; i < p.height * p.width; ++i, padded += s.in_stride) {
      for (int c = 0; c < p.in_channels; ++c) padded[c] = *x++;
    }
    x = parts.padded;
  }
  ForwardTiles<Float32, kPairs, 2>(
      ForwardSizes(p, s), x, parts.packed, p.bfloat16, parts.of_tiles, 0,
      s.tiles_high,
      [&](int64_t row, int tile, int c, const Vec* y) DISTILL_INLINED {
        const int64_t at = (row * s.tiles_wide + tile) * to.stride + c;
        PoolAndStore<kWinner>(y[0], y[1], y[2], y[3], Load(parts.bias + c),
                              to.out + at, kWinner ? to.winner + at : nullptr);
      });
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
  if (!one) Zero(parts.of_tiles.zeros, int64_t{p.width} * s.in_stride);
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
    const float* from = x + image * p.height * p.width * p.in_channels;
    float* image_out = out + image * outputs;
    uint8_t* image_winner = kWinner ? winner + image * outputs : nullptr;
    Outputs to = {parts.out, kWinner ? parts.winner : nullptr, s.out_stride};
    if (direct) to = {image_out, image_winner, p.out_channels};
    if (one) {
      PadImage(p, s, from, parts.padded);
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
      ForwardWinograd<kHasBf16, kWinner>(p, s, from, parts, to);
    } else {
      ForwardWinograd<false, kWinner>(p, s, from, parts, to);
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

}  // namespace
}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_CONV_BLOCK_FORWARD_H_
