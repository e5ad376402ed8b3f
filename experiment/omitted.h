// What a model knows of classes that it never saw.
#ifndef DISTILL_EXPERIMENT_OMITTED_H_
#define DISTILL_EXPERIMENT_OMITTED_H_

#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "data/dataset.h"

namespace distill {

// The errors on the samples of the omitted classes, and on all samples once the
// omitted classes' biases are raised.
struct OmittedResult {
  int64_t samples = 0;  // Of the omitted classes.
  int64_t errors = 0;   // Of these.
  // The number that, added to the omitted classes' logits, leaves the fewest
  // errors over all samples that it was chosen by; the one nearest to 0 of
  // several. Not below 0.
  double bias = 0;
  int64_t corrected_errors = 0;          // Over all samples, with it.
  int64_t corrected_omitted_errors = 0;  // Of the omitted classes' samples.
};

// The bias of OmittedResult for `logits` [samples, classes] float32 on the CPU
// and the labels of `dataset`. At least one class of each kind.
//
// Hinton, Vinyals, Dean 2015, section 3, raise the bias of a digit that the
// student never saw, and choose it on the test set.
double BestBias(const at::Tensor& logits, const Dataset& dataset,
                const std::vector<int64_t>& omitted);

// All of it for these logits and that bias.
OmittedResult EvaluateOmitted(const at::Tensor& logits, const Dataset& dataset,
                              const std::vector<int64_t>& omitted, double bias);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_OMITTED_H_
