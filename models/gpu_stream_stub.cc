// EnqueueKernel of a program built without CUDA.
#include "models/gpu_stream.h"

namespace distill {

template <typename Kernel>
void EnqueueKernel(const at::Tensor& x, const typename Kernel::Params&, int) {
  TORCH_CHECK(false, "x is on ", x.device(),
              ", and this program was built without CUDA");
}

using namespace kernels;  // NOLINT: of the names in the list.
DISTILL_FOR_GPU_KERNELS(DISTILL_INSTANTIATE_ENQUEUE)

}  // namespace distill
