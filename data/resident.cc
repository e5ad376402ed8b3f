#include "data/resident.h"

#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/from_blob.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/where.h"

namespace distill {

ResidentSamples::ResidentSamples(const Batches& batches, at::Device device) {
  const Dataset& data = batches.dataset();
  // from_blob wants a pointer to what may change; copying changes nothing.
  pixels_ = at::from_blob(const_cast<uint8_t*>(data.images.data()),
                          {data.count, data.image.channels, data.image.height,
                           data.image.width},
                          at::TensorOptions().dtype(at::kByte))
                .to(device, /*non_blocking=*/false, /*copy=*/true);
  classes_ =
      at::tensor(c10::ArrayRef<uint8_t>(data.labels), at::kLong).to(device);
  table_ = at::tensor(c10::ArrayRef<float>(batches.table()), at::kFloat)
               .view({data.image.channels, 256})
               .to(device);
}

Batch ResidentSamples::Gather(const at::Tensor& indices,
                              const at::Tensor& shifts) const {
  TORCH_CHECK(indices.dim() == 1 && indices.scalar_type() == at::kLong &&
                  indices.numel() >= 1 && indices.device() == device(),
              "indices: found ", indices.sizes(), " of ", indices.scalar_type(),
              " on ", indices.device(), "; expected [batch >= 1] of int64 on ",
              device());
  Batch batch = internal::GatherOnDevice(pixels_, classes_, table_, indices);
  if (shifts.defined()) {
    batch.images =
        internal::MoveImages(batch.images, at::index_select(shifts, 0, indices),
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

at::Tensor MoveImages(const at::Tensor& images, const at::Tensor& shifts,
                      const at::Tensor& background) {
  const int64_t height = images.size(2), width = images.size(3);
  // Where each pixel comes from: [batch, height, 1] and [batch, 1, width].
  const auto source = [&](int64_t axis, int64_t size) {
    return at::arange(size, shifts.options().dtype(at::kLong)) -
           shifts.select(1, axis).unsqueeze(1).to(at::kLong);
  };
  const at::Tensor rows = source(0, height).unsqueeze(2);
  const at::Tensor columns = source(1, width).unsqueeze(1);
  const at::Tensor inside =
      rows.ge(0)
          .logical_and(rows.lt(height))
          .logical_and(columns.ge(0).logical_and(columns.lt(width)));
  const at::Tensor places =
      rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1);
  const at::Tensor moved = images.flatten(2).gather(
      2, places.flatten(1).unsqueeze(1).expand({-1, images.size(1), -1}));
  return at::where(inside.unsqueeze(1), moved.view(images.sizes()),
                   background.view({-1, 1, 1}));
}

}  // namespace internal
}  // namespace distill
