#include "training/evaluation.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/ne.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/tensor.h"
#include "data/resident.h"
#include "losses/cross_entropy.h"

namespace distill {
namespace {

constexpr int64_t kImagesOnDevice = 4096;
// Fewer starts of threads than with a training batch of 64; more gain nothing.
constexpr int64_t kImagesOnCpu = 128;

}  // namespace

at::Tensor ComputeLogits(const FrozenClassifier& model, const Batches& batches,
                         at::Device device, const std::string& what,
                         Observer& observer) {
  const int64_t samples = batches.sample_count();
  // A GPU has room for many images at once, and wants them. An image's logits
  // are the same bits in any batch on the CPU.
  const int64_t batch_size = device.is_cpu() ? kImagesOnCpu : kImagesOnDevice;
  std::optional<ResidentSamples> resident;
  if (!device.is_cpu()) resident.emplace(batches, device);
  // One block, not one for each batch to stay behind among what the batches
  // allocate and free.
  at::Tensor all;
  observer.OnBegin(what, samples);
  for (int64_t first = 0; first < samples; first += batch_size) {
    const int64_t count = std::min(batch_size, samples - first);
    const Batch batch =
        resident ? resident->Range(first, count) : batches.Range(first, count);
    const at::Tensor logits = model.Logits(batch.images);
    if (!all.defined()) {
      all = at::empty({samples, logits.size(1)}, logits.options());
    }
    all.narrow(0, first, count).copy_(logits);
    observer.OnProgress(first + count,
                        std::numeric_limits<double>::quiet_NaN());
  }
  observer.OnEnd();
  return all;
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
