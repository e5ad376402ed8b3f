#include "losses/kernels/kd_cuda.h"
#include "losses/kernels/kd_row.h"

namespace distill {
namespace kernels {
namespace {

using kd_row_internal::At;
using kd_row_internal::Before;

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// Up to this many classes a row is one warp's work, which needs no shared
// memory; beyond, a block's.
constexpr int64_t kClassesOfWarp = 1024;
constexpr int kRowsOfBlock = 4;     // Where a row is a warp's work.
constexpr int kThreadsOfRow = 256;  // Where a row is a block's work.
constexpr int kThreadsOfSum = 256;

// Reductions by exchange with the lane whose number differs in one bit. Both
// partners combine the same two values, so all lanes end with the same bits.
struct WarpLanes {
  __device__ int64_t index() const { return threadIdx.x % kWarp; }
  __device__ int64_t count() const { return kWarp; }
  template <typename Real>
  __device__ Real Sum(Real x) const {
    for (int bit = kWarp / 2; bit > 0; bit /= 2) {
      x += __shfl_xor_sync(kAllLanes, x, bit);
    }
    return x;
  }
  template <typename Real>
  __device__ Real Max(Real x) const {
    for (int bit = kWarp / 2; bit > 0; bit /= 2) {
      const Real other = __shfl_xor_sync(kAllLanes, x, bit);
      if (other > x) x = other;
    }
    return x;
  }
  template <typename Real>
  __device__ At<Real> First(At<Real> x) const {
    for (int bit = kWarp / 2; bit > 0; bit /= 2) {
      const At<Real> other = {
          __shfl_xor_sync(kAllLanes, x.value, bit),
          __shfl_xor_sync(kAllLanes, static_cast<long long>(x.index), bit)};
      if (Before(other, x)) x = other;
    }
    return x;
  }
};

// The same for a block of `kThreads`: in each warp, then over the warps, which
// every thread does for itself, in the same order.
template <int kThreads>
struct BlockLanes {
  static constexpr int kWarps = kThreads / kWarp;

  __device__ int64_t index() const { return threadIdx.x; }
  __device__ int64_t count() const { return kThreads; }
  template <typename Real>
  __device__ Real Sum(Real x) const {
    const Real* warps = Share(WarpLanes().Sum(x));
    Real sum = warps[0];
    for (int i = 1; i < kWarps; ++i) sum += warps[i];
    return sum;
  }
  template <typename Real>
  __device__ Real Max(Real x) const {
    const Real* warps = Share(WarpLanes().Max(x));
    Real max = warps[0];
    for (int i = 1; i < kWarps; ++i) {
      if (warps[i] > max) max = warps[i];
    }
    return max;
  }
  template <typename Real>
  __device__ At<Real> First(At<Real> x) const {
    const At<Real>* warps = Share(WarpLanes().First(x));
    At<Real> first = warps[0];
    for (int i = 1; i < kWarps; ++i) {
      if (Before(warps[i], first)) first = warps[i];
    }
    return first;
  }

 private:
  // Each warp's value, to be read until the next call.
  template <typename T>
  __device__ const T* Share(const T& value) const {
    __shared__ T warps[kWarps];
    __syncthreads();  // The last call's values have been read.
    if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = value;
    __syncthreads();
    return warps;
  }
};

// One row, by all of `lanes`.
template <typename Real, typename Lanes>
__device__ void Row(const KdCudaParams<Real>& p, int64_t row,
                    const Lanes& lanes) {
  const int64_t offset = row * p.classes;
  const double batch = static_cast<double>(p.batch);
  // The weights carry the mean over the batch, so the gradient does too.
  const int64_t label = p.hard_weight != 0 ? p.labels[row] : p.no_label;
  const KdRowTerms<Real> terms = KdRow<Real>(
      p.student + offset, p.teacher + offset, p.classes, label, p.temperature,
      p.soft_weight / batch, label == p.no_label ? 0 : p.hard_weight / batch,
      p.gradient == nullptr ? nullptr : p.gradient + offset, lanes);
  if (lanes.index() == 0) {
    p.rows[2 * row] = terms.soft;
    p.rows[2 * row + 1] = terms.hard;
  }
}

template <typename Real>
__global__ void RowsByWarp(const KdCudaParams<Real> p) {
  const int64_t row = int64_t{blockIdx.x} * kRowsOfBlock + threadIdx.x / kWarp;
  if (row < p.batch) Row(p, row, WarpLanes());
}

template <typename Real>
__global__ void RowsByBlock(const KdCudaParams<Real> p) {
  Row(p, int64_t{blockIdx.x}, BlockLanes<kThreadsOfRow>());
}

template <typename Real>
__global__ void SumRows(const KdCudaParams<Real> p) {
  double soft = 0, hard = 0;
  for (int64_t row = threadIdx.x; row < p.batch; row += kThreadsOfSum) {
    soft += static_cast<double>(p.rows[2 * row]);
    hard += static_cast<double>(p.rows[2 * row + 1]);
  }
  const BlockLanes<kThreadsOfSum> lanes;
  soft = lanes.Sum(soft) / static_cast<double>(p.batch);
  hard = lanes.Sum(hard) / static_cast<double>(p.batch);
  if (threadIdx.x == 0) {
    *p.total = static_cast<Real>(p.soft_weight * soft + p.hard_weight * hard);
    *p.soft = static_cast<Real>(soft);
    *p.hard = static_cast<Real>(hard);
  }
}

template <typename Real>
cudaError_t Launch(const KdCudaParams<Real>& p, cudaStream_t stream) {
  if (p.classes <= kClassesOfWarp) {
    const int64_t blocks = (p.batch - 1) / kRowsOfBlock + 1;
    RowsByWarp<<<static_cast<unsigned>(blocks), kRowsOfBlock * kWarp, 0,
                 stream>>>(p);
  } else {
    RowsByBlock<<<static_cast<unsigned>(p.batch), kThreadsOfRow, 0, stream>>>(
        p);
  }
  const cudaError_t rows = cudaGetLastError();
  if (rows != cudaSuccess) return rows;
  SumRows<<<1, kThreadsOfSum, 0, stream>>>(p);
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchKd(const KdCudaParams<float>& params, cudaStream_t stream) {
  return Launch(params, stream);
}

cudaError_t LaunchKd(const KdCudaParams<double>& params, cudaStream_t stream) {
  return Launch(params, stream);
}

}  // namespace kernels
}  // namespace distill
