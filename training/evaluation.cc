#include "training/evaluation.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/ne.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/tensor.h"
#include "losses/cross_entropy.h"

namespace distill {

at::Tensor ComputeLogits(const FrozenClassifier& model, const Batches& batches,
                         at::Device device, const std::string& what,
                         Observer& observer) {
  const int64_t samples = batches.sample_count();
  const int64_t batch_size = batches.options().batch_size;
  std::vector<at::Tensor> parts;
  observer.OnBegin(what, samples);
  for (int64_t first = 0; first < samples; first += batch_size) {
    const int64_t count = std::min(batch_size, samples - first);
    parts.push_back(
        model.Logits(batches.Range(first, count).images.to(device)));
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
