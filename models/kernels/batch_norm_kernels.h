// Batch norm with what follows it (an addition, ReLU) on the CPU, forward and
// backward: raw pointers, no LibTorch, no allocation, no threads.
//
// Arrays are [rows, channels] in the memory, cut into periods: so many rows
// that they are a whole number of vectors. What belongs to channels comes
// repeated, for each number of a period. Each function works on periods [begin,
// end), and no number depends on how the range was cut but for sums.
#ifndef DISTILL_MODELS_KERNELS_BATCH_NORM_KERNELS_H_
#define DISTILL_MODELS_KERNELS_BATCH_NORM_KERNELS_H_

#include <cstdint>

#include "models/kernels/isa.h"

namespace distill {
namespace kernels {

struct BatchNormParams {
  int64_t period = 0;     // Numbers: a multiple of kBatchNormLanes.
  bool bfloat16 = false;  // Of x, add, out and gradients; else float32.
  bool relu = false;
};

// No instruction set has more float32 numbers in a vector.
constexpr int64_t kBatchNormLanes = 16;

struct BatchNormKernels {
  // The mean of each place of the periods, and the sum of squares of what is
  // left of it, [period] each: of one chunk after another in float32, put
  // together in float64 (Chan, Golub and LeVeque 1983).
  void (*moments)(const BatchNormParams& params, const void* x, int64_t begin,
                  int64_t end, double* mean, double* squares, void* workspace);
  // out = x scale + shift (+ add, if that is not null), cut at 0 with ReLU.
  void (*forward)(const BatchNormParams& params, const void* x,
                  const float* scale, const float* shift, const void* add,
                  void* out, int64_t begin, int64_t end);
  // With g the gradient of out, which is `gradient` and `more`, if that is not
  // null, where ReLU cut nothing: the sums of g and of g (x - mean), [period]
  // each. What was cut is known by `out`, or if that is
  // null, as it may be where nothing was added, by x scale + shift.
  void (*sums)(const BatchNormParams& params, const void* x, const void* out,
               const float* scale, const float* shift, const void* gradient,
               const void* more, const float* mean, int64_t begin, int64_t end,
               double* of_gradient, double* of_product, void* workspace);
  // grad_x = g a + x b + c; grad_add = g, if that is not null.
  void (*backward)(const BatchNormParams& params, const void* x,
                   const void* out, const float* scale, const float* shift,
                   const void* gradient, const void* more, const float* a,
                   const float* b, const float* c, void* grad_x, void* grad_add,
                   int64_t begin, int64_t end);
};

// Bytes of `moments` and `sums`' workspace, aligned to 64, each thread its own.
constexpr int64_t BatchNormWorkspace(int64_t period) {
  return 2 * period * static_cast<int64_t>(sizeof(float));
}

// `isa` must be supported: the first call would be an illegal instruction.
const BatchNormKernels& BatchNormKernelsFor(Isa isa);

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_BATCH_NORM_KERNELS_H_
