#include "data/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "ATen/ops/empty.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status.h"
#include "c10/util/Exception.h"
#include "data/pixel_counts.h"

namespace distill {
namespace {

// Images between the one that is copied and the one that is fetched from
// memory.
constexpr int64_t kAhead = 2;
constexpr int64_t kCacheLine = 64;  // Bytes.

}  // namespace

Normalization NormalizationOf(const Dataset& train) {
  if (train.normalization) return *train.normalization;
  PixelCounts counts(train.image);
  for (int64_t i = 0; i < train.count; ++i) counts.Add(train.images[i]);
  return counts.Measured();
}

absl::Status BatchesOptions::Validate() const {
  if (batch_size < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_size: found ", batch_size,
                     "; expected at least 1. Choose a larger one."));
  }
  for (const float mean : normalization.mean) {
    if (std::isfinite(mean)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("normalization.mean: found ", mean,
                     "; expected a finite number. Use the mean of the pixels "
                     "over 255."));
  }
  for (const float std : normalization.std) {
    if (std::isfinite(std) && std > 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("normalization.std: found ", std,
                     "; expected a finite number above 0. Use the standard "
                     "deviation of the pixels over 255."));
  }
  return absl::OkStatus();
}

absl::StatusOr<Batches> Batches::Create(std::shared_ptr<const Dataset> dataset,
                                        const BatchesOptions& options) {
  RETURN_IF_ERROR(options.Validate());
  if (dataset == nullptr) {
    return absl::InvalidArgumentError(
        "dataset: found none; expected samples. Load a data set first.");
  }
  const Dataset& d = *dataset;
  const int64_t images = d.images.count() * d.images.size();
  const int64_t labels = static_cast<int64_t>(d.labels.size());
  const auto [channels, height, width] = d.image;
  if (d.count < 1 || channels < 1 || height < 1 || width < 1 ||
      labels != d.count || d.images.count() != d.count ||
      d.images.size() / channels / height / width != 1 ||
      d.images.size() != d.image.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dataset ", d.name, ": found ", images, " pixels and ", labels,
        " labels; expected one label for each of ", d.count, " images of ",
        d.image.Describe(), ". Make it with LoadDataset or Select."));
  }
  const Normalization& normalization = options.normalization;
  if (static_cast<int64_t>(normalization.mean.size()) != channels ||
      normalization.std.size() != normalization.mean.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "normalization: found ", normalization.mean.size(), " means and ",
        normalization.std.size(), " deviations; expected ", channels,
        " of each, one a channel of ", d.name, ". Take NormalizationOf."));
  }
  return Batches(std::move(dataset), options);
}

Batches::Batches(std::shared_ptr<const Dataset> dataset,
                 const BatchesOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  const Normalization& normalization = options_.normalization;
  for (size_t channel = 0; channel < normalization.mean.size(); ++channel) {
    for (int x = 0; x < 256; ++x) {
      // In double, so that each entry is the float nearest to the formula.
      table_.push_back(
          static_cast<float>((x / 255.0 - double{normalization.mean[channel]}) /
                             double{normalization.std[channel]}));
    }
  }
}

int64_t Batches::batch_count() const {
  return (dataset_->count - 1) / options_.batch_size + 1;
}

std::vector<int64_t> Batches::Order(int64_t epoch) const {
  return Random(options_.seed, "order", epoch).Permutation(dataset_->count);
}

Views Batches::ViewsOf(int64_t epoch) const {
  if (options_.augment.empty()) return {};
  // The purpose has the name of the first augmentation that there was, so that
  // its results are still the same.
  Random random(options_.seed, "jitter", epoch);
  return options_.augment.Draw(random, sample_count(), dataset_->image);
}

Span Batches::SpanOf(int64_t batch) const {
  TORCH_CHECK(batch >= 0 && batch < batch_count(), "batch: found ", batch,
              "; expected 0 to ", batch_count() - 1);
  const int64_t first = batch * options_.batch_size;
  return {first, std::min(options_.batch_size, sample_count() - first)};
}

