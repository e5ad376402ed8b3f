// Layers and Adam by the GPU's kernels of our own (models/kernels/*_phases.h).
//
// On a CPU the same functions run the kernels' phases thread by thread: slowly,
// to prove them. There sums of bfloat16 and TF32 products are float32 ones of
// rounded factors; a GPU's tensor cores add in an order of their own.
#ifndef DISTILL_MODELS_GPU_KERNELS_H_
#define DISTILL_MODELS_GPU_KERNELS_H_

#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"

namespace distill {

// Who computes the blocks and layers of `cnn:` and `mlp:` nets and Adam on a
// GPU.
enum class GpuKernels {
  kLibTorch,
  kOwn,        // On CUDA devices; the CPU has its own in any case.
  kOwnOnHost,  // On the CPU too, by phases: for tests.
};
GpuKernels ChosenGpuKernels();
void SetGpuKernels(GpuKernels kernels);

// Whether the functions below compute with arrays like x.
bool TakesGpuKernels(const at::Tensor& x);
// The same of a ConvBlock of x [batch, height, width, in] and `out` channels:
// with one channel the image has to fit into a block's memory.
bool TakesGpuConvBlock(const at::Tensor& x, int64_t out);

// As ConvBlock in models/conv_block.h, where arguments were checked. x, weight
// and bias float32; `dtype` is that of all factors, forward and backward, but
// with one input channel: float32, bfloat16, or TF32 where LibTorch's switch
// for it is on. The order of all sums is fixed.
at::Tensor GpuConvBlock(const at::Tensor& x, const at::Tensor& weight,
                        const at::Tensor& bias, at::ScalarType dtype,
                        bool channels_first);

// As Dense in models/dense.h likewise.
at::Tensor GpuDense(const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias, bool relu, at::ScalarType dtype);

// One update of all parameters, as at::_fused_adam_ (or _fused_adamw_) makes
// it; float32 tensors, each contiguous.
struct AdamRates {
  double beta1, beta2, epsilon, weight_decay;
};
void GpuAdam(const std::vector<at::Tensor>& parameters,
             const std::vector<at::Tensor>& gradients,
             const std::vector<at::Tensor>& means,
             const std::vector<at::Tensor>& squares,
             const std::vector<at::Tensor>& steps,
             const at::Tensor& learning_rate, const AdamRates& rates);

}  // namespace distill

#endif  // DISTILL_MODELS_GPU_KERNELS_H_
