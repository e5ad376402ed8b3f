// The kernels of conv_block_kernels.h, written once with the compiler's vector
// extension and compiled once an instruction set (see BUILD.bazel), which gives
// DISTILL_KERNELS, the name of the table.
#include "models/kernels/conv_block_backward.h"
#include "models/kernels/conv_block_forward.h"
#include "models/kernels/conv_block_kernels.h"

namespace distill {
namespace kernels {

// A constant has internal linkage unless it was declared extern.
extern const ConvBlockKernels DISTILL_KERNELS;
const ConvBlockKernels DISTILL_KERNELS = {
    Forward,        ForwardWorkspace,
    InputGradient,  InputGradientWorkspace,
    WeightGradient, WeightGradientWorkspace};

}  // namespace kernels
}  // namespace distill
