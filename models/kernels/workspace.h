// The workspace of a kernel, divided. Like vector.h, compiled once an
// instruction set.
#ifndef DISTILL_MODELS_KERNELS_WORKSPACE_H_
#define DISTILL_MODELS_KERNELS_WORKSPACE_H_

#include <cstddef>
#include <cstdint>

#include "models/kernels/vector.h"

namespace distill {
namespace kernels {
namespace {

DISTILL_INLINE int RoundUp(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
DISTILL_INLINE void Zero(float* to, int64_t count) {
  __builtin_memset(to, 0, sizeof(float) * count);
}

// Hands out consecutive aligned parts of the workspace; with a null one, only
// counts.
struct Arena {
  char* next;
  size_t used = 0;

  explicit Arena(void* workspace) : next(static_cast<char*>(workspace)) {}

  template <typename T>
  T* Take(int64_t count) {
    const size_t bytes = (sizeof(T) * count + 63) / 64 * 64;
    T* part = reinterpret_cast<T*>(next);
    if (next != nullptr) next += bytes;
    used += bytes;
    return part;
  }
};

}  // namespace
}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_WORKSPACE_H_
