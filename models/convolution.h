// Convolution 3x3 with stride 1 and padding 1 by a kernel of our own, and one
// whose gradient goes round oneDNN's slow way.
#ifndef DISTILL_MODELS_CONVOLUTION_H_
#define DISTILL_MODELS_CONVOLUTION_H_

#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"
#include "models/graph.h"

namespace distill {

// Whether the functions below compute `operation`, its bias aside, for `images`
// [batch, channels, height, width] on the CPU in `dtype`: 3 x 3, stride 1,
// padding 1, one group; channels that are multiples of 16; an even height and
// width. (Not in bfloat16 where the processor multiplies whole matrices of it,
// AMX: there oneDNN, which LibTorch has, is faster.)
bool HasConvolutionKernel(const Operation& operation, at::IntArrayRef images,
                          at::ScalarType dtype);

// x [batch, height, width, in], float32 or bfloat16, contiguous; weight [out,
// in, 3, 3] float32. The result [batch, height, width, out] has the dtype of x.
// By Winograd's F(2x2, 3x3), with sums in float32; in bfloat16 what is
// multiplied is rounded to it once more, after Winograd's transform. The bits
// do not depend on the number of threads. The gradients: of x in its dtype, of
// weight in float32. Throws c10::Error (TORCH_CHECK) for what
// HasConvolutionKernel excludes.
at::Tensor Convolution(const at::Tensor& x, const at::Tensor& weight);

// relu(conv(x) + bias + add) in one pass, without a graph, into `out`, which is
// of the result's shape and dtype and may be `add`. `bias` [out] float32; `add`
// may be undefined.
void ConvolutionInto(const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& bias, const at::Tensor& add, bool relu,
                     const at::Tensor& out);

// Whether StridedDepthwise computes `operation`, its bias aside: a convolution
// of each channel alone, with a stride and padding of half its kernel.
bool IsStridedDepthwise(const Operation& operation);

// x [batch, height, width, channels] and the result as for Convolution, by
// LibTorch's operation of x's dtype, but for the gradient of x, which oneDNN
// computes 40 times as slowly as it need be in bfloat16: that is a convolution
// of gradients with zeros between them. weight [channels, 1, kernel, kernel]
// float32, as its gradient is.
at::Tensor StridedDepthwise(const Operation& operation, const at::Tensor& x,
                            const at::Tensor& weight);

}  // namespace distill

#endif  // DISTILL_MODELS_CONVOLUTION_H_
