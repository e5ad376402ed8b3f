#include "training/evaluation.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/ne.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/tensor.h"
#include "data/resident.h"
#include "losses/cross_entropy.h"

namespace distill {
namespace {

constexpr int64_t kImagesOnDevice = 4096;

}  // namespace

at::Tensor ComputeLogits(const FrozenClassifier& model, const Batches& batches,
                         at::Device device, const std::string& what,
                         Observer& observer) {
  const int64_t samples = batches.sample_count();
  // A GPU has room for many images at once, and wants them.
  const int64_t batch_size =
      device.is_cpu() ? batches.options().batch_size : kImagesOnDevice;
  std::optional<ResidentSamples> resident;
  if (!device.is_cpu()) resident.emplace(batches, device);
  std::vector<at::Tensor> parts;
  observer.OnBegin(what, samples);
  for (int64_t first = 0; first < samples; first += batch_size) {
    const int64_t count = std::min(batch_size, samples - first);
    const Batch batch =
        resident ? resident->Range(first, count) : batches.Range(first, count);
    parts.push_back(model.Logits(batch.images));
    observer.OnProgress(first + count,
                        std::numeric_limits<double>::quiet_NaN());
  }
  observer.OnEnd();
  return at::cat(parts);
}

Evaluation EvaluateLogits(const at::Tensor& logits, const Dataset& dataset) {
  const at::NoGradGuard no_grad;
  const at::Tensor labels =
      at::tensor(c10::ArrayRef<uint8_t>(dataset.labels), at::kLong)
          .to(logits.device());
  Evaluation result;
  result.samples = logits.size(0);
  result.errors = logits.argmax(1).ne(labels).sum().item<int64_t>();
  result.loss = CrossEntropyLoss(logits, labels).total.item<double>();
  return result;
}

}  // namespace distill
