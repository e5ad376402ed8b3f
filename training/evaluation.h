// How good a model is, and what the teacher thinks of every sample.
#ifndef DISTILL_TRAINING_EVALUATION_H_
#define DISTILL_TRAINING_EVALUATION_H_

#include <cstdint>
#include <string>

#include "ATen/core/Tensor.h"
#include "base/observer.h"
#include "c10/core/Device.h"
#include "data/batches.h"
#include "models/classifier.h"
#include "training/ranks.h"

namespace distill {

struct Evaluation {
  int64_t samples = 0;
  int64_t errors = 0;  // Samples whose largest logit is not their label's.
  double loss = 0;     // Mean cross-entropy, in nats.

  double accuracy() const {  // In [0, 1].
    return 1 - static_cast<double>(errors) / static_cast<double>(samples);
  }
};

// The logits of every sample of `batches` in the data set's order:
// [samples, classes] float32, on `device`, where the model must be. No graph is
// recorded and no generator read. 40 bytes a sample for ten classes. Throws
// Interrupted when an InterruptSignal() has come.
//
// Of several ranks, which all call it, each computes its part, and gets all.
at::Tensor ComputeLogits(const FrozenClassifier& model, const Batches& batches,
                         at::Device device, const std::string& what,
                         Observer& observer, Ranks& ranks = OneProcess());

// Of a model in eval mode that may be trained further, which changes nothing of
// it.
Evaluation Evaluate(Classifier& model, const Batches& batches,
                    at::Device device);

// Compares `logits` [samples, classes] with the labels of `dataset`. One
// synchronisation.
Evaluation EvaluateLogits(const at::Tensor& logits, const Dataset& dataset);

}  // namespace distill

#endif  // DISTILL_TRAINING_EVALUATION_H_
