#include "models/network.h"

#include <set>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/full.h"
#include "ATen/ops/zeros.h"
#include "base/uniform_tensor.h"
#include "models/batch_norm.h"
#include "models/conv_block.h"
#include "models/convolution.h"
#include "models/dense.h"
#include "models/dropout.h"
#include "models/operation.h"
#include "models/shortcut.h"

namespace distill {
namespace {

Graph Checked(Graph graph) {
  const auto shapes = InferShapes(graph);
  TORCH_CHECK(shapes.ok(), std::string(shapes.status().message()));
  return graph;
}

// [batch, height, width, channels] for [batch, channels, height, width].
at::Tensor ChannelsLast(const at::Tensor& x) {
  // One channel lies in memory the same way in either order.
  return x.size(1) == 1 ? x.reshape({x.size(0), x.size(2), x.size(3), 1})
                        : x.movedim(1, 3);
}

}  // namespace

Network::Network(Graph graph, Random& random)
    : graph_(Checked(std::move(graph))),
      plan_(MakePlan(graph_)),
      state_(graph_.operations.size()),
      dropout_keys_(graph_.operations.size(), 0),
      folded_(graph_.operations.size()) {
  for (const TensorSpec& one : StateOf(graph_)) {
    const bool counts = one.kind == TensorSpec::Kind::kCounter;
    const at::Tensor value =
        one.bound > 0
            ? UniformTensor(one.sizes, one.bound, random)
            : at::full(one.sizes, one.value, counts ? at::kLong : at::kFloat);
    state_[one.operation].push_back(
        one.kind == TensorSpec::Kind::kParameter
            ? AddParameter(one.name, value)
            : AddBuffer(one.name, value, /*persistent=*/true));
  }
  if (!graph_.Has(Operation::Kind::kDropout)) return;
  for (size_t i = 0; i < dropout_keys_.size(); ++i) {
    if (graph_.operations[i].kind == Operation::Kind::kDropout) {
      dropout_keys_[i] = random.Next();
    }
  }
  dropout_step_ = AddBuffer("dropout_step", at::zeros({}, at::kLong),
                            /*persistent=*/false);
}

void Network::train(bool on) {
  Classifier::train(on);
  folded_.clear();
  folded_.resize(graph_.operations.size());
}

bool Network::IsFolded() const {
  return !is_training() && !at::GradMode::is_enabled();
}

const FusedConvolution& Network::Folded(const PlanStep& step,
                                        const at::Tensor& x) {
  const std::lock_guard<std::mutex> lock(folding_);
  std::unique_ptr<const FusedConvolution>& folded = folded_[step.first];
  if (folded == nullptr) {
    const Operation& convolution = graph_.operations[step.convolution];
    const std::vector<at::Tensor>& state = state_[step.convolution];
    const std::vector<at::Tensor>& norm = state_[step.first];
    folded = std::make_unique<FusedConvolution>(
        convolution, state[0], convolution.bias ? state[1] : at::Tensor(),
        BatchNormState{norm[0], norm[1], norm[2], norm[3]}, compute_dtype_,
        x.sizes());
  }
  return *folded;
}

at::Tensor Network::Compute(const PlanStep& step,
                            std::vector<at::Tensor> inputs, Carried& carried) {
  const std::vector<at::Tensor>& state = state_[step.first];
  switch (step.kind) {
    case PlanStep::Kind::kConvBlock: {
      const at::Tensor y =
          ConvBlock(ChannelsLast(inputs[0]), state[0], state[1], compute_dtype_,
                    step.channels_last ? ConvBlockOutput::kChannelsLast
                                       : ConvBlockOutput::kChannelsFirst);
      return step.channels_last ? y.movedim(3, 1) : y;
    }
    case PlanStep::Kind::kDense: {
      const bool logits = &step == &plan_.back();
      return Dense(
          logits ? inputs[0].to(at::kFloat) : inputs[0], state[0], state[1],
          step.last > step.first ? Activation::kRelu : Activation::kNone,
          logits ? at::kFloat : compute_dtype_);
    }
    case PlanStep::Kind::kBatchNorm: {
      const bool relu =
          graph_.operations[step.last].kind == Operation::Kind::kRelu;
      if (step.convolution != PlanStep::kNone && IsFolded()) {
        if (inputs.size() == 1) inputs.emplace_back();
        const at::Tensor y =
            Folded(step, inputs[0])(inputs[0], inputs[1], relu);
        return step.compact ? y : y.to(at::kFloat);
      }
      if (is_training()) state[4].add_(1);
      const at::Tensor x = ChannelsLast(inputs[0]);
      at::Tensor add;
      if (inputs.size() > 1) {
        add = ChannelsLast(inputs[1]).to(x.scalar_type());
      }
      std::shared_ptr<CarriedGradient> leaves, takes;
      const auto carrier = carried.find(step.carries_to);
      if (carrier != carried.end() &&
          inputs[1].scalar_type() == x.scalar_type()) {
        leaves = carrier->second;
        add = add.detach();
      }
      if (step.is_carried_to && is_training() && at::GradMode::is_enabled() &&
          step.compact && HasBatchNormKernel(x)) {
        takes = std::make_shared<CarriedGradient>();
        carried[step.last] = takes;
      }
      const at::Tensor y =
          BatchNorm(x, {state[0], state[1], state[2], state[3], batch_sum_},
                    add, relu, is_training(), leaves, takes);
      return (step.compact ? y : y.to(at::kFloat)).movedim(3, 1);
    }
    case PlanStep::Kind::kOperation:
      break;
  }
  return ComputeByLibTorch(step.first, step.compact, inputs);
}

at::Tensor Network::ComputeByLibTorch(int index, bool compact,
                                      const std::vector<at::Tensor>& inputs) {
  using Kind = Operation::Kind;
  const Operation& o = graph_.operations[index];
  const bool logits = &o == &graph_.operations.back();
  if (o.kind == Kind::kZeroPadShortcut) {
    return ZeroPadShortcut(ChannelsLast(inputs[0]), o.outputs, o.stride)
        .movedim(3, 1);
  }
  if (o.kind == Kind::kDropout && is_training()) {
    return Dropout(inputs[0], o.rate, dropout_keys_[index], dropout_step_);
  }
  if (o.kind == Kind::kConvolution && !o.bias && inputs[0].is_cpu()) {
    const bool own = HasConvolutionKernel(o, inputs[0].sizes(), compute_dtype_);
    if (own || IsStridedDepthwise(o)) {
      const at::Tensor x =
          ChannelsLast(inputs[0].to(compute_dtype_)).contiguous();
      const at::Tensor& weight = state_[index][0];
      const at::Tensor y =
          (own ? Convolution(x, weight) : StridedDepthwise(o, x, weight))
              .movedim(3, 1);
      return compact ? y : y.to(at::kFloat);
    }
  }
  // Products are computed with compute_dtype_, sums in float32; all else takes
  // what comes.
  const bool multiplies =
      o.kind == Kind::kConvolution || o.kind == Kind::kLinear;
  const bool sums = o.kind == Kind::kAdd || o.kind == Kind::kGlobalAveragePool;
  if (!multiplies && !sums) return OutputOf(o, {}, inputs);
  const at::ScalarType dtype =
      multiplies && !logits ? compute_dtype_ : at::kFloat;
  LayerTensors layer;
  if (multiplies) {
    layer.weight = state_[index][0].to(dtype);
    if (o.bias) layer.bias = state_[index][1].to(dtype);
  }
  std::vector<at::Tensor> converted;
  converted.reserve(inputs.size());
  for (const at::Tensor& input : inputs) converted.push_back(input.to(dtype));
  // LibTorch's faster layout, in which batch norm's kernel wants it.
  if (o.kind == Kind::kConvolution) {
    converted[0] = converted[0].contiguous(at::MemoryFormat::ChannelsLast);
  }
  const at::Tensor y = OutputOf(o, layer, converted);
  return compact && o.kind == Kind::kConvolution ? y : y.to(at::kFloat);
}

Outputs Network::Forward(const at::Tensor& images,
                         const std::vector<std::string>& features) {
  TORCH_CHECK(images.dim() == 4 && images.size(1) == graph_.image.channels &&
                  images.size(2) == graph_.image.height &&
                  images.size(3) == graph_.image.width,
              "images have the shape ", images.sizes(),
              "; this model takes [batch, ", graph_.image.channels, ", ",
              graph_.image.height, ", ", graph_.image.width, "]");
  Outputs outputs;
  outputs.features.resize(features.size());
  std::vector<at::Tensor> values(graph_.operations.size());
  Carried carried;
  std::set<int> folded;  // Convolutions: what they take is passed on.
  for (const PlanStep& step : plan_) {
    if (IsFolded()) folded.insert(step.convolution);
  }
  for (const PlanStep& step : plan_) {
    std::vector<at::Tensor> inputs;
    for (const int input : step.inputs) {
      inputs.push_back(input == kImages ? images : values[input]);
    }
    for (const int input : step.done) values[input] = at::Tensor();
    values[step.last] = folded.count(step.first) > 0
                            ? inputs[0]
                            : Compute(step, std::move(inputs), carried);
    const std::string& name = graph_.operations[step.last].feature;
    for (size_t i = 0; i < features.size() && !name.empty(); ++i) {
      if (features[i] == name) {
        outputs.features[i] = values[step.last].to(at::kFloat);
      }
    }
  }
  if (dropout_step_.defined() && is_training()) dropout_step_.add_(1);
  for (size_t i = 0; i < features.size(); ++i) {
    TORCH_CHECK(outputs.features[i].defined(), "there is no feature \"",
                features[i], "\" in ", Describe());
  }
  outputs.logits = values.back();
  return outputs;
}

}  // namespace distill
