// The shortcut without parameters around residual blocks that change the shape.
#ifndef DISTILL_MODELS_SHORTCUT_H_
#define DISTILL_MODELS_SHORTCUT_H_

#include <cstdint>

#include "ATen/core/Tensor.h"

namespace distill {

// Every stride-th pixel of x [batch, height, width, channels], of any dtype and
// device, and as many channels of zeros before its channels as behind them, to
// `outputs` channels (He et al. 2015, option A). Gradients stay in this order
// in the memory, which those of LibTorch's slices and paddings do not.
at::Tensor ZeroPadShortcut(const at::Tensor& x, int64_t outputs,
                           int64_t stride);

}  // namespace distill

#endif  // DISTILL_MODELS_SHORTCUT_H_
