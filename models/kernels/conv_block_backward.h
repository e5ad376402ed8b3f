// The gradients of conv_block_isa.cc.
#ifndef DISTILL_MODELS_KERNELS_CONV_BLOCK_BACKWARD_H_
#define DISTILL_MODELS_KERNELS_CONV_BLOCK_BACKWARD_H_

#include "models/kernels/conv_block_layout.h"

namespace distill {
namespace kernels {
namespace {

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
}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_CONV_BLOCK_BACKWARD_H_
