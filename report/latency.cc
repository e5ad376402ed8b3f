#include "report/latency.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "ATen/core/Tensor.h"

namespace distill {
namespace {

// Odd, so that the median is one of them.
constexpr int kCounted = kLatencyPasses - kUncountedPasses;
static_assert(kCounted % 2 == 1, "");

}  // namespace

double MedianLatency(const FrozenClassifier& model, at::Device device,
                     const Batches& images, int64_t size) {
  using Clock = std::chrono::steady_clock;
  std::vector<int64_t> indices;
  indices.reserve(size);
  for (int64_t i = 0; i < size; ++i) {
    indices.push_back(i % images.sample_count());
  }
  const at::Tensor batch = images.Gather(indices).images;
  std::vector<double> times;
  for (int pass = 0; pass < kLatencyPasses; ++pass) {
    const Clock::time_point start = Clock::now();
    model.Logits(batch.to(device)).cpu();
    const std::chrono::duration<double, std::milli> time = Clock::now() - start;
    if (pass >= kUncountedPasses) times.push_back(time.count());
  }
  std::nth_element(times.begin(), times.begin() + kCounted / 2, times.end());
  return times[kCounted / 2];
}

}  // namespace distill
