// QueryCuda of a program built without CUDA.
#include <unistd.h>

#include "training/device.h"

namespace distill {

CudaState QueryCuda() {
  const bool driver = access("/proc/driver/nvidia/version", F_OK) == 0;
  CudaState state;
  state.why_not =
      driver ? "this program was built without it, though this machine has an "
               "NVIDIA driver"
             : "this program was built without it, and this machine has no "
               "NVIDIA driver (no /proc/driver/nvidia/version)";
  return state;
}

}  // namespace distill
