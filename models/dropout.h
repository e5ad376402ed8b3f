// Dropout whose masks need no generator.
#ifndef DISTILL_MODELS_DROPOUT_H_
#define DISTILL_MODELS_DROPOUT_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace distill {

// `x` with each number set to 0 with probability `rate`, and the others divided
// by 1 - rate (N. Srivastava et al., "Dropout: a simple way to prevent neural
// networks from overfitting", JMLR 15 (2014), section 10, "inverted"), so that
// nothing has to be scaled in evaluation.
//
// `x` of any shape and floating type; `rate` in [0, 1). Gradients flow through
// the numbers that are left. What is left follows from `key`, `step` and the
// number's position in `x` alone: element i of step n is kept if the upper 24
// bits of Mix(Mix(key + n g) + i g) are at least rate * 2^24, with the mixing
// function and the odd constant g of SplitMix64 (see base/random.h). So a mask
// is the same on every device, in every order of the steps, and after a resume.
//
// `step` [] int64 on the device of `x`: in a CUDA graph the host's number would
// be the same in every replay. Does not synchronise on a GPU. Throws c10::Error
// (TORCH_CHECK) for another step or rate.
at::Tensor Dropout(const at::Tensor& x, double rate, uint64_t key,
                   const at::Tensor& step);

namespace internal {

// The mask that Dropout multiplies with: 0 or 1 / (1 - rate), [count] float32
// on the step's device; from LibTorch's own operations.
at::Tensor DropoutMaskComposed(int64_t count, double rate, uint64_t key,
                               const at::Tensor& step);

// The same by a loop on the CPU, several times as fast.
at::Tensor DropoutMaskOnCpu(int64_t count, double rate, uint64_t key,
                            int64_t step);

}  // namespace internal
}  // namespace distill

#endif  // DISTILL_MODELS_DROPOUT_H_
