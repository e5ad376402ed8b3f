// Convolution 3x3 on the CPU with stride 1 and zero padding of one pixel: raw
// pointers, no LibTorch, no allocation, no threads.
//
// Each function works on a range of images, and no number depends on how the
// range was cut but for sums. The bits differ between instruction sets.
#ifndef DISTILL_MODELS_KERNELS_CONVOLUTION_KERNELS_H_
#define DISTILL_MODELS_KERNELS_CONVOLUTION_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "models/kernels/isa.h"

namespace distill {
namespace kernels {

struct ConvolutionParams {
  int height = 0, width = 0;              // Of the image; even.
  int in_channels = 0, out_channels = 0;  // Multiples of 16.
  bool bfloat16 = false;  // Images, and what is multiplied; else float32.
};

// `x`, `add` and `out` are [images, height, width, channels], of params'
// format. `workspace` is aligned to 64 bytes, holds at least the bytes that the
// function beside it asks for, and needs no initialisation; each thread has its
// own.
struct ConvolutionKernels {
  // Images [begin, end) of out = conv(x) (+ bias) (+ add), cut at 0 with
  // `relu`; `bias` [out_channels] and `add` may be null. `weight` is float32
  // [out_channels, in_channels, 3, 3]; if `transposed` it is that of another
  // convolution, [in_channels, out_channels, 3, 3], with respect to whose input
  // this computes the gradient.
  void (*forward)(const ConvolutionParams& params, const void* x,
                  const float* weight, bool transposed, const float* bias,
                  const void* add, bool relu, void* out, int64_t begin,
                  int64_t end, void* workspace);
  size_t (*forward_workspace)(const ConvolutionParams& params);

  // What images [begin, end) bring to the gradient of the weights, in the space
  // of Winograd's products: sums [16, in_channels, out_channels], overwritten.
  void (*weight_sums)(const ConvolutionParams& params, const void* x,
                      const void* grad_out, float* sums, int64_t begin,
                      int64_t end, void* workspace);
  size_t (*weight_sums_workspace)(const ConvolutionParams& params);
  // grad_weight [out_channels, in_channels, 3, 3] of `parts` such sums, one
  // behind the other, of which it adds the others to the first. Input channels
  // [begin, end).
  void (*weight_gradient)(const ConvolutionParams& params, float* sums,
                          int64_t parts, float* grad_weight, int64_t begin,
                          int64_t end);
};

// `isa` must be supported: the first call would be an illegal instruction.
const ConvolutionKernels& ConvolutionKernelsFor(Isa isa);

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_CONVOLUTION_KERNELS_H_
