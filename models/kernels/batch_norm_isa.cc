// The kernels of batch_norm_kernels.h, compiled once an instruction set (see
// BUILD.bazel), which gives DISTILL_KERNELS, the name of the table at the end.
#include "models/kernels/batch_norm_kernels.h"
#include "models/kernels/vector.h"

namespace distill {
namespace kernels {
namespace {

typedef unsigned int Bits __attribute__((vector_size(4 * kLanes)));
typedef unsigned short Halves __attribute__((vector_size(2 * kLanes)));
typedef Halves HalvesAt __attribute__((aligned(2), may_alias));

struct Float32 {
  using Element = float;
  static DISTILL_INLINE Vec Get(const float* from) { return Load(from); }
  static DISTILL_INLINE void Put(float* to, Vec value) { Store(to, value); }
};

struct BFloat16 {
  using Element = uint16_t;
  static DISTILL_INLINE Vec Get(const uint16_t* from) {
    return (Vec)(__builtin_convertvector(
                     *reinterpret_cast<const HalvesAt*>(from), Bits)
                 << 16);
  }
  // The nearest, ties to even.
  static DISTILL_INLINE void Put(uint16_t* to, Vec value) {
#ifdef __AVX512BF16__
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)value);
    *reinterpret_cast<HalvesAt*>(to) = (Halves)(__m256i)rounded;
#else
    const Bits bits = (Bits)value;
    *reinterpret_cast<HalvesAt*>(to) = __builtin_convertvector(
        (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, Halves);
#endif
  }
};

// Numbers that stay in the first cache together.
constexpr int64_t kChunk = 4096;

DISTILL_INLINE int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }

DISTILL_INLINE int64_t PeriodsOfChunk(int64_t period) {
  return period < kChunk ? kChunk / period : 1;
}

// NaN stays NaN.
DISTILL_INLINE Vec CutAtZero(Vec value) { return value < 0 ? Vec{} : value; }

template <typename Format>
void Moments(const BatchNormParams& p, const typename Format::Element* x,
             int64_t begin, int64_t end, double* mean, double* squares,
             float* of_chunk) {
  double count = 0;
  for (int64_t i = 0; i < p.period; ++i) mean[i] = squares[i] = 0;
  for (int64_t first = begin; first < end;) {
    const int64_t last = Least(end, first + PeriodsOfChunk(p.period));
    const float size = static_cast<float>(last - first);
    for (int64_t i = 0; i < p.period; i += kLanes) {
      Vec sum = {}, left = {};
      for (int64_t row = first; row < last; ++row) {
        sum += Format::Get(x + row * p.period + i);
      }
      const Vec average = sum / size;
      for (int64_t row = first; row < last; ++row) {
        const Vec difference = Format::Get(x + row * p.period + i) - average;
        left = MultiplyAdd(left, difference, difference);
      }
      Store(of_chunk + i, average);
      Store(of_chunk + p.period + i, left);
    }
    const double added = static_cast<double>(last - first);
    const double share = added / (count + added);
    for (int64_t i = 0; i < p.period; ++i) {
      const double difference = of_chunk[i] - mean[i];
      mean[i] += difference * share;
      squares[i] +=
          of_chunk[p.period + i] + difference * difference * count * share;
    }
    count += added;
    first = last;
  }
}

template <typename Format, bool kRelu, bool kAdd>
DISTILL_INLINE void ForwardLoop(const BatchNormParams& p,
                                const typename Format::Element* x,
                                const float* scale, const float* shift,
                                const typename Format::Element* add,
                                typename Format::Element* out, int64_t begin,
                                int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t i = 0; i < p.period; i += kLanes) {
      const int64_t at = row * p.period + i;
      Vec value =
          MultiplyAdd(Load(shift + i), Format::Get(x + at), Load(scale + i));
      if (kAdd) value += Format::Get(add + at);
      Format::Put(out + at, kRelu ? CutAtZero(value) : value);
    }
  }
}

template <typename Format>
void Forward(const BatchNormParams& p, const typename Format::Element* x,
             const float* scale, const float* shift,
             const typename Format::Element* add, typename Format::Element* out,
             int64_t begin, int64_t end) {
  const auto run = p.relu ? add != nullptr ? ForwardLoop<Format, true, true>
                                           : ForwardLoop<Format, true, false>
                   : add != nullptr ? ForwardLoop<Format, false, true>
                                    : ForwardLoop<Format, false, false>;
  run(p, x, scale, shift, add, out, begin, end);
}

template <typename Format, bool kRelu>
DISTILL_INLINE Vec GradientAt(const typename Format::Element* out,
                              const typename Format::Element* gradient,
                              int64_t at) {
  const Vec g = Format::Get(gradient + at);
  return kRelu ? (Format::Get(out + at) <= 0 ? Vec{} : g) : g;
}

