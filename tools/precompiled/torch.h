// What nearly every file that computes with tensors includes.
#ifndef DISTILL_TOOLS_PRECOMPILED_TORCH_H_
#define DISTILL_TOOLS_PRECOMPILED_TORCH_H_

#include "base/standard.h"
// (Before all others.)

#include "ATen/TensorOperators.h"
#include "ATen/core/Tensor.h"
#include "ATen/core/grad_mode.h"
#include "tools/precompiled/plain.h"

#endif  // DISTILL_TOOLS_PRECOMPILED_TORCH_H_
