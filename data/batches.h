// Batches of normalised images as tensors.
#ifndef DISTILL_DATA_BATCHES_H_
#define DISTILL_DATA_BATCHES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "c10/util/ArrayRef.h"
#include "data/augment.h"
#include "data/dataset.h"

namespace distill {

// Contiguous tensors on one device (the CPU, where Batches made it), without
// gradient, with memory of their own: a batch stays as it is when the next one
// is made, or its Batches are gone.
struct Batch {
  at::Tensor images;   // [batch, channels, height, width] float32, normalised.
  at::Tensor labels;   // [batch] int64, in [0, classes), or kNoLabel.
  at::Tensor indices;  // [batch] int64, the samples' positions in the Dataset.
};

// For the data set whose training split is `train`: what is usual for it
// (Dataset::normalization), else of each channel the mean and standard
// deviation of these pixels over 255 (1 in place of a deviation of 0).
Normalization NormalizationOf(const Dataset& train);

// What was drawn for the samples' views in an epoch, [sample_count,
// Augment::draws()], by sample; empty where they are as they are.
using Views = std::vector<int16_t>;

// Some things of many in a row.
struct Span {
  int64_t first = 0;
  int64_t count = 0;
};

struct BatchesOptions {
  // Samples in a batch, at least 1; the specification's 64.
  int64_t batch_size = 64;
  // Chooses the orders; any number.
  uint64_t seed = 1;
  Normalization normalization;  // Of as many channels as the images have.
  // In training, each image has another view in every epoch.
  Augment augment = {};

  // InvalidArgument, naming the field and its value, if one is out of range.
  absl::Status Validate() const;
};

// The samples of a Dataset in batches: shuffled for training, in the data set's
// own order for evaluation. The pixels stay bytes, a quarter of the memory of
// floats, and become floats batch by batch through a table.
//
// Copies are cheap and share the Dataset. Nothing changes after Create, so that
// several threads may make batches at once.
class Batches {
 public:
  // InvalidArgument for options out of range, for no Dataset, or for one whose
  // fields contradict each other.
  static absl::StatusOr<Batches> Create(std::shared_ptr<const Dataset> dataset,
                                        const BatchesOptions& options = {});

  const Dataset& dataset() const { return *dataset_; }
  const BatchesOptions& options() const { return options_; }
  int64_t sample_count() const { return dataset_->count; }
  // In an epoch. The last batch is kept if it is short: 60,000 samples in
  // batches of 64 are 938 batches, the last of 32.
  int64_t batch_count() const;
  // [channels, 256]: the float32 for each value of each channel, for code that
  // keeps the bytes on a device and normalises there.
  const std::vector<float>& table() const { return table_; }

  // The order of the samples in epoch `epoch`: each of 0 .. sample_count() - 1
  // once, from Random(seed, "order", epoch); the same for the same Dataset
  // size, seed and epoch on every machine, whatever was drawn before.
  std::vector<int64_t> Order(int64_t epoch) const;

  // The samples' views in epoch `epoch`, from Random(seed, "jitter", epoch).
  Views ViewsOf(int64_t epoch) const;

  // The samples of batch number `batch`, in [0, batch_count()), by their places
  // in an epoch's order.
  Span SpanOf(int64_t batch) const;

  // Batch number `batch`, in [0, batch_count()), of an epoch whose order of the
  // samples is `order` [sample_count], with the `views` of ViewsOf, if there
  // are any. With `part`, that part of the batch alone, which has at least one
  // sample.
  Batch FromOrder(at::IntArrayRef order, int64_t batch, const Views& views = {},
                  const std::optional<Span>& part = std::nullopt) const;

  // The samples at `indices`, at least one, each in [0, sample_count()), as
  // they are.
  Batch Gather(at::IntArrayRef indices) const;

  // The samples first .. first + count - 1 in the Dataset's order; count >= 1,
  // of any size, whatever batch_size is.
  Batch Range(int64_t first, int64_t count) const;

  // FromOrder, Gather and Range raise c10::Error (TORCH_CHECK), naming the
  // value, for arguments outside of these contracts.

 private:
  Batches(std::shared_ptr<const Dataset> dataset,
          const BatchesOptions& options);

  // A batch of `size` with its memory, not yet filled.
  Batch Empty(int64_t size) const;
  Batch GatherViews(at::IntArrayRef indices, const Views& views) const;
  // Fills all of `batch` from its indices, which must be right.
  void Fill(Batch& batch, const Views& views) const;

  std::shared_ptr<const Dataset> dataset_;
  BatchesOptions options_;
  std::vector<float> table_;
};

}  // namespace distill

#endif  // DISTILL_DATA_BATCHES_H_
