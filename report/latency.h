// How long a model takes to answer.
#ifndef DISTILL_REPORT_LATENCY_H_
#define DISTILL_REPORT_LATENCY_H_

#include <cstdint>

#include "c10/core/Device.h"
#include "data/batches.h"
#include "models/classifier.h"

namespace distill {

// Forward passes of one call of MedianLatency, and how many of them come first
// and are not counted: they find cold caches, and on a GPU choose algorithms.
constexpr int kLatencyPasses = 18, kUncountedPasses = 3;

// The median time, in milliseconds, of the counted forward passes of `size` >=
// 1 normalised images of `images`' data set: from images in the host's memory
// to logits there. The model must be on `device`; on the CPU the threads are
// LibTorch's.
double MedianLatency(const FrozenClassifier& model, at::Device device,
                     const Batches& images, int64_t size);

}  // namespace distill

#endif  // DISTILL_REPORT_LATENCY_H_
