#ifndef DISTILL_LOSSES_KD_OPTIONS_H_
#define DISTILL_LOSSES_KD_OPTIONS_H_

#include <string>

#include "absl/status/status.h"

namespace distill {

// The two numbers of knowledge distillation; KdLoss says what they do.
struct KdOptions {
  // T, which both sides' logits are divided by before the softmax. Finite,
  // > 0. The higher, the more the wrong classes' logits count; 5 is the value
  // of the specification this program implements.
  double temperature = 5;

  // Weight of the soft term (the teacher) in [0, 1]; the hard term (the
  // labels) has 1 - alpha. Libraries disagree on which of the two is called
  // alpha; here it is always the teacher's share. The default favours neither.
  double alpha = 0.5;

  // InvalidArgument that names the field, its value and its range.
  absl::Status Validate() const;
};

}  // namespace distill

#endif  // DISTILL_LOSSES_KD_OPTIONS_H_
