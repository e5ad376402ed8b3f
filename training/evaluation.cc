#include "training/evaluation.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/ne.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "base/interrupt.h"
#include "data/resident.h"
#include "losses/cross_entropy.h"

namespace distill {
namespace {

constexpr int64_t kImagesOnDevice = 4096;
// Of a thread at a time: of residual nets a tenth faster than 64.
constexpr int64_t kImagesOnCpu = 128;
// Between two reports of progress: at most so many, and of a slow model so few
// that one comes soon.
constexpr int64_t kBatchesOfThread = 8;
constexpr std::chrono::milliseconds kSoon{300};

// Calls done(first, logits of the batch that starts there) for the samples
// [first, end). Each thread takes whole batches, and none waits for another
// inside one; a sample's logits are the same bits in any batch and thread.
template <typename Model, typename Done>
void LogitsOnCpu(const Model& model, const Batches& batches, int64_t first,
                 int64_t end, const Done& done) {
  const int64_t count = (end - first + kImagesOnCpu - 1) / kImagesOnCpu;
  at::parallel_for(0, count, 1, [&](int64_t begin_batch, int64_t end_batch) {
    for (int64_t batch = begin_batch; batch < end_batch; ++batch) {
      const int64_t start = first + batch * kImagesOnCpu;
      const int64_t size = std::min(kImagesOnCpu, end - start);
      done(start, model(batches.Range(start, size).images));
    }
  });
}

// `model` takes images and returns logits, without a graph, in any thread.
template <typename Model>
at::Tensor LogitsBy(const Model& model, const Batches& batches,
                    at::Device device, const std::string& what,
                    Observer& observer, Ranks& ranks, bool interruptible) {
  const int64_t samples = batches.sample_count();
  // One block, not one for each batch to stay behind among what the batches
  // allocate and free. Made of the first sample's, whose width it has.
  std::optional<ResidentSamples> resident;
  if (!device.is_cpu()) resident.emplace(batches, device);
  const at::Tensor one =
      model((resident ? resident->Range(0, 1) : batches.Range(0, 1)).images);
  // (Of what other ranks compute it has zeros.)
  at::Tensor all = at::zeros({samples, one.size(1)}, one.options());
  const auto keep = [&all](int64_t first, const at::Tensor& logits) {
    all.narrow(0, first, logits.size(0)).copy_(logits);
  };
  // So many that a report comes about every second, whatever the model.
  int64_t step =
      device.is_cpu() ? kImagesOnCpu * at::get_num_threads() : kImagesOnDevice;
  const int64_t most =
      device.is_cpu() ? step * kBatchesOfThread : kImagesOnDevice;
  const Span part = ranks.SpanOf(samples);
  const int64_t behind = part.first + part.count;
  bool interrupted = false;
  observer.OnBegin(what, part.count);
  for (int64_t first = part.first; first < behind && !interrupted;) {
    const auto start = std::chrono::steady_clock::now();
    const int64_t end = std::min(first + step, behind);
    if (resident) {
      keep(first, model(resident->Range(first, end - first).images));
    } else {
      LogitsOnCpu(model, batches, first, end, keep);
    }
    observer.OnProgress(end - part.first,
                        std::numeric_limits<double>::quiet_NaN());
    interrupted = interruptible && InterruptSignal() != 0;
    if (std::chrono::steady_clock::now() - start < kSoon) {
      step = std::min(2 * step, most);
    }
    first = end;
  }
  observer.OnEnd();
  if (ranks.Any(interrupted)) throw Interrupted(what);
  ranks.Sum(all);
  return all;
}

}  // namespace

at::Tensor ComputeLogits(const FrozenClassifier& model, const Batches& batches,
                         at::Device device, const std::string& what,
                         Observer& observer, Ranks& ranks) {
  const auto logits = [&](const at::Tensor& images) {
    return model.Logits(images);
  };
  return LogitsBy(logits, batches, device, what, observer, ranks,
                  /*interruptible=*/true);
}

Evaluation Evaluate(Classifier& model, const Batches& batches,
                    at::Device device) {
  const auto logits = [&](const at::Tensor& images) {
    const at::NoGradGuard no_grad;
    return model.Logits(images);
  };
  Observer nobody;
  return EvaluateLogits(LogitsBy(logits, batches, device, "", nobody,
                                 OneProcess(), /*interruptible=*/false),
                        batches.dataset());
}

Evaluation EvaluateLogits(const at::Tensor& logits, const Dataset& dataset) {
  const at::NoGradGuard no_grad;
  const at::Tensor labels =
      at::tensor(c10::ArrayRef<int32_t>(dataset.labels), at::kLong)
          .to(logits.device());
  Evaluation result;
  result.samples = logits.size(0);
  result.errors = logits.argmax(1).ne(labels).sum().item<int64_t>();
  result.loss = CrossEntropyLoss(logits, labels).total.item<double>();
  return result;
}

}  // namespace distill
