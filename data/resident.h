// A data set on the device that trains on it.
#ifndef DISTILL_DATA_RESIDENT_H_
#define DISTILL_DATA_RESIDENT_H_

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"
#include "data/batches.h"

namespace distill {

// The samples of `batches`, copied once to `device` (bytes for the pixels: 47
// MB for MNIST), so that batches are made there and the host need not wait.
//
// Batches are those that `batches` itself makes, in values and shapes, with
// tensors on `device`. Any device that LibTorch has will do; a GPU in a CUDA
// build does it in one kernel.
class ResidentSamples {
 public:
  ResidentSamples(const Batches& batches, at::Device device);

  int64_t sample_count() const { return classes_.size(0); }
  at::Device device() const { return classes_.device(); }

  // The samples at `indices` [batch >= 1] int64 on the device, each in
  // [0, sample_count()); who asks sees to that. Does not synchronise; runs on
  // the current stream and may be captured in a graph.
  //
  // `views` [samples, Augment::draws()] int16 on the device, if given, are of
  // Batches::ViewsOf.
  Batch Gather(const at::Tensor& indices,
               const at::Tensor& views = at::Tensor()) const;

  // The samples first .. first + count - 1.
  Batch Range(int64_t first, int64_t count) const;

 private:
  at::Tensor pixels_;   // [samples, channels, height, width] uint8.
  at::Tensor classes_;  // [samples] int64.
  at::Tensor table_;    // [channels, 256] float32, what each byte becomes.
  Augment augment_;
};

namespace internal {

// ResidentSamples::Gather from LibTorch's own operations.
Batch GatherComposed(const at::Tensor& pixels, const at::Tensor& classes,
                     const at::Tensor& table, const at::Tensor& indices);

// The same on any device in the fastest way that this build knows.
Batch GatherOnDevice(const at::Tensor& pixels, const at::Tensor& classes,
                     const at::Tensor& table, const at::Tensor& indices);

}  // namespace internal
}  // namespace distill

#endif  // DISTILL_DATA_RESIDENT_H_