Batch Batches::FromOrder(at::IntArrayRef order, int64_t batch,
                         const Views& views,
                         const std::optional<Span>& part) const {
  TORCH_CHECK(static_cast<int64_t>(order.size()) == sample_count(),
              "order: found ", order.size(), " samples; expected all ",
              sample_count(), " of the data set");
  const int64_t draws = options_.augment.draws();
  TORCH_CHECK(views.empty() ||
                  static_cast<int64_t>(views.size()) == draws * sample_count(),
              "views: found ", views.size(), " numbers; expected none or ",
              draws, " for each of ", sample_count(), " samples");
  const Span all = SpanOf(batch);
  const Span taken = part.value_or(Span{0, all.count});
  TORCH_CHECK(taken.first >= 0 && taken.count >= 1 &&
                  taken.first + taken.count <= all.count,
              "part: found ", taken.count, " samples from ", taken.first,
              " on; expected at least one, of the batch's ", all.count);
  const at::IntArrayRef now = order.slice(all.first + taken.first, taken.count);
  // This batch's, to be read at once, and the next one's, to be read while
  // this one is computed with.
  const int64_t next = all.first + all.count;
  const int64_t end =
      next + std::min(options_.batch_size, sample_count() - next);
  for (int64_t i = all.first; i < end; ++i) {
    // (What was wanted with the batch before is on its way.)
    if (batch == 0 || i >= next) {
      dataset_->images.WillNeed(order[i]);
    }
  }
  return GatherViews(now, views);
}

Batch Batches::Gather(at::IntArrayRef indices) const {
  return GatherViews(indices, {});
}

Batch Batches::GatherViews(at::IntArrayRef indices, const Views& views) const {
  TORCH_CHECK(!indices.empty(), "indices: found none; expected at least one");
  for (const int64_t index : indices) {
    TORCH_CHECK(index >= 0 && index < sample_count(), "indices: found ", index,
                "; expected 0 to ", sample_count() - 1);
  }
  Batch batch = Empty(static_cast<int64_t>(indices.size()));
  std::copy(indices.begin(), indices.end(),
            batch.indices.mutable_data_ptr<int64_t>());
  Fill(batch, views);
  return batch;
}

Batch Batches::Range(int64_t first, int64_t count) const {
  TORCH_CHECK(first >= 0 && count >= 1 && first < sample_count() &&
                  count <= sample_count() - first,
              "range: found a first of ", first, " and a count of ", count,
              "; expected at least 1 of ", sample_count(), " samples");
  for (int64_t i = first; i < first + count; ++i) dataset_->images.WillNeed(i);
  Batch batch = Empty(count);
  int64_t* indices = batch.indices.mutable_data_ptr<int64_t>();
  std::iota(indices, indices + count, first);
  Fill(batch, {});
  return batch;
}

Batch Batches::Empty(int64_t size) const {
  // The types are named, as the default one is the process's to change.
  const ImageSpec& image = dataset_->image;
  return {
      at::empty({size, image.channels, image.height, image.width}, at::kFloat),
      at::empty({size}, at::kLong), at::empty({size}, at::kLong)};
}

void Batches::Fill(Batch& batch, const Views& views) const {
  const ImageSpec& spec = dataset_->image;
  const int64_t plane = spec.plane(), bytes = spec.size();
  const int64_t* index = batch.indices.const_data_ptr<int64_t>();
  int64_t* label = batch.labels.mutable_data_ptr<int64_t>();
  float* value = batch.images.mutable_data_ptr<float>();
  const int64_t size = batch.indices.numel();
  const Augment& augment = options_.augment;
  const int64_t draws = views.empty() ? 0 : augment.draws();
  std::vector<uint8_t> scratch;
  for (int64_t i = 0; i < size; ++i) {
    label[i] = dataset_->labels[index[i]];
    // In a shuffled order the next images are in no cache yet, and waiting for
    // them would take as long as all the rest.
    if (i + kAhead < size) {
      const uint8_t* next = dataset_->images[index[i + kAhead]];
      for (int64_t p = 0; p < bytes; p += kCacheLine) {
        __builtin_prefetch(next + p);
      }
    }
    for (int64_t c = 0; c < spec.channels; ++c, value += plane) {
      const uint8_t* from = dataset_->images[index[i]] + c * plane;
      const float* table = table_.data() + 256 * c;
      if (draws > 0) {
        from =
            augment.View(views.data() + index[i] * draws, spec, from, scratch);
      }
      // Four loads before four stores: otherwise each load waits for the store
      // before it, which might have changed the table for all that the compiler
      // knows.
      int64_t p = 0;
      for (; p + 4 <= plane; p += 4) {
        const float v0 = table[from[p]];
        const float v1 = table[from[p + 1]];
        const float v2 = table[from[p + 2]];
        const float v3 = table[from[p + 3]];
        value[p] = v0;
        value[p + 1] = v1;
        value[p + 2] = v2;
        value[p + 3] = v3;
      }
      for (; p < plane; ++p) value[p] = table[from[p]];
    }
  }
}

}  // namespace distill
