// Products of matrices on a GPU, as phases (phases.h): tiles of 64 x 64 by 128
// threads, of factors that a `Work` computes from where they lie, so that a
// convolution and its gradients are products too, and nothing is copied first.
//
//   struct Work {
//     // What is known of a row, a column and a depth alone: of rows and
//     // columns it is computed once a block.
//     struct Row, Column, Depth;
//     Row RowOf(int m) const;
//     Column ColumnOf(int n) const;
//     Depth DepthOf(int k) const;
//     // Whether A, B of neighbouring depths lie together; else of
//     // neighbouring rows, columns.
//     static constexpr bool kAlongA, kAlongB;
//     // kMany of such neighbours, 1 or 4, of which the first is given.
//     template <int kMany> void A(const Row&, const Depth&, float*) const;
//     template <int kMany> void B(const Depth&, const Column&, float*) const;
//     // Whether there are four everywhere, from multiples of four on.
//     bool FourA() const;
//     bool FourB() const;
//     // Whether rows come in windows of four, which are stored together:
//     // row m is number m % 32 / 8 of window m / 32 * 8 + m % 8.
//     static constexpr bool kWindows;
//     void Store(int m, int n, float value) const;             // Without,
//     void StoreWindow(int window, int n, const float*) const;  // with.
//   };
#ifndef DISTILL_MODELS_KERNELS_PRODUCT_PHASES_H_
#define DISTILL_MODELS_KERNELS_PRODUCT_PHASES_H_

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/host_device.h"

namespace distill {
namespace kernels {

DISTILL_HOST_DEVICE inline uint32_t BitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}
DISTILL_HOST_DEVICE inline float FloatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// Copies kBytes, 2 to 16, between addresses that are multiples of kBytes.
template <int kBytes>
DISTILL_HOST_DEVICE inline void CopyAligned(const void* from, void* to) {
#ifdef __CUDA_ARCH__
  // (nvcc 13.0 has no __builtin_assume_aligned: its code is invalid.)
  using Word = std::conditional_t<kBytes % 4 == 0, uint32_t, uint16_t>;
  struct alignas(kBytes) Chunk {
    Word words[kBytes / sizeof(Word)];
  };
  *static_cast<Chunk*>(to) = *static_cast<const Chunk*>(from);
#else
  memcpy(to, from, kBytes);
#endif
}
// kMany neighbouring floats; four of them lie at a multiple of 16 bytes.
template <int kMany>
DISTILL_HOST_DEVICE inline void Load(const float* at, float* values) {
  alignas(kMany * sizeof(float)) float chunk[kMany];
  CopyAligned<kMany * sizeof(float)>(at, chunk);
  DISTILL_UNROLL
  for (int i = 0; i < kMany; ++i) values[i] = chunk[i];
}
template <int kMany>
DISTILL_HOST_DEVICE inline void Fill(float value, float* values) {
  DISTILL_UNROLL
  for (int i = 0; i < kMany; ++i) values[i] = value;
}

// What is multiplied, and how: a tile of 16 x 8 at a time, of which each of a
// warp's 32 lanes has four sums: rows lane / 4 and 8 more, columns 2 (lane % 4)
// and 1 more: [0] and [1] of the first row, [2] and [3] of the other. A is
// [row][depth], B [column][depth] in shared memory. On a host each lane
// computes what the device's tensor cores give it.
//
// The operands' layouts among lanes are those of PTX ISA 8.0, 9.7.13.4,
// "Matrix fragments for mma.m16n8k16" and "... m16n8k8".
template <typename Number, int kStepDepth>
struct PlainProducts {
  using Element = Number;
  static constexpr int kStep = kStepDepth;  // The depth of a tile.
  struct Operand {
    const Element* at;
    int stride;
  };
  static DISTILL_HOST_DEVICE Operand LoadA(const Element* at, int stride,
                                           int /*lane*/) {
    return {at, stride};
  }
  static DISTILL_HOST_DEVICE Operand LoadB(const Element* at, int stride,
                                           int /*lane*/) {
    return {at, stride};
  }
  static DISTILL_HOST_DEVICE float Value(float element) { return element; }
  static DISTILL_HOST_DEVICE float Value(uint16_t element) {
    return FloatOf(uint32_t{element} << 16);
  }
  static DISTILL_HOST_DEVICE void Multiply(const Operand& a, const Operand& b,
                                           int lane, float* sums) {
    for (int i = 0; i < 4; ++i) {
      const Element* row = a.at + (lane / 4 + i / 2 * 8) * a.stride;
      const Element* column = b.at + (lane % 4 * 2 + i % 2) * b.stride;
      for (int k = 0; k < kStep; ++k) {
        sums[i] += Value(row[k]) * Value(column[k]);
      }
    }
  }
};

// float32 without rounding: no tensor core does it.
struct Float32Products : PlainProducts<float, 8> {
  static DISTILL_HOST_DEVICE float Round(float value) { return value; }
};

#ifdef __CUDA_ARCH__
// A lane's part of the factors.
struct TensorCoreOperands {
  struct OperandA {
    uint32_t at[4];
  };
  struct OperandB {
    uint32_t at[2];
  };
};
#endif

// Factors rounded to 11 bits, as tensor cores take them.
#ifdef __CUDA_ARCH__
struct Tf32Products : TensorCoreOperands {
  using Element = float;
  static constexpr int kStep = 8;
  static __device__ OperandA LoadA(const float* at, int stride, int lane) {
    const float* first = at + lane / 4 * stride + lane % 4;
    const float* other = first + 8 * stride;
    return {{BitsOf(first[0]), BitsOf(other[0]), BitsOf(first[4]),
             BitsOf(other[4])}};
  }
  static __device__ OperandB LoadB(const float* at, int stride, int lane) {
    const float* first = at + lane / 4 * stride + lane % 4;
    return {{BitsOf(first[0]), BitsOf(first[4])}};
  }
  static __device__ void Multiply(const OperandA& a, const OperandB& b,
                                  int /*lane*/, float* sums) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a.at[0]), "r"(a.at[1]), "r"(a.at[2]), "r"(a.at[3]), "r"(b.at[0]),
          "r"(b.at[1]));
  }
