// The kernels of dense_kernels.h, compiled once an instruction set (see
// BUILD.bazel), which gives DISTILL_KERNELS, the name of the table at the end.
#include "models/kernels/dense_kernels.h"
#include "models/kernels/vector.h"

namespace distill {
namespace kernels {
namespace {

// ---------------------------------------------------------------------------
// Forward: dot products along the inputs, a tile of rows and outputs at a time.

constexpr int kRowTile = 4;
#if defined(__AVX512F__)
constexpr int kOutputTile = 4;  // 16 sums, 8 operands in 32 registers.
#else
constexpr int kOutputTile = 2;  // 8 sums, 6 operands in 16 registers.
#endif

// One vector of float32 inputs at a time.
struct Float32 {
  using Element = float;
  using Operand = Vec;
  static constexpr int kWidth = kLanes;
  static DISTILL_INLINE Vec Get(const float* from) { return Load(from); }
  static DISTILL_INLINE Vec Get(const float* from, int64_t count) {
    Vec values = {};
    for (int64_t i = 0; i < count; ++i) values[i] = from[i];
    return values;
  }
  static DISTILL_INLINE Vec Add(Vec sum, Vec a, Vec b) {
    return MultiplyAdd(sum, a, b);
  }
};

#ifdef __AVX512BF16__
// Two at a time in each lane.
struct BFloat16 {
  using Element = uint16_t;
  using Operand = __m512bh;
  static constexpr int kWidth = 2 * kLanes;
  static DISTILL_INLINE __m512bh Get(const uint16_t* from) {
    return (__m512bh)_mm512_loadu_si512(from);
  }
  static DISTILL_INLINE __m512bh Get(const uint16_t* from, int64_t count) {
    return (__m512bh)_mm512_maskz_loadu_epi16((1u << count) - 1, from);
  }
  static DISTILL_INLINE Vec Add(Vec sum, __m512bh a, __m512bh b) {
    return (Vec)_mm512_dpbf16_ps((__m512)sum, a, b);
  }
};
#endif

// The sums over inputs of kRows rows and kOutputs outputs. What is left of the
// inputs after the last whole operand is filled up with zeros.
template <typename Format, int kRows, int kOutputs>
DISTILL_INLINE void Tile(const DenseParams& p,
                         const typename Format::Element* x,
                         const typename Format::Element* weight,
                         const float* bias, float* out) {
  Vec sums[kRows][kOutputs] = {};
  const int64_t whole = p.inputs / Format::kWidth * Format::kWidth;
  for (int64_t i = 0; i < whole; i += Format::kWidth) {
    typename Format::Operand w[kOutputs];
    for (int o = 0; o < kOutputs; ++o) {
      w[o] = Format::Get(weight + o * p.inputs + i);
    }
    for (int r = 0; r < kRows; ++r) {
      const auto value = Format::Get(x + r * p.inputs + i);
      for (int o = 0; o < kOutputs; ++o) {
        sums[r][o] = Format::Add(sums[r][o], value, w[o]);
      }
    }
  }
  if (whole < p.inputs) {
    const int64_t rest = p.inputs - whole;
    for (int r = 0; r < kRows; ++r) {
      const auto value = Format::Get(x + r * p.inputs + whole, rest);
      for (int o = 0; o < kOutputs; ++o) {
        sums[r][o] =
            Format::Add(sums[r][o], value,
                        Format::Get(weight + o * p.inputs + whole, rest));
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int o = 0; o < kOutputs; ++o) {
      const float sum = SumOf(sums[r][o]) + bias[o];
      // Not "above 0 or else 0", which would make 0 of a NaN.
      out[r * p.outputs + o] = p.relu && sum < 0 ? 0 : sum;
    }
  }
}

template <typename Format, int kOutputs>
DISTILL_INLINE void Rows(const DenseParams& p,
                         const typename Format::Element* x,
                         const typename Format::Element* weight,
                         const float* bias, float* out) {
  int64_t row = 0;
  for (; row + kRowTile <= p.batch; row += kRowTile) {
    Tile<Format, kRowTile, kOutputs>(p, x + row * p.inputs, weight, bias,
                                     out + row * p.outputs);
  }
  for (; row < p.batch; ++row) {
    Tile<Format, 1, kOutputs>(p, x + row * p.inputs, weight, bias,
                              out + row * p.outputs);
  }
}

template <typename Format>
void Forward(const DenseParams& p, const typename Format::Element* x,
             const typename Format::Element* weight, const float* bias,
             float* out, int64_t begin, int64_t end) {
  int64_t o = begin;
  for (; o + kOutputTile <= end; o += kOutputTile) {
    Rows<Format, kOutputTile>(p, x, weight + o * p.inputs, bias + o, out + o);
  }
  for (; o < end; ++o) {
    Rows<Format, 1>(p, x, weight + o * p.inputs, bias + o, out + o);
  }
}

#ifdef __AVX512BF16__
void Round(const float* from, int64_t count, uint16_t* to) {
  for (; count >= kLanes; count -= kLanes, from += kLanes, to += kLanes) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from)));
  }
  const __mmask16 rest = static_cast<__mmask16>((1u << count) - 1);
  _mm256_mask_storeu_epi16(
      to, rest, (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(rest, from)));
}
constexpr auto kForwardBFloat16 = Forward<BFloat16>;
constexpr auto kRound = Round;
#else
constexpr decltype(DenseKernels::forward_bfloat16) kForwardBFloat16 = nullptr;
constexpr decltype(DenseKernels::round) kRound = nullptr;
#endif

