// Where the GPU's kernels are enqueued.
#ifndef DISTILL_MODELS_GPU_STREAM_H_
#define DISTILL_MODELS_GPU_STREAM_H_

#include "ATen/core/Tensor.h"
#include "c10/util/Exception.h"
#include "models/kernels/gpu_launch.h"

namespace distill {

// Enqueues a kernel on the current stream of x's device, a CUDA device. Throws
// c10::Error where that fails, or where the program was built without CUDA.
template <typename Kernel>
void EnqueueKernel(const at::Tensor& x, const typename Kernel::Params& params,
                   int blocks);

// Of the files that define it, for each kernel.
#define DISTILL_INSTANTIATE_ENQUEUE(...)                               \
  template void EnqueueKernel<__VA_ARGS__>(                            \
      const at::Tensor& x, const typename __VA_ARGS__::Params& params, \
      int blocks);

}  // namespace distill

#endif  // DISTILL_MODELS_GPU_STREAM_H_
