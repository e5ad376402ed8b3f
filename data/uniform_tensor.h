// Tensors of random numbers from the project's own generator.
#ifndef DISTILL_DATA_UNIFORM_TENSOR_H_
#define DISTILL_DATA_UNIFORM_TENSOR_H_

#include "ATen/core/Tensor.h"
#include "c10/util/ArrayRef.h"
#include "data/random.h"

namespace distill {

// A contiguous float32 tensor on the CPU with numbers uniform in
// [-bound, bound), drawn from `random` in row-major order.
at::Tensor UniformTensor(at::IntArrayRef sizes, double bound, Random& random);

}  // namespace distill

#endif  // DISTILL_DATA_UNIFORM_TENSOR_H_