template <typename Format, bool kRelu>
void SumsLoop(const BatchNormParams& p, const typename Format::Element* x,
              const typename Format::Element* out,
              const typename Format::Element* gradient, const float* mean,
              int64_t begin, int64_t end, double* of_gradient,
              double* of_product, float* of_chunk) {
  for (int64_t i = 0; i < p.period; ++i) of_gradient[i] = of_product[i] = 0;
  for (int64_t first = begin; first < end;) {
    const int64_t last = Least(end, first + PeriodsOfChunk(p.period));
    for (int64_t i = 0; i < p.period; i += kLanes) {
      Vec sum = {}, product = {};
      const Vec middle = Load(mean + i);
      for (int64_t row = first; row < last; ++row) {
        const int64_t at = row * p.period + i;
        const Vec g = GradientAt<Format, kRelu>(out, gradient, at);
        sum += g;
        product = MultiplyAdd(product, g, Format::Get(x + at) - middle);
      }
      Store(of_chunk + i, sum);
      Store(of_chunk + p.period + i, product);
    }
    for (int64_t i = 0; i < p.period; ++i) {
      of_gradient[i] += of_chunk[i];
      of_product[i] += of_chunk[p.period + i];
    }
    first = last;
  }
}

template <typename Format, bool kRelu, bool kAdd>
DISTILL_INLINE void BackwardLoop(const BatchNormParams& p,
                                 const typename Format::Element* x,
                                 const typename Format::Element* out,
                                 const typename Format::Element* gradient,
                                 const float* a, const float* b, const float* c,
                                 typename Format::Element* grad_x,
                                 typename Format::Element* grad_add,
                                 int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t i = 0; i < p.period; i += kLanes) {
      const int64_t at = row * p.period + i;
      const Vec g = GradientAt<Format, kRelu>(out, gradient, at);
      if (kAdd) Format::Put(grad_add + at, g);
      const Vec rest =
          MultiplyAdd(Load(c + i), Format::Get(x + at), Load(b + i));
      Format::Put(grad_x + at, MultiplyAdd(rest, g, Load(a + i)));
    }
  }
}

template <typename Format>
void Backward(const BatchNormParams& p, const typename Format::Element* x,
              const typename Format::Element* out,
              const typename Format::Element* gradient, const float* a,
              const float* b, const float* c, typename Format::Element* grad_x,
              typename Format::Element* grad_add, int64_t begin, int64_t end) {
  const auto run = p.relu                ? grad_add != nullptr
                                               ? BackwardLoop<Format, true, true>
                                               : BackwardLoop<Format, true, false>
                                  : grad_add != nullptr ? BackwardLoop<Format, false, true>
                                         : BackwardLoop<Format, false, false>;
  run(p, x, out, gradient, a, b, c, grad_x, grad_add, begin, end);
}

// ---------------------------------------------------------------------------
// By format.

template <typename Element>
const Element* As(const void* from) {
  return static_cast<const Element*>(from);
}
template <typename Element>
Element* As(void* to) {
  return static_cast<Element*>(to);
}

template <typename Format, typename Element = typename Format::Element>
struct Of {
  static void Moments(const BatchNormParams& p, const void* x, int64_t begin,
                      int64_t end, double* mean, double* squares,
                      void* workspace) {
    kernels::Moments<Format>(p, As<Element>(x), begin, end, mean, squares,
                             As<float>(workspace));
  }
  static void Forward(const BatchNormParams& p, const void* x,
                      const float* scale, const float* shift, const void* add,
                      void* out, int64_t begin, int64_t end) {
    kernels::Forward<Format>(p, As<Element>(x), scale, shift, As<Element>(add),
                             As<Element>(out), begin, end);
  }
  static void Sums(const BatchNormParams& p, const void* x, const void* out,
                   const void* gradient, const float* mean, int64_t begin,
                   int64_t end, double* of_gradient, double* of_product,
                   void* workspace) {
    const auto run = p.relu ? SumsLoop<Format, true> : SumsLoop<Format, false>;
    run(p, As<Element>(x), As<Element>(out), As<Element>(gradient), mean, begin,
        end, of_gradient, of_product, As<float>(workspace));
  }
  static void Backward(const BatchNormParams& p, const void* x, const void* out,
                       const void* gradient, const float* a, const float* b,
                       const float* c, void* grad_x, void* grad_add,
                       int64_t begin, int64_t end) {
    kernels::Backward<Format>(
        p, As<Element>(x), As<Element>(out), As<Element>(gradient), a, b, c,
        As<Element>(grad_x), As<Element>(grad_add), begin, end);
  }
};

}  // namespace

#define DISTILL_BY_FORMAT(name)                                             \
  [](const BatchNormParams& p, auto... arguments) {                         \
    (p.bfloat16 ? Of<BFloat16>::name : Of<Float32>::name)(p, arguments...); \
  }

// A constant has internal linkage unless it was declared extern.
extern const BatchNormKernels DISTILL_KERNELS;
const BatchNormKernels DISTILL_KERNELS = {
    DISTILL_BY_FORMAT(Moments), DISTILL_BY_FORMAT(Forward),
    DISTILL_BY_FORMAT(Sums), DISTILL_BY_FORMAT(Backward)};

}  // namespace kernels
}  // namespace distill
