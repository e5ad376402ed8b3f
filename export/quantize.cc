#include "export/quantize.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/adaptive_avg_pool2d.h"
#include "ATen/ops/constant_pad_nd.h"
#include "ATen/ops/conv2d.h"
#include "ATen/ops/fake_quantize_per_tensor_affine.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/max_pool2d.h"
#include "ATen/ops/mean.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "absl/status/status.h"
#include "models/batch_norm.h"
#include "models/graph.h"
#include "models/network.h"

namespace distill {
namespace {

using Kind = Operation::Kind;

constexpr int64_t kLowest = -128, kHighest = 127;

// Of a convolution or a fully connected layer.
struct Layer {
  at::Tensor weight, bias;  // [out, ...] and [out], float32.
};

struct Folded {
  Graph graph;
  std::vector<Layer> layers;  // Of each operation; undefined of others.
};

// The model without batch norms.
Folded Fold(const Network& model) {
  const Graph& graph = model.graph();
  std::map<std::string, at::Tensor> state;
  for (const NamedTensor& one : model.State()) {
    state[one.name] = one.value.detach().to(at::kDouble);
  }
  std::vector<int> users(graph.operations.size(), 0);
  for (const Operation& o : graph.operations) {
    for (const int input : o.inputs) {
      if (input != kImages) ++users[input];
    }
  }
  const std::vector<Shape> shapes = *InferShapes(graph);
  Folded folded;
  folded.graph.spelling = graph.spelling;
  folded.graph.image = graph.image;
  std::vector<int> now;  // Where the output of each operation is found.
  for (const Operation& operation : graph.operations) {
    Operation o = operation;
    for (int& input : o.inputs) input = input == kImages ? kImages : now[input];
    Layer layer;
    if (o.kind == Kind::kBatchNorm) {
      const int before = operation.inputs[0];
      const auto [scale, shift] = ByRunningStatistics(
          {state[o.name + ".weight"], state[o.name + ".bias"],
           state[o.name + ".running_mean"], state[o.name + ".running_var"]});
      if (before != kImages && users[before] == 1 &&
          graph.operations[before].kind == Kind::kConvolution) {
        Layer& of_convolution = folded.layers[o.inputs[0]];
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
                          : at::zeros({o.outputs}, at::kDouble);
      o.bias = true;
    }
    now.push_back(folded.graph.Append(o));
    folded.layers.push_back(std::move(layer));
  }
  for (Layer& layer : folded.layers) {
    if (!layer.weight.defined()) continue;
    layer.weight = layer.weight.to(at::kFloat).contiguous();
    layer.bias = layer.bias.to(at::kFloat).contiguous();
  }
  return folded;
}

// The logits. `change` is told each operation's output and returns what the
// others take in its place; the images are those of kImages.
at::Tensor Compute(
    const Graph& graph, const std::vector<Layer>& layers,
    const at::Tensor& images,
    const std::function<at::Tensor(int, const at::Tensor&)>& change) {
  const at::Tensor first = change(kImages, images);
  std::vector<int> last_user(graph.operations.size(), 0);
  for (size_t i = 0; i < graph.operations.size(); ++i) {
    for (const int input : graph.operations[i].inputs) {
      if (input != kImages) last_user[input] = static_cast<int>(i);
    }
  }
  std::vector<at::Tensor> values;
  for (int i = 0; i < static_cast<int>(graph.operations.size()); ++i) {
    const Operation& o = graph.operations[i];
    const auto input = [&](size_t number) {
      const int from = o.inputs[number];
      return from == kImages ? first : values[from];
    };
    const at::Tensor x = input(0);
    at::Tensor y;
    switch (o.kind) {
      case Kind::kConvolution:
        y = at::conv2d(x, layers[i].weight, layers[i].bias, o.stride, o.padding,
                       /*dilation=*/1, o.groups);
        break;
      case Kind::kLinear:
        y = at::linear(x, layers[i].weight, layers[i].bias);
        break;
      case Kind::kRelu:
        y = at::relu(x);
        break;
      case Kind::kMaxPool:
        y = at::max_pool2d(x, o.kernel, o.stride);
        break;
      case Kind::kGlobalAveragePool:
        y = at::adaptive_avg_pool2d(x, {1, 1});
        break;
      case Kind::kFlatten:
        y = x.flatten(1);
        break;
      case Kind::kAdd:
        y = x + input(1);
        break;
      case Kind::kZeroPadShortcut: {
        const int64_t zeros = (o.outputs - x.size(1)) / 2;
        y = at::constant_pad_nd(
            x.slice(2, 0, x.size(2), o.stride).slice(3, 0, x.size(3), o.stride),
            {0, 0, 0, 0, zeros, zeros});
        break;
      }
      case Kind::kDropout:
        y = x;
        break;
      case Kind::kBatchNorm:
        TORCH_CHECK(false, "the batch norm ", o.name, " was folded");
    }
    values.push_back(change(i, y));
    for (const int from : o.inputs) {
      if (from != kImages && last_user[from] == i) values[from] = at::Tensor();
    }
  }
  return values.back();
}

// Whether each operation's output becomes bytes.
std::vector<bool> BecomeBytes(const Graph& graph) {
  const int count = static_cast<int>(graph.operations.size());
  std::vector<std::vector<int>> users(count);
  for (int i = 0; i < count; ++i) {
    for (const int input : graph.operations[i].inputs) {
      if (input != kImages) users[input].push_back(i);
    }
  }
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

at::Tensor AsBytes(const at::Tensor& x, const ByteScale& scale) {
  return at::fake_quantize_per_tensor_affine(x, scale.scale, scale.zero_point,
                                             kLowest, kHighest);
}

// Of the range [low, high], which 0 is made part of.
ByteScale ScaleOfRange(double low, double high) {
  low = std::min(low, 0.);
  high = std::max(high, 0.);
  ByteScale scale;
  scale.scale = static_cast<float>((high - low) / (kHighest - kLowest));
  if (!(scale.scale > 0)) return {1, 0};  // All are 0.
  scale.zero_point = std::clamp<int64_t>(
      kLowest - std::llround(low / scale.scale), kLowest, kHighest);
  return scale;
}

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

class Simulation : public Classifier {
 public:
  explicit Simulation(const QuantizedModel& model) : model_(model) {
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      Layer layer;
      if (model_.layers[i]) {
        const QuantizedLayer& of = *model_.layers[i];
        const double input =
            model_.ScaleOf(model_.graph.operations[i].inputs[0]).scale;
        const auto outputs = static_cast<int64_t>(of.weight.scale.size());
        const at::Tensor scale = at::tensor(of.weight.scale, at::kFloat);
        layer.weight =
            at::tensor(c10::ArrayRef<int8_t>(of.weight.values), at::kChar)
                .view({outputs, -1})
                .to(at::kFloat) *
            scale.unsqueeze(1);
        const Operation& o = model_.graph.operations[i];
        if (o.kind == Kind::kConvolution) {
          layer.weight = layer.weight.view({outputs, -1, o.kernel, o.kernel});
        }
        layer.bias = (at::tensor(c10::ArrayRef<int32_t>(of.bias), at::kInt)
                          .to(at::kDouble) *
                      scale.to(at::kDouble) * input)
                         .to(at::kFloat);
      }
      layers_.push_back(std::move(layer));
    }
  }

  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override {
    TORCH_CHECK(features.empty(), "a model of integers has no features");
    Outputs outputs;
    outputs.logits = Compute(
        model_.graph, layers_, images, [this](int index, const at::Tensor& y) {
          if (index == kImages) return AsBytes(y, model_.images);
          return model_.outputs[index] ? AsBytes(y, *model_.outputs[index]) : y;
        });
    return outputs;
  }
  std::string Describe() const override {
    return DescribeGraph(model_.graph) + " in 8 bits";
  }

 private:
  const QuantizedModel model_;
  std::vector<Layer> layers_;
};

}  // namespace

const ByteScale& QuantizedModel::ScaleOf(int index) const {
  while (index != kImages && !outputs[index]) {
    index = graph.operations[index].inputs[0];
  }
  return index == kImages ? images : *outputs[index];
}

absl::StatusOr<QuantizedModel> QuantizeModel(const LoadedModel& loaded,
                                             const at::Tensor& images) {
  if (images.dim() < 1 || images.size(0) < 1) {
    return absl::InvalidArgumentError(
        "there are no images to choose the scales of 8 bits by");
  }
  const at::NoGradGuard no_grad;
  const Folded folded = Fold(*loaded.model);
  QuantizedModel model;
  model.info = loaded.info;
  model.graph = folded.graph;
  model.layers.resize(folded.layers.size());
  model.outputs.resize(folded.layers.size());
  const std::vector<bool> become_bytes = BecomeBytes(model.graph);
  Compute(model.graph, folded.layers, images,
          [&](int index, const at::Tensor& y) {
            if (index == kImages) {
              model.images = BestScale(y);
            } else if (become_bytes[index]) {
              model.outputs[index] = BestScale(y);
            }
            return y;
          });
  for (size_t i = 0; i < folded.layers.size(); ++i) {
    const Layer& layer = folded.layers[i];
    if (!layer.weight.defined()) continue;
    const float* const weight = layer.weight.const_data_ptr<float>();
    const float* const bias = layer.bias.const_data_ptr<float>();
    const int64_t outputs = layer.bias.numel();
    QuantizedLayer quantized;
    quantized.weight =
        Quantize({weight, weight + layer.weight.numel()}, outputs);
    const double input =
        model.ScaleOf(model.graph.operations[i].inputs[0]).scale;
    for (int64_t o = 0; o < outputs; ++o) {
      quantized.bias.push_back(static_cast<int32_t>(std::clamp(
          std::nearbyint(bias[o] / (input * quantized.weight.scale[o])),
          -2147483647., 2147483647.)));
    }
    model.layers[i] = std::move(quantized);
  }
  return model;
}

std::shared_ptr<Classifier> Simulate(const QuantizedModel& model) {
  return std::make_shared<Simulation>(model);
}

}  // namespace distill
