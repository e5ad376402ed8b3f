// What stands for a class that is not known.
#ifndef DISTILL_BASE_LABEL_H_
#define DISTILL_BASE_LABEL_H_

#include <cstdint>

namespace distill {

// The label of a sample that has none: the number that PyTorch's cross-entropy
// ignores by default.
constexpr int64_t kNoLabel = -100;

}  // namespace distill

#endif  // DISTILL_BASE_LABEL_H_
