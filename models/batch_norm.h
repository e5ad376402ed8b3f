// Batch norm and what follows it in one pass: an addition, ReLU.
#ifndef DISTILL_MODELS_BATCH_NORM_H_
#define DISTILL_MODELS_BATCH_NORM_H_

#include <functional>
#include <memory>

#include "ATen/core/Tensor.h"

namespace distill {

// Carries a gradient past autograd, which would add it in a pass of its own: of
// what one batch norm makes and another, later one adds. The later one leaves
// it here in its backward pass, and the first takes it in its own, which comes
// after that if its output is also on another way to the later one.
struct CarriedGradient {
  at::Tensor value;
};

// Replaces numbers by their sums over the processes that share a batch, each of
// which calls it as often and in the same order.
using BatchSum = std::function<void(const at::Tensor& values)>;

// Of one layer, [channels] float32 each.
struct BatchNormState {
  at::Tensor weight, bias, running_mean, running_var;
  // In train mode statistics are those of all that share the batch (CPU's
  // kernel alone); not given: of this part of it.
  BatchSum sum = nullptr;
};

// What batch norm does in eval mode: x scale + shift, [channels] float64 each.
struct ScaleAndShift {
  at::Tensor scale, shift;
};
ScaleAndShift ByRunningStatistics(const BatchNormState& state);

// relu(norm(x) + add): of a batch's own mean and variance in train mode, which
// move the running ones (momentum kBatchNormMomentum; of the variance the
// unbiased one, as PyTorch does it), else of the running ones.
//
// x [batch, height, width, channels], float32 or bfloat16; `add` of its shape
// and dtype, or undefined. The result has these too, and shares no memory with
// them; all arithmetic is in float32, sums over a batch in float64, and rounded
// once. The bits do not depend on the number of threads. On the CPU a kernel of
// our own, forward and backward; elsewhere, for float64 and for a gradient in
// eval mode, BatchNormComposed. Throws c10::Error (TORCH_CHECK) for other
// shapes and dtypes, and for a batch of a single value a channel in train mode.
//
// The gradient of `add` goes to `leaves`, if that is given, and not to
// autograd; that of the result is autograd's and what is in `takes`, if that is
// given. (Neither has an effect where there is no kernel.)
at::Tensor BatchNorm(const at::Tensor& x, const BatchNormState& state,
                     const at::Tensor& add, bool relu, bool training,
                     const std::shared_ptr<CarriedGradient>& leaves = nullptr,
                     const std::shared_ptr<CarriedGradient>& takes = nullptr);

// Whether BatchNorm has a kernel for the backward pass of such an x.
bool HasBatchNormKernel(const at::Tensor& x);

// The same by LibTorch's operations, of any device.
at::Tensor BatchNormComposed(const at::Tensor& x, const BatchNormState& state,
                             const at::Tensor& add, bool relu, bool training);

}  // namespace distill

#endif  // DISTILL_MODELS_BATCH_NORM_H_
