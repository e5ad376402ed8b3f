// Numbers that were taken for logits and are none.
#ifndef DISTILL_MODELS_PROBABILITIES_H_
#define DISTILL_MODELS_PROBABILITIES_H_

#include <string>

#include "ATen/core/Tensor.h"

namespace distill {

// What `rows` [images, classes], float32 and finite, are where they are no
// logits: "probabilities" (rounded to two digits too), "probabilities in per
// cent", or "numbers from 0 to 1, as a sigmoid gives"; empty for logits. A
// classifier that has learnt gives no logits from 0 to 1 alone: with these it
// would never be sure.
std::string NoLogits(const at::Tensor& rows);

}  // namespace distill

#endif  // DISTILL_MODELS_PROBABILITIES_H_
