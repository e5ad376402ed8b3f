// QueryCuda of a program built without CUDA.
#include "training/cuda_state.h"

namespace distill {

const CudaState& QueryCuda() {
  static const CudaState& state = *[] {
    auto* result = new CudaState;
    result->why_not =
        internal::HasNvidiaDriver()
            ? "this program was built without it, though this machine has an "
              "NVIDIA driver (bazel build --config=cuda builds with it)"
            : "this program was built without it, and this machine has no "
              "NVIDIA driver (no /proc/driver/nvidia/version)";
    return result;
  }();
  return state;
}

}  // namespace distill
