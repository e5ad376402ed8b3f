#ifndef DISTILL_LOSSES_LOSS_TERMS_H_
#define DISTILL_LOSSES_LOSS_TERMS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "base/label.h"

namespace distill {

// What a loss returns: the number to minimise and the terms it is made of.
// All are 0-dimensional, on the device of the logits, averaged over the batch;
// float64 where the logits are, else float32.
struct LossTerms {
  // The weighted sum of the terms. Differentiable with respect to the logits
  // of the model that is trained, and to nothing else.
  at::Tensor total;

  // The term that compares with the teacher, with the scale that belongs to
  // its definition (T^2 for KD) and without its weight in `total`. Detached,
  // for the log. Undefined where its weight is 0: it was not evaluated.
  at::Tensor soft;

  // The cross-entropy with the labels, without its weight in `total`; a row
  // without a label counts as 0. Detached, for the log. Undefined where its
  // weight is 0.
  at::Tensor hard;
};

}  // namespace distill

#endif  // DISTILL_LOSSES_LOSS_TERMS_H_
