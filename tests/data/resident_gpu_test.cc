#include <memory>
#include <vector>

#include "ATen/ATen.h"
#include "data/resident.h"
#include "tests/testing/cuda.h"
#include "tests/testing/datasets.h"

namespace distill {
namespace {

class ResidentSamplesGpuTest : public testing::GpuTest {};

TEST_F(ResidentSamplesGpuTest, GathersWhatTheHostGathers) {
  for (const int64_t channels : {1, 3}) {
    testing::ToyOptions toy;
    toy.image.channels = channels;
    const auto dataset = testing::ToyDataset(toy);
    BatchesOptions options;
    options.normalization = NormalizationOf(*dataset);
    const Batches batches = *Batches::Create(dataset, options);
    const ResidentSamples resident(batches, at::kCUDA);
    const std::vector<int64_t> indices = {4, 0, 0, 2, 7};
    const Batch expected = batches.Gather(indices);
    const Batch found =
        resident.Gather(at::tensor(indices, at::kLong).to(at::kCUDA));
    EXPECT_TRUE(at::equal(found.images.cpu(), expected.images));
    EXPECT_TRUE(at::equal(found.labels.cpu(), expected.labels));
    EXPECT_TRUE(at::equal(found.indices.cpu(), expected.indices));
    const int64_t all = batches.sample_count();
    EXPECT_TRUE(at::equal(resident.Range(0, all).images.cpu(),
                          batches.Range(0, all).images));
  }
}

}  // namespace
}  // namespace distill
