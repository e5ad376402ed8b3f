// EnqueueKernel of a program built with CUDA.
#include "c10/cuda/CUDAGuard.h"
#include "c10/cuda/CUDAStream.h"
#include "models/gpu_stream.h"

namespace distill {

template <typename Kernel>
void EnqueueKernel(const at::Tensor& x, const typename Kernel::Params& params,
                   int blocks) {
  const c10::cuda::CUDAGuard guard(x.device());
  const char* const error = kernels::EnqueueOnGpu<Kernel>(
      params, blocks, c10::cuda::getCurrentCUDAStream().stream());
  TORCH_CHECK(error == nullptr, "a kernel was not started: ", error);
}

using namespace kernels;  // NOLINT: of the names in the list.
DISTILL_FOR_GPU_KERNELS(DISTILL_INSTANTIATE_ENQUEUE)

}  // namespace distill
