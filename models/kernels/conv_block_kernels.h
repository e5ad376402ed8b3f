// Convolution 3x3, max-pooling 2x2 and ReLU in one pass on the CPU, forward and
// backward: raw pointers, no LibTorch, no allocation, no threads.
//
// The block is y = ReLU(max-pool(conv(x) + b)): zero padding of one pixel,
// stride 1; windows of 2 x 2 without overlap (an odd last row or column
// is not pooled, though its neighbours see it); ReLU after the pool, which is
// the same function as before it.
//
// Each function works on a range, so that the caller divides the work among
// threads. No number depends on how the range was cut, and none is summed over
// threads: the bits are the same for any number of threads. They do differ
// between instruction sets, by the order of sums.
#ifndef DISTILL_MODELS_KERNELS_CONV_BLOCK_KERNELS_H_
#define DISTILL_MODELS_KERNELS_CONV_BLOCK_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "models/kernels/isa.h"

namespace distill {
namespace kernels {

struct ConvBlockParams {
  // Of the input image, in pixels; at least 2 each.
  int height = 0, width = 0;
  // At least 1 each. Fast where out_channels (and in_channels, unless it is 1)
  // are multiples of 16; other counts are padded to the vector inside.
  int in_channels = 0, out_channels = 0;
  // Whether the forward pass multiplies in bfloat16, with float32 sums, where
  // in_channels > 1 (see docs/numerics.md). The backward pass is float32, and
  // so is a block with one input channel: it would gain nothing.
  bool bfloat16 = false;
  // The layout of the output, of its gradient and of the winners: [images,
  // out_channels, height/2, width/2], or [images, height/2, width/2,
  // out_channels].
  bool channels_first = false;
};

// What the forward pass leaves for the backward pass, one byte an output: which
// of the window's four positions won (0 to 3 in row-major order, the first of
// equals), or this when ReLU cut the output to zero.
constexpr uint8_t kNoWinner = 4;

// All arrays are float32 unless said otherwise. `x` and `grad_x` are [images,
// height, width, in_channels]; `weight` and `grad_weight` are [out_channels,
// in_channels, 3, 3], as PyTorch's parameter. `workspace` is aligned to 64
// bytes, holds at least the bytes that the function beside it asks for, and
// needs no initialisation; each thread has its own.
struct ConvBlockKernels {
  // Images [begin, end) of `out` and, unless it is null, of `winner`. A window
  // with a NaN, or with both infinities, gives NaN.
  void (*forward)(const ConvBlockParams& params, const float* x,
                  const float* weight, const float* bias, float* out,
                  uint8_t* winner, int64_t begin, int64_t end, void* workspace);
  size_t (*forward_workspace)(const ConvBlockParams& params);

  // Images [begin, end) of the loss's gradient with respect to x, given that
  // with respect to the output, for in_channels > 1 or 1 (slow).
  void (*input_gradient)(const ConvBlockParams& params, const float* weight,
                         const float* grad_out, const uint8_t* winner,
                         float* grad_x, int64_t begin, int64_t end,
                         void* workspace);
  size_t (*input_gradient_workspace)(const ConvBlockParams& params);

  // Output channels [channel_begin, channel_end) of the gradients of weight and
  // bias, summed over images [begin, end). Overwrites these channels only.
  void (*weight_gradient)(const ConvBlockParams& params, const float* x,
                          const float* grad_out, const uint8_t* winner,
                          float* grad_weight, float* grad_bias, int64_t begin,
                          int64_t end, int channel_begin, int channel_end,
                          void* workspace);
  size_t (*weight_gradient_workspace)(const ConvBlockParams& params);
};

// `isa` must be supported: the first call would be an illegal instruction.
const ConvBlockKernels& ConvBlockKernelsFor(Isa isa);

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_CONV_BLOCK_KERNELS_H_
