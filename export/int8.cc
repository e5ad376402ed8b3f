#include "export/int8.h"

#include <algorithm>
#include <cmath>

#include "c10/util/Exception.h"

namespace distill {
namespace {

constexpr float kLargest = 127;

}  // namespace

Int8Weights Quantize(const std::vector<float>& weight, int64_t outputs) {
  Int8Weights result;
  const int64_t of_one = static_cast<int64_t>(weight.size()) / outputs;
  result.values.reserve(weight.size());
  result.scale.reserve(outputs);
  for (int64_t output = 0; output < outputs; ++output) {
    const float* weights = &weight[output * of_one];
    float largest = 0;
    for (int64_t i = 0; i < of_one; ++i) {
      largest = std::max(largest, std::fabs(weights[i]));
    }
    // The quotient of the smallest numbers that there are is 0.
    const float scale = largest / kLargest > 0 ? largest / kLargest : 1;
    result.scale.push_back(scale);
    for (int64_t i = 0; i < of_one; ++i) {
      // A scale so small that it was rounded gives more than 127.
      const float value = std::nearbyint(weights[i] / scale);
      result.values.push_back(
          static_cast<int8_t>(std::min(std::max(value, -kLargest), kLargest)));
    }
  }
  return result;
}

LoadedModel WithInt8Weights(const LoadedModel& loaded) {
  auto copy = ModelFromFile(
      ModelFile(FrozenClassifier(loaded.model).State(), loaded.info), "a copy");
  TORCH_CHECK(copy.ok(), std::string(copy.status().message()));
  for (const NamedTensor& one : copy->model->named_parameters()) {
    if (one.value.dim() < 2) continue;  // No weight of a product.
    const int64_t outputs = one.value.size(0), count = one.value.numel();
    float* const weight = one.value.data_ptr<float>();
    const Int8Weights rounded = Quantize({weight, weight + count}, outputs);
    for (int64_t i = 0; i < count; ++i) {
      weight[i] = rounded.scale[i / (count / outputs)] *
                  static_cast<float>(rounded.values[i]);
    }
  }
  return *std::move(copy);
}

}  // namespace distill