#else
struct Tf32Products : PlainProducts<float, 8> {
#endif
  // To nearest, ties away from zero, as cvt.rna.tf32.f32 does.
  static DISTILL_HOST_DEVICE float Round(float value) {
    const uint32_t bits = BitsOf(value);
    return (bits & 0x7f800000u) == 0x7f800000u
               ? value
               : FloatOf((bits + 0x1000u) & ~0x1fffu);
  }
};

// Factors rounded to bfloat16.
#ifdef __CUDA_ARCH__
struct BFloat16Products : TensorCoreOperands {
  using Element = uint16_t;
  static constexpr int kStep = 16;
  static __device__ uint32_t Two(const uint16_t* at) {
    return *reinterpret_cast<const uint32_t*>(at);
  }
  static __device__ OperandA LoadA(const uint16_t* at, int stride, int lane) {
    const uint16_t* first = at + lane / 4 * stride + lane % 4 * 2;
    const uint16_t* other = first + 8 * stride;
    return {{Two(first), Two(other), Two(first + 8), Two(other + 8)}};
  }
  static __device__ OperandB LoadB(const uint16_t* at, int stride, int lane) {
    const uint16_t* first = at + lane / 4 * stride + lane % 4 * 2;
    return {{Two(first), Two(first + 8)}};
  }
  static __device__ void Multiply(const OperandA& a, const OperandB& b,
                                  int /*lane*/, float* sums) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a.at[0]), "r"(a.at[1]), "r"(a.at[2]), "r"(a.at[3]), "r"(b.at[0]),
          "r"(b.at[1]));
  }
#else
struct BFloat16Products : PlainProducts<uint16_t, 16> {
#endif
  // To nearest, ties to even; NaN stays NaN.
  static DISTILL_HOST_DEVICE uint16_t Round(float value) {
#ifdef __CUDA_ARCH__
    uint16_t rounded;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded) : "f"(value));
    return rounded;
#else
    const uint32_t bits = BitsOf(value);
    if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40u);
    return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
#endif
  }
};

template <typename Work>
struct ProductParams {
  Work work;
  int m, n, k;   // [m, k] times [k, n].
  int splits;    // Of the depth, each a block's; more than one go by `parts`.
  float* parts;  // [splits, m, n]
};

