#ifndef DISTILL_BASE_KNOWN_GRADIENT_H_
#define DISTILL_BASE_KNOWN_GRADIENT_H_

#include <functional>
#include <vector>

#include "ATen/core/Tensor.h"

namespace distill {

// Returns the gradients of the inputs, in their order; undefined ones count as
// zero. `saved` are the tensors that were given with it, `gradient` is that of
// the output, contiguous, and needed[i] says whether the gradient of input i is
// asked for.
using Backward = std::function<std::vector<at::Tensor>(
    const std::vector<at::Tensor>& saved, const at::Tensor& gradient,
    const std::vector<bool>& needed)>;

// Returns `output`, which was computed without autograd, as a function of
// `inputs` whose gradients `backward` knows. This is how a kernel joins
// autograd.
//
// output: any shape, a floating dtype, detached; it shares its memory with what
// is returned. inputs: at least one requires a gradient. saved: what `backward`
// reads; they are let go after it, and an error if they were changed before it.
// Does not synchronise. There is no second derivative: backward with
// create_graph is refused rather than silently wrong.
at::Tensor WithKnownGradient(const at::Tensor& output,
                             const std::vector<at::Tensor>& inputs,
                             const std::vector<at::Tensor>& saved,
                             Backward backward);

}  // namespace distill

#endif  // DISTILL_BASE_KNOWN_GRADIENT_H_
