#include "data/resident.h"

#include <algorithm>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/tensor.h"

namespace distill {

namespace {

// [count, channels, height, width] uint8, on the CPU; of the set's own memory
// if its images lie there one after the other.
at::Tensor PixelsOf(const Dataset& data) {
  const at::IntArrayRef shape = {data.count, data.image.channels,
                                 data.image.height, data.image.width};
  const auto bytes = at::TensorOptions().dtype(at::kByte);
  if (const uint8_t* block = data.images.block()) {
    // from_blob wants a pointer to what may change; copying changes nothing.
    return at::from_blob(const_cast<uint8_t*>(block), shape, bytes);
  }
  at::Tensor pixels = at::empty(shape, bytes);
  uint8_t* to = pixels.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < data.count; ++i, to += data.images.size()) {
    std::copy_n(data.images[i], data.images.size(), to);
  }
  return pixels;
}

}  // namespace

ResidentSamples::ResidentSamples(const Batches& batches, at::Device device)
    : augment_(batches.options().augment) {
  const Dataset& data = batches.dataset();
  pixels_ = PixelsOf(data).to(device, /*non_blocking=*/false, /*copy=*/true);
  classes_ =
      at::tensor(c10::ArrayRef<int32_t>(data.labels), at::kLong).to(device);
  table_ = at::tensor(c10::ArrayRef<float>(batches.table()), at::kFloat)
               .view({data.image.channels, 256})
               .to(device);
}

Batch ResidentSamples::Gather(const at::Tensor& indices,
                              const at::Tensor& views) const {
  TORCH_CHECK(indices.dim() == 1 && indices.scalar_type() == at::kLong &&
                  indices.numel() >= 1 && indices.device() == device(),
              "indices: found ", indices.sizes(), " of ", indices.scalar_type(),
              " on ", indices.device(), "; expected [batch >= 1] of int64 on ",
              device());
  Batch batch = internal::GatherOnDevice(pixels_, classes_, table_, indices);
  if (views.defined()) {
    batch.images =
        augment_.View(batch.images, at::index_select(views, 0, indices),
                      table_.select(1, 0));
  }
  return batch;
}

Batch ResidentSamples::Range(int64_t first, int64_t count) const {
  TORCH_CHECK(first >= 0 && count >= 1 && first < sample_count() &&
                  count <= sample_count() - first,
              "range: found a first of ", first, " and a count of ", count,
              "; expected at least 1 of ", sample_count(), " samples");
  return Gather(at::arange(first, first + count, classes_.options()));
}

namespace internal {

Batch GatherComposed(const at::Tensor& pixels, const at::Tensor& classes,
                     const at::Tensor& table, const at::Tensor& indices) {
  const at::Tensor bytes = at::index_select(pixels, 0, indices);
  // Where each channel begins in the table.
  const at::Tensor rows =
      at::arange(0, table.numel(), 256, indices.options()).view({-1, 1, 1});
  const at::Tensor values = at::index_select(
      table.flatten(), 0, (bytes.to(at::kLong) + rows).flatten());
  return {values.view(bytes.sizes()), at::index_select(classes, 0, indices),
          indices};
}

}  // namespace internal
}  // namespace distill
