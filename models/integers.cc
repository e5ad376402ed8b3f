#include "models/integers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/clamp.h"
#include "ATen/ops/empty_like.h"
#include "ATen/ops/round.h"
#include "ATen/ops/tensor.h"

namespace distill {
namespace {

using Kind = Operation::Kind;

constexpr int64_t kLowest = -128, kHighest = 127;
constexpr int kMostLogitBits = 16;
// float32 holds whole numbers below this.
constexpr int64_t kExact = int64_t{1} << 24;

// `sums` [batch, channels, ...] of whole numbers, times the factor of each
// channel (or the one of all), in [low, high].
at::Tensor Rescaled(const at::Tensor& sums,
                    const std::vector<FixedPoint>& factors, int64_t low,
                    int64_t high) {
  const at::Tensor from = sums.to(at::kDouble).contiguous();
  at::Tensor to = at::empty_like(from);
  const int64_t channels = from.size(1);
  const int64_t planes = from.size(0) * channels;
  if (planes == 0) return to.to(at::kFloat);
  const int64_t size = from.numel() / planes;
  const double* const x = from.const_data_ptr<double>();
  double* const y = to.mutable_data_ptr<double>();
  at::parallel_for(0, planes, 1, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const FixedPoint& factor =
          factors[factors.size() == 1 ? 0 : plane % channels];
      const int64_t half = int64_t{1} << (factor.shift - 1);
      for (int64_t i = plane * size; i < (plane + 1) * size; ++i) {
        const int64_t product =
            static_cast<int64_t>(x[i]) * factor.multiplier + half;
        y[i] =
            static_cast<double>(std::clamp(product >> factor.shift, low, high));
      }
    }
  });
  return to;
}

// Between operations are bytes less their zero point, as float32.
class Simulation : public Classifier {
 public:
  explicit Simulation(const QuantizedModel& model) : model_(model) {
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      layers_.emplace_back();
      if (!model_.layers[i]) continue;
      const QuantizedLayer& of = *model_.layers[i];
      const Operation& o = model_.graph.operations[i];
      const auto outputs = static_cast<int64_t>(of.bias.size());
      int64_t largest = 0;
      for (int64_t output = 0; output < outputs; ++output) {
        largest = std::max(largest, of.LargestSum(output));
      }
      const auto type = largest < kExact ? at::kFloat : at::kDouble;
      LayerTensors& layer = layers_.back();
      layer.weight =
          at::tensor(c10::ArrayRef<int8_t>(of.weight.values), at::kChar)
              .to(type)
              .view({outputs, -1});
      if (o.kind == Kind::kConvolution) {
        layer.weight = layer.weight.view({outputs, -1, o.kernel, o.kernel});
      }
      layer.bias =
          at::tensor(c10::ArrayRef<int32_t>(of.bias), at::kInt).to(type);
    }
  }

  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override {
    TORCH_CHECK(features.empty(), "a model of integers has no features");
    const ByteScale& scale = model_.images;
    const at::Tensor bytes =
        at::clamp(at::round(images / static_cast<float>(scale.scale)),
                  kLowest - scale.zero_point, kHighest - scale.zero_point);
    const at::Tensor logits =
        Walk(model_.graph, bytes,
             [this](int index, const std::vector<at::Tensor>& inputs) {
               return Compute(index, inputs);
             });
    Outputs outputs;
    outputs.logits =
        (logits * std::ldexp(1., -LogitBits(model_))).to(at::kFloat);
    return outputs;
  }
  std::string Describe() const override {
    return DescribeGraph(model_.graph) + " in 8 bits";
  }

 private:
  at::Tensor Compute(int index, const std::vector<at::Tensor>& inputs) const {
    const Operation& o = model_.graph.operations[index];
    const bool is_last = &o == &model_.graph.operations.back();
    std::vector<FixedPoint> factors;
    at::Tensor y;
    if (o.kind == Kind::kAdd) {
      const FixedSum sum = SumOf(model_, index);
      y = inputs[0].to(at::kDouble) * sum.times +
          inputs[1].to(at::kDouble) * sum.other_times;
      factors = {{1, sum.shift}};
    } else if (o.kind == Kind::kGlobalAveragePool) {
      y = inputs[0].sum({2, 3}, /*keepdim=*/true, at::kDouble);
      factors = RescalingOf(model_, index);
    } else if (model_.layers[index]) {
      const auto type = layers_[index].weight.scalar_type();
      y = OutputOf(o, layers_[index], {inputs[0].to(type)});
      factors = RescalingOf(model_, index);
    } else {
      y = OutputOf(o, {}, inputs);
      if (!model_.outputs[index]) return y;  // Passed on.
      const int before = o.inputs[0];        // (Of ReLU.)
      if (before == kImages || model_.outputs[before] ||
          !WrittenIn(model_, before)) {
        const FixedSum sum = SumOf(model_, index);
        y = y * sum.times;
        factors = {{1, sum.shift}};
      } else {
        return y;  // Its input became bytes for it.
      }
    }
    if (is_last) {
      return Rescaled(y, factors, std::numeric_limits<int32_t>::min(),
                      std::numeric_limits<int32_t>::max());
    }
    const int64_t zero = WrittenIn(model_, index)->zero_point;
    return Rescaled(y, factors, kLowest - zero, kHighest - zero).to(at::kFloat);
  }

  const QuantizedModel model_;
  std::vector<LayerTensors> layers_;
};

}  // namespace

