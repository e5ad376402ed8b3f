// Which of the compiled instruction sets the CPU's kernels use, and their
// memory.
#ifndef DISTILL_MODELS_KERNEL_CHOICE_H_
#define DISTILL_MODELS_KERNEL_CHOICE_H_

#include <cstddef>

#include "models/kernels/isa.h"

namespace distill {

// The best that this processor has, unless SetIsa said otherwise.
kernels::Isa ChosenIsa();

// What all kernels use from now on, in every thread: for tests and
// measurements. It must be supported (TORCH_CHECK).
void SetIsa(kernels::Isa isa);

// This thread's memory for the kernels, at least `bytes`, aligned to 64, kept
// from call to call; the last call's pointer is no longer good.
void* KernelWorkspace(size_t bytes);

}  // namespace distill

#endif  // DISTILL_MODELS_KERNEL_CHOICE_H_
