// A fully connected layer with or without ReLU on the CPU, forward and
// backward: raw pointers, no LibTorch, no allocation, no threads; float32, and
// bfloat16 in the forward pass.
//
// Each function works on a range, so that the caller divides the work among
// threads. No number depends on how the range was cut: the bits are the same
// for any number of threads. They do differ between instruction sets, by the
// order of sums.
#ifndef DISTILL_MODELS_KERNELS_DENSE_KERNELS_H_
#define DISTILL_MODELS_KERNELS_DENSE_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "models/kernels/isa.h"

namespace distill {
namespace kernels {

// y = x w^T + b, or the ReLU of it. At least 1 each.
struct DenseParams {
  int64_t batch = 0, inputs = 0, outputs = 0;
  bool relu = false;
};

// x [batch, inputs], weight [outputs, inputs] (as PyTorch's parameter), bias
// [outputs], out [batch, outputs]; gradients have the shape of what they are
// of. In the backward pass `out` is what the forward pass gave: an output that
// ReLU cut has no gradient. Without ReLU it is not read and may be null.
// Gradients of 0 are skipped, so what they would multiply is not read.
struct DenseKernels {
  // Outputs [begin, end) of all rows. A NaN gives NaN, also with ReLU.
  void (*forward)(const DenseParams& params, const float* x,
                  const float* weight, const float* bias, float* out,
                  int64_t begin, int64_t end);
  // The same products of bfloat16 with float32 sums; null where the instruction
  // set has no such products. x and weight as `round` leaves them.
  void (*forward_bfloat16)(const DenseParams& params, const uint16_t* x,
                           const uint16_t* weight, const float* bias,
                           float* out, int64_t begin, int64_t end);
  // The nearest bfloat16 of `count` numbers, ties to even; null with
  // forward_bfloat16.
  void (*round)(const float* from, int64_t count, uint16_t* to);
  // Rows [begin, end).
  void (*input_gradient)(const DenseParams& params, const float* weight,
                         const float* out, const float* grad_out, float* grad_x,
                         int64_t begin, int64_t end, void* workspace);
  // Outputs [begin, end), summed over all rows.
  void (*weight_gradient)(const DenseParams& params, const float* x,
                          const float* out, const float* grad_out,
                          float* grad_weight, float* grad_bias, int64_t begin,
                          int64_t end, void* workspace);
  // Bytes that either gradient needs, aligned to 64, not initialised, each
  // thread its own.
  size_t (*workspace)(const DenseParams& params);
};

// `isa` must be supported: the first call would be an illegal instruction.
const DenseKernels& DenseKernelsFor(Isa isa);

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_DENSE_KERNELS_H_