// ---------------------------------------------------------------------------
// Backward: for each row of the result, the sum of the rows of the other
// operand that have a gradient, which ReLU leaves to about half of them.

struct Nonzero {
  int32_t row;
  float gradient;
};

// Columns at a time: their sums stay in registers, and a block of the other
// operand in the first cache.

constexpr int kBlock = 8;

// to[0 .. kVectors * kLanes) = sum of gradient * rows[row * stride + ...].
template <int kVectors>
DISTILL_INLINE void SumRows(const Nonzero* list, int64_t count,
                            const float* rows, int64_t stride, float* to) {
  Vec sums[kVectors] = {};
  for (int64_t i = 0; i < count; ++i) {
    const float* row = rows + list[i].row * stride;
    const Vec gradient = Broadcast(list[i].gradient);
    for (int v = 0; v < kVectors; ++v) {
      sums[v] = MultiplyAdd(sums[v], gradient, Load(row + v * kLanes));
    }
  }
  for (int v = 0; v < kVectors; ++v) Store(to + v * kLanes, sums[v]);
}

// The same for all of `results` lists, which lie `lists_stride` apart, in
// blocks of columns from `c` on, as long as there is a whole one. Returns the
// first column that is left.
template <int kVectors>
DISTILL_INLINE int64_t SumBlocks(const Nonzero* lists, const int32_t* counts,
                                 int64_t results, int64_t lists_stride,
                                 const float* rows, int64_t columns, int64_t c,
                                 float* to) {
  constexpr int64_t kWidth = kVectors * kLanes;
  for (; c + kWidth <= columns; c += kWidth) {
    for (int64_t r = 0; r < results; ++r) {
      SumRows<kVectors>(lists + r * lists_stride, counts[r], rows + c, columns,
                        to + r * columns + c);
    }
  }
  return c;
}

// The same for each of `results` lists, which lie `lists_stride` apart, and the
// columns [0, columns) of rows and results.
void SumAllRows(const Nonzero* lists, const int32_t* counts, int64_t results,
                int64_t lists_stride, const float* rows, int64_t columns,
                float* to) {
  int64_t c = SumBlocks<kBlock>(lists, counts, results, lists_stride, rows,
                                columns, 0, to);
  c = SumBlocks<4>(lists, counts, results, lists_stride, rows, columns, c, to);
  c = SumBlocks<1>(lists, counts, results, lists_stride, rows, columns, c, to);
  for (; c < columns; ++c) {
    for (int64_t r = 0; r < results; ++r) {
      const Nonzero* list = lists + r * lists_stride;
      float sum = 0;
      for (int32_t i = 0; i < counts[r]; ++i) {
        sum += list[i].gradient * rows[list[i].row * columns + c];
      }
      to[r * columns + c] = sum;
    }
  }
}

// The gradient before ReLU.
DISTILL_INLINE float Masked(const DenseParams& p, const float* out,
                            const float* grad_out, int64_t at) {
  return !p.relu || out[at] > 0 ? grad_out[at] : 0;
}

struct Lists {
  Nonzero* lists;
  int32_t* counts;
};

DISTILL_INLINE Lists ListsIn(const DenseParams& p, void* workspace) {
  return {static_cast<Nonzero*>(workspace),
          reinterpret_cast<int32_t*>(static_cast<Nonzero*>(workspace) +
                                     p.batch * p.outputs)};
}

size_t Workspace(const DenseParams& p) {
  const int64_t lists = p.batch > p.outputs ? p.batch : p.outputs;
  return sizeof(Nonzero) * p.batch * p.outputs + sizeof(int32_t) * lists;
}

void InputGradient(const DenseParams& p, const float* weight, const float* out,
                   const float* grad_out, float* grad_x, int64_t begin,
                   int64_t end, void* workspace) {
  const Lists lists = ListsIn(p, workspace);
  for (int64_t row = begin; row < end; ++row) {
    Nonzero* list = lists.lists + (row - begin) * p.outputs;
    int32_t count = 0;
    for (int64_t o = 0; o < p.outputs; ++o) {
      const float gradient = Masked(p, out, grad_out, row * p.outputs + o);
      list[count] = {static_cast<int32_t>(o), gradient};
      count += gradient != 0;
    }
    lists.counts[row - begin] = count;
  }
  SumAllRows(lists.lists, lists.counts, end - begin, p.outputs, weight,
             p.inputs, grad_x + begin * p.inputs);
}

void WeightGradient(const DenseParams& p, const float* x, const float* out,
                    const float* grad_out, float* grad_weight, float* grad_bias,
                    int64_t begin, int64_t end, void* workspace) {
  const Lists lists = ListsIn(p, workspace);
  for (int64_t o = begin; o < end; ++o) {
    Nonzero* list = lists.lists + (o - begin) * p.batch;
    int32_t count = 0;
    float sum = 0;
    for (int64_t row = 0; row < p.batch; ++row) {
      const float gradient = Masked(p, out, grad_out, row * p.outputs + o);
      list[count] = {static_cast<int32_t>(row), gradient};
      count += gradient != 0;
      sum += gradient;
    }
    lists.counts[o - begin] = count;
    grad_bias[o] = sum;
  }
  SumAllRows(lists.lists, lists.counts, end - begin, p.batch, x, p.inputs,
             grad_weight + begin * p.inputs);
}

}  // namespace

// A constant has internal linkage unless it was declared extern.
extern const DenseKernels DISTILL_KERNELS;
const DenseKernels DISTILL_KERNELS = {Forward<Float32>, kForwardBFloat16,
                                      kRound,           InputGradient,
                                      WeightGradient,   Workspace};

}  // namespace kernels
}  // namespace distill
