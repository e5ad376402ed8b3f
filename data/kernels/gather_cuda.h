// Makes a batch on a GPU from a data set that lives there.
#ifndef DISTILL_DATA_KERNELS_GATHER_CUDA_H_
#define DISTILL_DATA_KERNELS_GATHER_CUDA_H_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace distill {
namespace kernels {

// Pointers are to the device's memory, contiguous.
struct GatherCudaParams {
  const uint8_t* pixels = nullptr;   // [samples, channels, plane]
  const int64_t* classes = nullptr;  // [samples]
  const int64_t* indices = nullptr;  // [batch], each in [0, samples)
  const float* table = nullptr;      // [channels, 256], a float for each byte
  int64_t batch = 0;                 // At least 1.
  int64_t channels = 0, plane = 0;   // At least 1.

  float* images = nullptr;    // [batch, channels, plane]
  int64_t* labels = nullptr;  // [batch]
};

// Puts the work into `stream` and returns without waiting: one launch. Indices
// out of range are undefined behaviour. Returns what the launch returned.
cudaError_t LaunchGather(const GatherCudaParams& params, cudaStream_t stream);

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_DATA_KERNELS_GATHER_CUDA_H_
