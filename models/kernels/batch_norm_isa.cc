// The kernels of batch_norm_kernels.h, compiled once an instruction set (see
// BUILD.bazel), which gives DISTILL_KERNELS, the name of the table at the end.
#include "models/kernels/batch_norm_kernels.h"
#include "models/kernels/formats.h"

namespace distill {
namespace kernels {
namespace {

// Numbers that stay in the first cache together.
constexpr int64_t kChunk = 4096;

DISTILL_INLINE int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }

DISTILL_INLINE int64_t PeriodsOfChunk(int64_t period) {
  return period < kChunk ? kChunk / period : 1;
}

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

// How what ReLU cut is known.
enum class Cut { kNothing, kByOutput, kByInput };

// What the backward pass reads.
template <typename Format>
struct Given {
  using Element = typename Format::Element;
  const Element* x;
  const Element* out;
  const float* scale;
  const float* shift;
  const Element* gradient;
  const Element* more;
};

// The gradient at `at`, place `i` of a period, where `x` is.
template <typename Format, Cut kCut, bool kMore>
DISTILL_INLINE Vec GradientAt(const Given<Format>& given, Vec x, int64_t at,
                              int64_t i) {
  Vec g = Format::Get(given.gradient + at);
  if (kMore) g += Format::Get(given.more + at);
  switch (kCut) {
    case Cut::kNothing:
      return g;
    case Cut::kByOutput:
      return Format::Get(given.out + at) <= 0 ? Vec{} : g;
    case Cut::kByInput:
      return MultiplyAdd(Load(given.shift + i), x, Load(given.scale + i)) <= 0
                 ? Vec{}
                 : g;
  }
  return g;
}

template <typename Format, Cut kCut, bool kMore>
void SumsLoop(const BatchNormParams& p, const Given<Format>& given,
              const float* mean, int64_t begin, int64_t end,
              double* of_gradient, double* of_product, float* of_chunk) {
  for (int64_t i = 0; i < p.period; ++i) of_gradient[i] = of_product[i] = 0;
  for (int64_t first = begin; first < end;) {
    const int64_t last = Least(end, first + PeriodsOfChunk(p.period));
    for (int64_t i = 0; i < p.period; i += kLanes) {
      Vec sum = {}, product = {};
      const Vec middle = Load(mean + i);
      for (int64_t row = first; row < last; ++row) {
        const int64_t at = row * p.period + i;
        const Vec x = Format::Get(given.x + at);
        const Vec g = GradientAt<Format, kCut, kMore>(given, x, at, i);
        sum += g;
        product = MultiplyAdd(product, g, x - middle);
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

template <typename Format, Cut kCut, bool kMore, bool kAdd>
void BackwardLoop(const BatchNormParams& p, const Given<Format>& given,
                  const float* a, const float* b, const float* c,
                  typename Format::Element* grad_x,
                  typename Format::Element* grad_add, int64_t begin,
                  int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t i = 0; i < p.period; i += kLanes) {
      const int64_t at = row * p.period + i;
      const Vec x = Format::Get(given.x + at);
      const Vec g = GradientAt<Format, kCut, kMore>(given, x, at, i);
      if (kAdd) Format::Put(grad_add + at, g);
      const Vec rest = MultiplyAdd(Load(c + i), x, Load(b + i));
      Format::Put(grad_x + at, MultiplyAdd(rest, g, Load(a + i)));
    }
  }
}

// ---------------------------------------------------------------------------
// By format.

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
  // Calls run(Choice<...>) with how what ReLU cut is known, and whether there
  // is more of the gradient.
  template <Cut kCutIs, bool kMoreIs>
  struct Choice {
    static constexpr Cut kCut = kCutIs;
    static constexpr bool kMore = kMoreIs;
  };
  template <bool kMore, typename Run>
  static void ByCut(bool relu, bool has_out, const Run& run) {
    if (!relu) return run(Choice<Cut::kNothing, kMore>());
    if (has_out) return run(Choice<Cut::kByOutput, kMore>());
    run(Choice<Cut::kByInput, kMore>());
  }
  template <typename Run>
  static void Choose(bool relu, const Given<Format>& given, const Run& run) {
    if (given.more != nullptr) {
      ByCut<true>(relu, given.out != nullptr, run);
    } else {
      ByCut<false>(relu, given.out != nullptr, run);
    }
  }

  static void Sums(const BatchNormParams& p, const void* x, const void* out,
                   const float* scale, const float* shift, const void* gradient,
                   const void* more, const float* mean, int64_t begin,
                   int64_t end, double* of_gradient, double* of_product,
                   void* workspace) {
    const Given<Format> given = {
        As<Element>(x), As<Element>(out),      scale,
        shift,          As<Element>(gradient), As<Element>(more)};
    Choose(p.relu, given, [&](auto choice) {
      SumsLoop<Format, decltype(choice)::kCut, decltype(choice)::kMore>(
          p, given, mean, begin, end, of_gradient, of_product,
          As<float>(workspace));
    });
  }
  static void Backward(const BatchNormParams& p, const void* x, const void* out,
                       const float* scale, const float* shift,
                       const void* gradient, const void* more, const float* a,
                       const float* b, const float* c, void* grad_x,
                       void* grad_add, int64_t begin, int64_t end) {
    const Given<Format> given = {
        As<Element>(x), As<Element>(out),      scale,
        shift,          As<Element>(gradient), As<Element>(more)};
    Choose(p.relu, given, [&](auto choice) {
      constexpr Cut kCut = decltype(choice)::kCut;
      constexpr bool kMore = decltype(choice)::kMore;
      const auto run = grad_add != nullptr
                           ? BackwardLoop<Format, kCut, kMore, true>
                           : BackwardLoop<Format, kCut, kMore, false>;
      run(p, given, a, b, c, As<Element>(grad_x), As<Element>(grad_add), begin,
          end);
    });
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