// Blocks of a product's kernel.
template <typename Work>
DISTILL_HOST_DEVICE inline int ProductBlocks(const ProductParams<Work>& p) {
  return (p.m + 63) / 64 * ((p.n + 63) / 64) * p.splits;
}

template <typename Work, typename Products>
struct Product {
  using Params = ProductParams<Work>;
  using Element = typename Products::Element;
  static constexpr int kThreads = 128;
  static constexpr int kSide = 64;   // Of a block's tile.
  static constexpr int kDepth = 32;  // That is in shared memory at a time.
  // So that the lanes of a warp read from different banks.
  static constexpr int kStride =
      kDepth + 16 / static_cast<int>(sizeof(Element));
  static constexpr int kPhases = 4, kFirstOfRound = 1, kEndOfRound = 3;
  struct Shared {
    alignas(16) Element a[kSide * kStride];
    alignas(16) Element b[kSide * kStride];
    typename Work::Row rows[kSide];
    typename Work::Column columns[kSide];
  };
  // A warp has a quarter of the tile, 32 x 32: 2 x 4 tiles of 16 x 8.
  struct Registers {
    float sums[2][4][4] = {};
  };
  struct Place {
    int m, n, split, first, last;  // Of the depth in steps of kDepth.
  };

  static DISTILL_HOST_DEVICE Place PlaceOf(const Params& p, int block) {
    const int columns = (p.n + kSide - 1) / kSide;
    const int tile = block / p.splits, split = block % p.splits;
    const int64_t all = (p.k + kDepth - 1) / kDepth;
    return {tile / columns * kSide, tile % columns * kSide, split,
            static_cast<int>(all * split / p.splits),
            static_cast<int>(all * (split + 1) / p.splits)};
  }
  static DISTILL_HOST_DEVICE int Rounds(const Params& p, int block) {
    const Place place = PlaceOf(p, block);
    return place.last - place.first;
  }

  template <int kMany>
  static DISTILL_HOST_DEVICE void LoadA(const Params& p, const Place& place,
                                        int depth, int thread, Shared& shared) {
    LoadTile<kMany, Work::kAlongA>(
        thread, shared.a, [&](int row, int at, float* values) {
          if (place.m + row < p.m && depth + at < p.k) {
            p.work.template A<kMany>(shared.rows[row],
                                     p.work.DepthOf(depth + at), values);
          } else {
            Fill<kMany>(0, values);
          }
        });
  }
  template <int kMany>
  static DISTILL_HOST_DEVICE void LoadB(const Params& p, const Place& place,
                                        int depth, int thread, Shared& shared) {
    LoadTile<kMany, Work::kAlongB>(
        thread, shared.b, [&](int column, int at, float* values) {
          if (place.n + column < p.n && depth + at < p.k) {
            p.work.template B<kMany>(p.work.DepthOf(depth + at),
                                     shared.columns[column], values);
          } else {
            Fill<kMany>(0, values);
          }
        });
  }
  // A tile of a factor to shared memory, kMany neighbours at a time: along the
  // depth, or along rows or columns (`side`).
  template <int kMany, bool kAlong, typename Factor>
  static DISTILL_HOST_DEVICE void LoadTile(int thread, Element* tile,
                                           const Factor& factor) {
    constexpr int kEach = (kAlong ? kDepth : kSide) / kMany;
    DISTILL_UNROLL_4
    for (int j = 0; j < kSide * kDepth / kThreads / kMany; ++j) {
      const int i = j * kThreads + thread;
      const int side = kAlong ? i / kEach : i % kEach * kMany;
      const int at = kAlong ? i % kEach * kMany : i / kEach;
      float values[kMany];
      factor(side, at, values);
      alignas(kMany * sizeof(Element)) Element rounded[kMany];
      DISTILL_UNROLL
      for (int q = 0; q < kMany; ++q) rounded[q] = Products::Round(values[q]);
      Element* const first = tile + side * kStride + at;
      if constexpr (kAlong) {
        CopyAligned<sizeof(rounded)>(rounded, first);
      } else {
        DISTILL_UNROLL
        for (int q = 0; q < kMany; ++q) first[q * kStride] = rounded[q];
      }
    }
  }