FixedPoint ToFixedPoint(double factor) {
  int exponent = 0;
  const double mantissa = std::frexp(factor, &exponent);  // From 0.5 on.
  const int shift = std::clamp(31 - exponent, 1, 62);
  return {static_cast<int32_t>(
              std::min(std::round(std::ldexp(mantissa, exponent + shift)),
                       double{std::numeric_limits<int32_t>::max()})),
          shift};
}

FixedSum ToFixedSum(double times, double other_times) {
  constexpr int kBits = 21;
  int exponent = 0;
  std::frexp(std::max(times, other_times), &exponent);
  const int shift = std::clamp(kBits - exponent, 1, 30);
  const auto integer = [&](double factor) {
    return static_cast<int32_t>(
        std::min(std::round(std::ldexp(factor, shift)), std::ldexp(1., kBits)));
  };
  return {integer(times), integer(other_times), shift};
}

const ByteScale* WrittenIn(const QuantizedModel& model, int index) {
  if (model.outputs[index]) return &*model.outputs[index];
  const Kind kind = model.graph.operations[index].kind;
  if (kind != Kind::kAdd && kind != Kind::kGlobalAveragePool &&
      !model.layers[index]) {
    return nullptr;
  }
  const std::vector<int> users = UsersOf(model.graph)[index];
  return users.empty() ? nullptr : &*model.outputs[users[0]];
}

std::vector<FixedPoint> RescalingOf(const QuantizedModel& model, int index) {
  const int from = model.graph.operations[index].inputs[0];
  const double input = model.ScaleOf(from).scale;
  const ByteScale* const output = WrittenIn(model, index);
  if (!model.layers[index]) {
    const Shape shape = (*InferShapes(model.graph))[from];
    const auto pixels = static_cast<double>(shape[1] * shape[2]);
    return {ToFixedPoint(input / output->scale / pixels)};
  }
  const double unit =
      output == nullptr ? std::ldexp(1., -LogitBits(model)) : output->scale;
  std::vector<FixedPoint> factors;
  for (const float weight : model.layers[index]->weight.scale) {
    factors.push_back(ToFixedPoint(input * weight / unit));
  }
  return factors;
}

FixedSum SumOf(const QuantizedModel& model, int index) {
  const std::vector<int>& inputs = model.graph.operations[index].inputs;
  const double unit = WrittenIn(model, index)->scale;
  return ToFixedSum(
      model.ScaleOf(inputs[0]).scale / unit,
      inputs.size() > 1 ? model.ScaleOf(inputs[1]).scale / unit : 0);
}

int LogitBits(const QuantizedModel& model) {
  const int last = static_cast<int>(model.layers.size()) - 1;
  const QuantizedLayer& layer = *model.layers[last];
  const double input =
      model.ScaleOf(model.graph.operations[last].inputs[0]).scale;
  double largest = 0;
  for (size_t o = 0; o < layer.bias.size(); ++o) {
    largest = std::max(largest, static_cast<double>(
                                    layer.LargestSum(static_cast<int64_t>(o))) *
                                    input * layer.weight.scale[o]);
  }
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::clamp(30 - exponent, 0, kMostLogitBits);
}

std::shared_ptr<Classifier> Simulate(const QuantizedModel& model) {
  return std::make_shared<Simulation>(model);
}

}  // namespace distill
