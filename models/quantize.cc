#include "models/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/fake_quantize_per_tensor_affine.h"
#include "ATen/ops/mean.h"
#include "ATen/ops/zeros.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "data/batches.h"
#include "models/batch_norm.h"
#include "models/graph.h"
#include "models/network.h"

namespace distill {
namespace {

using Kind = Operation::Kind;

constexpr int64_t kLowest = -128, kHighest = 127;
constexpr float kLargestWeight = 127;
// A bias has no more than a quarter of the sum's 32 bits.
constexpr double kLargestBias = 1 << 29;

// Of the range [low, high], which 0 is made part of.
ByteScale ScaleOfRange(double low, double high) {
  low = std::min(low, 0.);
  high = std::max(high, 0.);
  ByteScale scale;
  scale.scale = static_cast<float>((high - low) / (kHighest - kLowest));
  if (!(scale.scale > 0)) return {1, kLowest};  // All are 0.
  scale.zero_point = std::clamp<int64_t>(
      kLowest - std::llround(low / scale.scale), kLowest, kHighest);
  return scale;
}

// Whether the output of each operation becomes bytes.
std::vector<bool> BecomeBytes(const Graph& graph) {
  const int count = static_cast<int>(graph.operations.size());
  const std::vector<std::vector<int>> users = UsersOf(graph);
  std::vector<bool> result;
  for (int i = 0; i < count; ++i) {
    const Kind kind = graph.operations[i].kind;
    const bool is_cut = users[i].size() == 1 &&
                        graph.operations[users[i][0]].kind == Kind::kRelu;
    const bool computes = kind == Kind::kConvolution || kind == Kind::kLinear ||
                          kind == Kind::kAdd || kind == Kind::kRelu ||
                          kind == Kind::kGlobalAveragePool;
    result.push_back(computes && !is_cut && i + 1 < count);
  }
  return result;
}

}  // namespace

at::Tensor AsBytes(const at::Tensor& x, const ByteScale& scale) {
  return at::fake_quantize_per_tensor_affine(x, scale.scale, scale.zero_point,
                                             kLowest, kHighest);
}

namespace {

ByteScale BestScale(const at::Tensor& values) {
  const double low = values.min().item<double>();
  const double high = values.max().item<double>();
  ByteScale best;
  double least = INFINITY;
  for (int percent = 100; percent >= 30; percent -= 5) {
    const ByteScale scale =
        ScaleOfRange(low * percent / 100, high * percent / 100);
    const at::Tensor error = AsBytes(values, scale) - values;
    const double squares = (error * error).mean().item<double>();
    if (squares < least) {
      least = squares;
      best = scale;
    }
  }
  return best;
}

}  // namespace

Int8Weights QuantizeWeights(const std::vector<float>& weight,
                            const std::vector<float>& least_scale) {
  Int8Weights result;
  const size_t of_one = weight.size() / least_scale.size();
  result.values.reserve(weight.size());
  for (size_t output = 0; output < least_scale.size(); ++output) {
    const float* const weights = &weight[output * of_one];
    float largest = 0;
    for (size_t i = 0; i < of_one; ++i) {
      largest = std::max(largest, std::fabs(weights[i]));
    }
    // The quotient of the smallest numbers that there are is 0.
    float scale = std::max(largest / kLargestWeight, least_scale[output]);
    if (!(scale > 0)) scale = 1;
    result.scale.push_back(scale);
    for (size_t i = 0; i < of_one; ++i) {
      // A scale so small that it was rounded gives more than 127.
      const float value = std::nearbyint(weights[i] / scale);
      result.values.push_back(static_cast<int8_t>(
          std::clamp(value, -kLargestWeight, kLargestWeight)));
    }
  }
  return result;
}

int64_t QuantizedLayer::LargestSum(int64_t o) const {
  const size_t of_one = weight.values.size() / bias.size();
  int64_t sum = 0;
  for (size_t i = o * of_one; i < (o + 1) * of_one; ++i) {
    sum += std::abs(weight.values[i]);
  }
  return sum * (kHighest - kLowest) + std::abs(int64_t{bias[o]});
}

const ByteScale& QuantizedModel::ScaleOf(int index) const {
  while (index != kImages && !outputs[index]) {
    index = graph.operations[index].inputs[0];
  }
  return index == kImages ? images : *outputs[index];
}

int64_t QuantizedModel::bytes() const {
  int64_t bytes = 0;
  for (const auto& layer : layers) {
    if (!layer) continue;
    // By output a bias and a multiplier of 4 bytes each, and a shift.
    bytes += static_cast<int64_t>(layer->weight.values.size() +
                                  9 * layer->bias.size());
  }
  return bytes;
}

FoldedModel Fold(const Network& model) {
  const Graph& graph = model.graph();
  std::map<std::string, at::Tensor> state;
  for (const NamedTensor& one : model.State()) {
    state[one.name] = one.value.to(at::kDouble);
  }
  const std::vector<std::vector<int>> users = UsersOf(graph);
  FoldedModel folded;
  folded.graph.spelling = graph.spelling;
  folded.graph.image = graph.image;
  std::vector<int>& now = folded.made_by;
  for (const Operation& operation : graph.operations) {
    Operation o = operation;
    for (int& input : o.inputs) input = input == kImages ? kImages : now[input];
    LayerTensors layer;
    if (o.kind == Kind::kBatchNorm) {
      const int before = operation.inputs[0];
      const auto [scale, shift] = ByRunningStatistics(
          {state[o.name + ".weight"], state[o.name + ".bias"],
           state[o.name + ".running_mean"], state[o.name + ".running_var"]});
      if (before != kImages && users[before].size() == 1 &&
          graph.operations[before].kind == Kind::kConvolution) {
        LayerTensors& of_convolution = folded.layers[o.inputs[0]];
        of_convolution.weight =
            of_convolution.weight * scale.view({-1, 1, 1, 1});
        of_convolution.bias = of_convolution.bias * scale + shift;
        folded.graph.operations[o.inputs[0]].bias = true;
        now.push_back(o.inputs[0]);
        continue;
      }
      o.kind = Kind::kConvolution;
      o.outputs = o.groups = scale.size(0);
      layer = {scale.view({-1, 1, 1, 1}), shift};
    } else if (o.kind == Kind::kConvolution || o.kind == Kind::kLinear) {
      layer.weight = state[o.name + ".weight"];
      layer.bias = o.bias ? state[o.name + ".bias"]
                          : at::zeros({o.outputs}, layer.weight.options());
      o.bias = true;
    }
    now.push_back(folded.graph.Append(o));
    folded.layers.push_back(std::move(layer));
  }
  for (LayerTensors& layer : folded.layers) {
    if (!layer.weight.defined()) continue;
    layer.weight = layer.weight.to(at::kFloat).contiguous();
    layer.bias = layer.bias.to(at::kFloat).contiguous();
  }
  return folded;
}

at::Tensor Walk(
    const Graph& graph, const at::Tensor& images,
    const std::function<at::Tensor(int index, const std::vector<at::Tensor>&)>&
        output) {
  const int count = static_cast<int>(graph.operations.size());
  std::vector<int> last_user(count, 0);
  for (int i = 0; i < count; ++i) {
    for (const int input : graph.operations[i].inputs) {
      if (input != kImages) last_user[input] = i;
    }
  }
  std::vector<at::Tensor> values;
  for (int i = 0; i < count; ++i) {
    std::vector<at::Tensor> inputs;
    for (const int from : graph.operations[i].inputs) {
      inputs.push_back(from == kImages ? images : values[from]);
    }
    values.push_back(output(i, inputs));
    for (const int from : graph.operations[i].inputs) {
      if (from != kImages && last_user[from] == i) values[from] = at::Tensor();
    }
  }
  return values.back();
}

OutputScales ChooseScales(const FoldedModel& model, const at::Tensor& images,
                          ByteScale* of_images) {
  const at::NoGradGuard no_grad;
  *of_images = BestScale(images);
  const std::vector<bool> become_bytes = BecomeBytes(model.graph);
  OutputScales scales(become_bytes.size());
  Walk(model.graph, images,
       [&](int index, const std::vector<at::Tensor>& inputs) {
         const at::Tensor y = OutputOf(model.graph.operations[index],
                                       model.layers[index], inputs);
         if (become_bytes[index]) scales[index] = BestScale(y);
         return y;
       });
  return scales;
}

absl::StatusOr<QuantizedModel> QuantizeModel(const LoadedModel& loaded,
                                             const at::Tensor& images) {
  if (images.dim() < 1 || images.size(0) < 1) {
    return absl::InvalidArgumentError(
        "there are no images to choose the scales of 8 bits by");
  }
  const at::NoGradGuard no_grad;
  const FoldedModel folded = Fold(*loaded.model);
  QuantizedModel model;
  model.info = loaded.info;
  model.graph = folded.graph;
  model.layers.resize(folded.layers.size());
  model.outputs = ChooseScales(folded, images, &model.images);
  for (size_t i = 0; i < folded.layers.size(); ++i) {
    const LayerTensors& layer = folded.layers[i];
    if (!layer.weight.defined()) continue;
    const Operation& operation = model.graph.operations[i];
    const float* const weight = layer.weight.const_data_ptr<float>();
    const float* const bias = layer.bias.const_data_ptr<float>();
    const int64_t outputs = layer.bias.numel();
    const double input = model.ScaleOf(operation.inputs[0]).scale;
    // What batch norm has as good as switched off has nearly no weights, and
    // yet its bias.
    std::vector<float> least_scale;
    for (int64_t o = 0; o < outputs; ++o) {
      least_scale.push_back(
          static_cast<float>(std::fabs(bias[o]) / (input * kLargestBias)));
    }
    QuantizedLayer quantized;
    quantized.weight =
        QuantizeWeights({weight, weight + layer.weight.numel()}, least_scale);
    for (int64_t o = 0; o < outputs; ++o) {
      quantized.bias.push_back(static_cast<int32_t>(
          std::nearbyint(bias[o] / (input * quantized.weight.scale[o]))));
    }
    for (int64_t o = 0; o < outputs; ++o) {
      if (quantized.LargestSum(o) <= std::numeric_limits<int32_t>::max()) {
        continue;
      }
      return absl::InvalidArgumentError(absl::StrCat(
          "the model ", loaded.info.architecture, " in 8 bits: ",
          operation.name, " sums ", layer.weight.numel() / outputs,
          " products for one output; expected so few that 32 bits hold the "
          "sum, about 50,000. Export it without --int8."));
    }
    model.layers[i] = std::move(quantized);
  }
  return model;
}

absl::StatusOr<QuantizedModel> QuantizeModel(const LoadedModel& loaded,
                                             const Batches& train) {
  const int64_t count = std::min(kCalibrationImages, train.sample_count());
  std::vector<at::Tensor> images;
  images.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    images.push_back(train.Range(i * train.sample_count() / count, 1).images);
  }
  return QuantizeModel(loaded, at::cat(images));
}

}  // namespace distill
