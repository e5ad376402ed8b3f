#include "base/uniform_tensor.h"

#include "ATen/ops/empty.h"

namespace distill {

at::Tensor UniformTensor(at::IntArrayRef sizes, double bound, Random& random) {
  at::Tensor values = at::empty(sizes, at::kFloat);
  float* to = values.mutable_data_ptr<float>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    to[i] = static_cast<float>(bound * (2 * random.Uniform() - 1));
  }
  return values;
}

}  // namespace distill
