#include "data/kernels/gather_cuda.h"

namespace distill {
namespace kernels {
namespace {

constexpr int kThreads = 256;

// A block an image.
__global__ void Gather(const GatherCudaParams p) {
  const int64_t row = blockIdx.x;
  const int64_t index = p.indices[row];
  const uint8_t* from = p.pixels + index * p.channels * p.plane;
  float* to = p.images + row * p.channels * p.plane;
  const float* table = p.table;
  for (int64_t c = 0; c < p.channels; ++c) {
    for (int64_t i = threadIdx.x; i < p.plane; i += kThreads) {
      to[i] = table[from[i]];
    }
    from += p.plane;
    to += p.plane;
    table += 256;
  }
  if (threadIdx.x == 0) p.labels[row] = p.classes[index];
}

}  // namespace

cudaError_t LaunchGather(const GatherCudaParams& p, cudaStream_t stream) {
  Gather<<<static_cast<unsigned>(p.batch), kThreads, 0, stream>>>(p);
  return cudaGetLastError();
}

}  // namespace kernels
}  // namespace distill