  // 0: what is known of rows and columns. In rounds, 1: both factors to shared
  // memory. 2: their product. 3: it is stored.
  template <int kPhase>
  static DISTILL_HOST_DEVICE void Phase(const Params& p, int block, int round,
                                        int thread, Shared& shared,
                                        Registers& registers) {
    const Place place = PlaceOf(p, block);
    if constexpr (kPhase == 0) {
      const int i = thread % kSide;
      if (thread < kSide) {
        shared.rows[i] = p.work.RowOf(place.m + i);
      } else {
        shared.columns[i] = p.work.ColumnOf(place.n + i);
      }
    } else if constexpr (kPhase == 1) {
      const int depth = (place.first + round) * kDepth;
      if (p.work.FourA()) {
        LoadA<4>(p, place, depth, thread, shared);
      } else {
        LoadA<1>(p, place, depth, thread, shared);
      }
      if (p.work.FourB()) {
        LoadB<4>(p, place, depth, thread, shared);
      } else {
        LoadB<1>(p, place, depth, thread, shared);
      }
    } else if constexpr (kPhase == 3) {
      Store(p, place, thread, registers);
    } else {
      const int lane = thread % 32, warp = thread / 32;
      const Element* const a = shared.a + warp / 2 * 32 * kStride;
      const Element* const b = shared.b + warp % 2 * 32 * kStride;
      DISTILL_UNROLL
      for (int step = 0; step < kDepth; step += Products::kStep) {
        const auto upper = Products::LoadA(a + step, kStride, lane);
        const auto lower =
            Products::LoadA(a + 16 * kStride + step, kStride, lane);
        DISTILL_UNROLL
        for (int j = 0; j < 4; ++j) {
          const auto column =
              Products::LoadB(b + j * 8 * kStride + step, kStride, lane);
          Products::Multiply(upper, column, lane, registers.sums[0][j]);
          Products::Multiply(lower, column, lane, registers.sums[1][j]);
        }
      }
    }
  }

  static DISTILL_HOST_DEVICE void Store(const Params& p, const Place& place,
                                        int thread,
                                        const Registers& registers) {
    const int lane = thread % 32, warp = thread / 32;
    const int m = place.m + warp / 2 * 32 + lane / 4;
    DISTILL_UNROLL
    for (int j = 0; j < 4; ++j) {
      DISTILL_UNROLL
      for (int column = 0; column < 2; ++column) {
        const int n = place.n + warp % 2 * 32 + j * 8 + lane % 4 * 2 + column;
        if (n >= p.n) continue;
        const float values[4] = {
            registers.sums[0][j][column], registers.sums[0][j][2 + column],
            registers.sums[1][j][column], registers.sums[1][j][2 + column]};
        if constexpr (Work::kWindows) {
          p.work.StoreWindow(m / 32 * 8 + m % 8, n, values);
        } else {
          DISTILL_UNROLL
          for (int i = 0; i < 4; ++i) {
            const int row = m + 8 * i;
            if (row >= p.m) continue;
            if (p.splits == 1) {
              p.work.Store(row, n, values[i]);
            } else {
              p.parts[(int64_t{place.split} * p.m + row) * p.n + n] = values[i];
            }
          }
        }
      }
    }
  }
};

// The sums of a product's parts, always in the same order.
template <typename Work>
struct SumParts {
  using Params = ProductParams<Work>;
  static constexpr int kThreads = 128;
  static constexpr int kPhases = 1, kFirstOfRound = 0, kEndOfRound = 0;
  struct Shared {};
  struct Registers {};

  static DISTILL_HOST_DEVICE int Rounds(const Params&, int) { return 0; }
  template <int kPhase>
  static DISTILL_HOST_DEVICE void Phase(const Params& p, int block,
                                        int /*round*/, int thread, Shared&,
                                        Registers&) {
    const int64_t size = int64_t{p.m} * p.n;
    const int64_t at = int64_t{block} * kThreads + thread;
    if (at >= size) return;
    float sum = 0;
    for (int split = 0; split < p.splits; ++split) {
      sum += p.parts[split * size + at];
    }
    p.work.Store(static_cast<int>(at / p.n), static_cast<int>(at % p.n), sum);
  }
};

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_PRODUCT_PHASES_H_
