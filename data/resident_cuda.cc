// GatherOnDevice of a program built with CUDA.
#include "ATen/ops/empty.h"
#include "c10/cuda/CUDAException.h"
#include "c10/cuda/CUDAGuard.h"
#include "c10/cuda/CUDAStream.h"
#include "data/kernels/gather_cuda.h"
#include "data/resident.h"

namespace distill {
namespace internal {

Batch GatherOnDevice(const at::Tensor& pixels, const at::Tensor& classes,
                     const at::Tensor& table, const at::Tensor& indices) {
  if (!pixels.is_cuda()) {
    return GatherComposed(pixels, classes, table, indices);
  }
  const c10::cuda::CUDAGuard guard(pixels.device());
  const at::Tensor rows = indices.contiguous();
  const int64_t batch = rows.size(0);
  Batch result = {
      at::empty({batch, pixels.size(1), pixels.size(2), pixels.size(3)},
                table.options()),
      at::empty({batch}, classes.options()), rows};
  kernels::GatherCudaParams params;
  params.pixels = pixels.const_data_ptr<uint8_t>();
  params.classes = classes.const_data_ptr<int64_t>();
  params.indices = rows.const_data_ptr<int64_t>();
  params.table = table.const_data_ptr<float>();
  params.batch = batch;
  params.channels = pixels.size(1);
  params.plane = pixels.size(2) * pixels.size(3);
  params.images = result.images.mutable_data_ptr<float>();
  params.labels = result.labels.mutable_data_ptr<int64_t>();
  C10_CUDA_CHECK(kernels::LaunchGather(
      params, c10::cuda::getCurrentCUDAStream().stream()));
  return result;
}

}  // namespace internal
}  // namespace distill
