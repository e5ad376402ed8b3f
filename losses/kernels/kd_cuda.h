// The knowledge distillation loss of a batch in one pass on a GPU.
#ifndef DISTILL_LOSSES_KERNELS_KD_CUDA_H_
#define DISTILL_LOSSES_KERNELS_KD_CUDA_H_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace distill {
namespace kernels {

// Pointers are to the device's memory, rows contiguous. As for KdRow, whose
// arithmetic this is: a term of weight 0 is not evaluated, and its input may be
// null then.
template <typename Real>
struct KdCudaParams {
  const Real* student = nullptr;    // [batch, classes] logits
  const Real* teacher = nullptr;    // [batch, classes] logits
  const int64_t* labels = nullptr;  // [batch], in [0, classes) or no_label
  int64_t no_label = -100;          // Of a row without a hard term.
  int64_t batch = 0;                // At least 1.
  int64_t classes = 0;              // At least 1, any number.
  double temperature = 1;           // Above 0.
  // Of the two terms in the total, at least 0: alpha and 1 - alpha.
  double soft_weight = 0;
  double hard_weight = 0;

  Real* gradient = nullptr;  // [batch, classes] of the total; may be null.
  Real* rows = nullptr;      // [batch, 2], scratch.
  // One number each, means over the batch. soft and hard are without their
  // weights, and 0 where not evaluated.
  Real* total = nullptr;
  Real* soft = nullptr;
  Real* hard = nullptr;
};

// Puts the work into `stream` and returns without waiting: two launches, no
// atomics, sums in a fixed order, so that the same input gives the same bits.
// Labels out of range are undefined behaviour. Returns what the launches
// returned.
cudaError_t LaunchKd(const KdCudaParams<float>& params, cudaStream_t stream);
cudaError_t LaunchKd(const KdCudaParams<double>& params, cudaStream_t stream);

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_LOSSES_KERNELS_KD_CUDA_H_
