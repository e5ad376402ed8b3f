#ifndef DISTILL_LOSSES_CROSS_ENTROPY_H_
#define DISTILL_LOSSES_CROSS_ENTROPY_H_

#include <ATen/core/Tensor.h>

#include "losses/loss_terms.h"

namespace distill {

// Returns the cross-entropy -log softmax(logits)[label], averaged over the
// batch, as `total` (differentiable) and `hard` (detached); `soft` is
// undefined. It is KdLoss with alpha = 0, whose contract it shares: dtypes,
// gradient, determinism, errors.
//
// logits [batch >= 1, classes >= 2], not probabilities; labels [batch] int64 in
// [0, classes), on the same device.
//
// With `smoothing` in (0, 1) it is (1 - smoothing) of that and `smoothing` of
// the mean over the classes of -log softmax(logits), as PyTorch's
// label_smoothing (C. Szegedy et al. 2016, "Rethinking the Inception
// Architecture", section 7). A row without a label (kNoLabel) has neither.
LossTerms CrossEntropyLoss(const at::Tensor& logits, const at::Tensor& labels,
                           double smoothing = 0);

}  // namespace distill

#endif  // DISTILL_LOSSES_CROSS_ENTROPY_H_
