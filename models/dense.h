// A fully connected layer as one differentiable operation.
#ifndef DISTILL_MODELS_DENSE_H_
#define DISTILL_MODELS_DENSE_H_

#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"

namespace distill {

enum class Activation { kNone, kRelu };

// x weight^T + bias, or the ReLU of it: [batch, out], float32 on the CPU (of
// `compute_dtype` elsewhere).
//
// `x` [batch, in], `weight` [out, in] and `bias` [out] float32, on one device.
// `compute_dtype` is what the layer multiplies in; on the CPU the gradients are
// float32 always, whose zeros are skipped.
//
// Gradients flow to all three, where they ask for it; an output that ReLU cut
// gets none. No second derivative on the CPU, where the bits do not depend on
// the number of threads, but do on the instruction set.
//
// On the CPU this is models/kernels, where a row's bits do not depend on the
// other rows of its batch; other devices and float64 (which ignores
// `compute_dtype`) take DenseComposed. Throws c10::Error (TORCH_CHECK) for
// other shapes.
at::Tensor Dense(const at::Tensor& x, const at::Tensor& weight,
                 const at::Tensor& bias, Activation activation,
                 at::ScalarType compute_dtype);

// The same from LibTorch's own operations, for every device and dtype: the
// reference of the tests. Computes in, and returns, `compute_dtype`.
at::Tensor DenseComposed(const at::Tensor& x, const at::Tensor& weight,
                         const at::Tensor& bias, Activation activation,
                         at::ScalarType compute_dtype);

}  // namespace distill

#endif  // DISTILL_MODELS_DENSE_H_
