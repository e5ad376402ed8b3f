// One block of a convolutional classifier as one differentiable operation:
// convolution 3x3, max-pooling 2x2, ReLU.
#ifndef DISTILL_MODELS_CONV_BLOCK_H_
#define DISTILL_MODELS_CONV_BLOCK_H_

#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"

namespace distill {

// The order of the output's axes.
enum class ConvBlockOutput {
  kChannelsLast,   // [batch, height/2, width/2, out]: what a block takes.
  kChannelsFirst,  // [batch, out, height/2, width/2]: what PyTorch's users
                   // flatten before a linear layer.
};

// ReLU(max-pool 2x2(convolution 3x3 with padding 1 (x) + bias)), contiguous,
// float32 on the CPU (of `compute_dtype` elsewhere).
//
// `x` [batch, height, width, in], at least 2 x 2 pixels; an odd last row or
// column is not pooled. `weight` [out, in, 3, 3] and `bias` [out], in the
// parameters' float32 and contiguous, all on one device. `compute_dtype` is
// what the forward pass multiplies in, with float32 sums: kFloat or kBFloat16.
// A single input channel is multiplied in float32 in any case, and so is all of
// the backward pass on the CPU.
//
// Gradients flow to all three, where they ask for it. Of equal numbers in a
// window the first in row-major order gets the gradient; an output of 0 gets
// none. No second derivative. On the CPU the bits do not depend on the number
// of threads; they do on the instruction set.
//
// On the CPU in float32 this is one pass of models/kernels; other devices and
// float64 (which ignores `compute_dtype`) take ConvBlockComposed. Throws
// c10::Error (TORCH_CHECK) for other shapes.
at::Tensor ConvBlock(const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& bias, at::ScalarType compute_dtype,
                     ConvBlockOutput output);

// The same from LibTorch's own operations, for every device and dtype: the
// reference of the tests. Computes in, and returns, `compute_dtype`.
at::Tensor ConvBlockComposed(const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& bias,
                             at::ScalarType compute_dtype,
                             ConvBlockOutput output);

}  // namespace distill

#endif  // DISTILL_MODELS_CONV_BLOCK_H_
