#include "models/kernels/gpu_launch.h"
#include "models/kernels/phases.h"

namespace distill {
namespace kernels {

template <typename Kernel>
const char* EnqueueOnGpu(const typename Kernel::Params& params, int blocks,
                         void* stream) {
  const cudaError_t error =
      RunOnDevice<Kernel>(params, blocks, static_cast<cudaStream_t>(stream));
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

#define DISTILL_INSTANTIATE(...)                  \
  template const char* EnqueueOnGpu<__VA_ARGS__>( \
      const typename __VA_ARGS__::Params& params, int blocks, void* stream);
DISTILL_FOR_GPU_KERNELS(DISTILL_INSTANTIATE)
#undef DISTILL_INSTANTIATE

}  // namespace kernels
}  // namespace distill
