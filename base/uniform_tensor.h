// Tensors of random numbers from the project's own generator.
#ifndef DISTILL_BASE_UNIFORM_TENSOR_H_
#define DISTILL_BASE_UNIFORM_TENSOR_H_

#include "ATen/core/Tensor.h"
#include "base/random.h"
#include "c10/util/ArrayRef.h"

namespace distill {

// A contiguous float32 tensor on the CPU with numbers uniform in
// [-bound, bound), drawn from `random` in row-major order.
at::Tensor UniformTensor(at::IntArrayRef sizes, double bound, Random& random);

}  // namespace distill

#endif  // DISTILL_BASE_UNIFORM_TENSOR_H_
