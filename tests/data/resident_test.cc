#include "data/resident.h"

#include <memory>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

std::shared_ptr<Dataset> SmallSet(int64_t channels) {
  auto dataset = std::make_shared<Dataset>();
  dataset->name = "small";
  dataset->count = 5;
  dataset->image = {channels, 2, 3};
  dataset->classes = 10;
  std::vector<uint8_t> images(5 * dataset->image.size());
  for (size_t i = 0; i < images.size(); ++i) {
    images[i] = static_cast<uint8_t>(7 * i + i % 3);
  }
  dataset->images = Pixels(std::move(images), dataset->image.size());
  dataset->labels = {9, 0, 3, 3, 7};
  return dataset;
}

Batches Small(int64_t channels = 1, const char* augment = "none") {
  BatchesOptions options;
  options.augment = *Augment::Parse(augment);
  options.normalization = {{}, {}};
  for (int64_t c = 0; c < channels; ++c) {
    options.normalization.mean.push_back(0.1f * static_cast<float>(c + 1));
    options.normalization.std.push_back(0.5f + 0.1f * static_cast<float>(c));
  }
  return *Batches::Create(SmallSet(channels), options);
}

void ExpectEqual(const Batch& a, const Batch& b) {
  EXPECT_TRUE(at::equal(a.images, b.images));
  EXPECT_TRUE(at::equal(a.labels, b.labels));
  EXPECT_TRUE(at::equal(a.indices, b.indices));
  EXPECT_EQ(a.images.sizes(), b.images.sizes());
  EXPECT_EQ(a.labels.dtype(), b.labels.dtype());
}

TEST(ResidentSamplesTest, MakesTheBatchesThatTheHostMakes) {
  for (const int64_t channels : {1, 3}) {
    const Batches batches = Small(channels);
    const ResidentSamples resident(batches, at::kCPU);
    EXPECT_EQ(resident.sample_count(), 5);
    const std::vector<int64_t> indices = {4, 0, 0, 2};
    ExpectEqual(resident.Gather(at::tensor(indices, at::kLong)),
                batches.Gather(indices));
    ExpectEqual(resident.Range(1, 3), batches.Range(1, 3));
    ExpectEqual(resident.Range(0, 5), batches.Range(0, 5));
  }
}

TEST(ResidentSamplesTest, MakesTheViewsThatTheHostMakes) {
  for (const int64_t channels : {1, 3}) {
    for (const char* augment :
         {"shift:1", "flip", "cutout:2", "crop:1,flip,cutout:1",
          "cutout:1,flip,shift:1,crop:1"}) {
      const Batches batches = Small(channels, augment);
      const ResidentSamples resident(batches, at::kCPU);
      const std::vector<int64_t> order = {4, 2, 0, 1, 3};
      for (int64_t epoch = 0; epoch < 20; ++epoch) {
        const Views views = batches.ViewsOf(epoch);
        ExpectEqual(resident.Gather(
                        at::tensor(order, at::kLong),
                        at::tensor(c10::ArrayRef<int16_t>(views), at::kShort)
                            .view({5, -1})),
                    batches.FromOrder(order, 0, views));
      }
    }
  }
}

TEST(ResidentSamplesTest, KeepsItsOwnCopy) {
  std::unique_ptr<ResidentSamples> resident;
  at::Tensor before;
  {
    const Batches batches = Small();
    before = batches.Range(0, 5).images;
    resident = std::make_unique<ResidentSamples>(batches, at::kCPU);
  }
  EXPECT_TRUE(at::equal(resident->Range(0, 5).images, before));
}

TEST(ResidentSamplesTest, RefusesOtherIndices) {
  const ResidentSamples resident(Small(), at::kCPU);
  EXPECT_THROW(resident.Gather(at::tensor({1.0, 2.0}, at::kFloat)), c10::Error);
  EXPECT_THROW(resident.Gather(at::empty({0}, at::kLong)), c10::Error);
  EXPECT_THROW(resident.Range(4, 2), c10::Error);
  EXPECT_THROW(resident.Range(-1, 2), c10::Error);
}

}  // namespace
}  // namespace distill
