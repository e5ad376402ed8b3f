// QueryCuda of a program built with CUDA.
#include <cuda_runtime_api.h>

#include "ATen/Context.h"
#include "training/cuda_state.h"

namespace distill {
namespace {

CudaState Query() {
  CudaState state;
  state.built = true;
  state.architectures = {DISTILL_CUDA_ARCHITECTURES};
  cudaRuntimeGetVersion(&state.runtime_version);
  cudaDriverGetVersion(&state.driver_version);
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    cudaGetLastError();  // Or the next call would report it again.
    state.why_not =
        internal::WhyNoDevice(state, error == cudaErrorInsufficientDriver,
                              error == cudaSuccess || error == cudaErrorNoDevice
                                  ? ""
                                  : cudaGetErrorString(error));
    return state;
  }
  if (!at::globalContext().hasCUDA()) {
    state.why_not =
        "this program was linked without libtorch_cuda, which the linker drops "
        "unless it is told --no-as-needed";
    return state;
  }
  for (int index = 0; index < count; ++index) {
    cudaDeviceProp properties;
    const cudaError_t found = cudaGetDeviceProperties(&properties, index);
    if (found != cudaSuccess) {
      state.devices.clear();
      state.why_not = internal::WhyNoDevice(state, /*too_old=*/false,
                                            cudaGetErrorString(found));
      return state;
    }
    CudaDevice device;
    device.name = properties.name;
    device.major = properties.major;
    device.minor = properties.minor;
    device.bytes = static_cast<int64_t>(properties.totalGlobalMem);
    state.devices.push_back(device);
  }
  return state;
}

}  // namespace

const CudaState& QueryCuda() {
  static const CudaState& state = *new CudaState(Query());
  return state;
}

}  // namespace distill
