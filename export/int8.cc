#include "export/int8.h"

#include <algorithm>
#include <cmath>

#include "ATen/core/grad_mode.h"
#include "c10/util/Exception.h"

namespace distill {
namespace {

constexpr float kLargest = 127;

// scale * value, in place of the weights of `layer`.
std::vector<float> Rounded(const ExportLayer& layer) {
  const Int8Weights quantized = Quantize(layer);
  const int64_t of_one = layer.weights_of_one();
  std::vector<float> weights;
  weights.reserve(quantized.values.size());
  for (size_t i = 0; i < quantized.values.size(); ++i) {
    weights.push_back(quantized.scale[i / of_one] *
                      static_cast<float>(quantized.values[i]));
  }
  return weights;
}

}  // namespace

Int8Weights Quantize(const ExportLayer& layer) {
  Int8Weights result;
  const int64_t of_one = layer.weights_of_one();
  result.values.reserve(layer.weight.size());
  result.scale.reserve(layer.outputs);
  for (int64_t output = 0; output < layer.outputs; ++output) {
    const float* weights = &layer.weight[output * of_one];
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
  const std::vector<NamedTensor> parameters =
      FrozenClassifier(loaded.model).Parameters();
  auto copy = ModelFromFile(ModelFile(parameters, loaded.info), "a copy");
  TORCH_CHECK(copy.ok(), std::string(copy.status().message()));
  const at::NoGradGuard no_grad;
  for (const ExportLayer& layer : LayersOf(loaded)) {
    const std::vector<float> weights = Rounded(layer);
    at::Tensor weight = copy->model->parameter(layer.name + ".weight");
    std::copy(weights.begin(), weights.end(), weight.data_ptr<float>());
  }
  return *std::move(copy);
}

}  // namespace distill
