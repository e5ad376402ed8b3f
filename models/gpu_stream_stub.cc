// EnqueueKernel of a program built without CUDA.
#include "models/gpu_stream.h"

namespace distill {

template <typename Kernel>
void EnqueueKernel(const at::Tensor& x, const typename Kernel::Params&, int) {
  TORCH_CHECK(false, "x is on ", x.device(),
              ", and this program was built without CUDA");
}

#define DISTILL_INSTANTIATE(...)                                       \
  template void EnqueueKernel<__VA_ARGS__>(                            \
      const at::Tensor& x, const typename __VA_ARGS__::Params& params, \
      int blocks);
using namespace kernels;  // NOLINT: of the names in the list.
DISTILL_FOR_GPU_KERNELS(DISTILL_INSTANTIATE)

}  // namespace distill
