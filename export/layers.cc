#include "export/layers.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace distill {
namespace {

absl::Status NotALayer(const LoadedModel& loaded, const std::string& found) {
  return absl::UnimplementedError(absl::StrCat(
      "the model ", loaded.info.architecture, " (", loaded.model->Describe(),
      "): found ", found,
      "; this format has convolutions 3x3 with ReLU and max-pooling 2x2, then "
      "fully connected layers with ReLU, one after another and without batch "
      "norm. ONNX takes any net, and so does --format=c with --int8."));
}

}  // namespace

std::map<std::string, std::vector<float>> NumbersOf(const Network& model) {
  std::map<std::string, std::vector<float>> numbers;
  for (const NamedTensor& one : model.State()) {
    if (one.value.scalar_type() != at::kFloat) continue;
    const at::Tensor values = one.value.detach().contiguous();
    const float* begin = values.const_data_ptr<float>();
    numbers[one.name].assign(begin, begin + values.numel());
  }
  return numbers;
}

absl::StatusOr<std::vector<ExportLayer>> LayersOf(const LoadedModel& loaded) {
  const Graph& graph = loaded.model->graph();
  const std::vector<Shape> shapes = *InferShapes(graph);
  auto numbers = NumbersOf(*loaded.model);
  std::vector<ExportLayer> layers;
  Shape input = {graph.image.channels, graph.image.height, graph.image.width};
  for (const PlanStep& step : loaded.model->plan()) {
    const Operation& first = graph.operations[step.first];
    const bool has_relu = step.last > step.first;
    const bool is_logits = &first == &graph.operations.back();
    const bool is_layer =
        step.kind == PlanStep::Kind::kConvBlock ||
        (step.kind == PlanStep::Kind::kDense && (has_relu || is_logits));
    const bool is_nothing = first.kind == Operation::Kind::kFlatten ||
                            first.kind == Operation::Kind::kDropout;
    if (first.inputs[0] != step.first - 1 || !(is_layer || is_nothing)) {
      return NotALayer(loaded,
                       absl::StrCat("the operation \"", first.name, "\""));
    }
    if (is_layer) {
      ExportLayer layer;
      layer.name = first.name;
      layer.inputs = input[0];
      layer.outputs = first.outputs;
      layer.weight = std::move(numbers.at(first.name + ".weight"));
      layer.bias = std::move(numbers.at(first.name + ".bias"));
      if (step.kind == PlanStep::Kind::kConvBlock) {
        layer.kind = ExportLayer::Kind::kConvBlock;
        layer.height = input[1];
        layer.width = input[2];
      } else if (has_relu) {
        layer.kind = ExportLayer::Kind::kHidden;
      }
      layers.push_back(std::move(layer));
    }
    input = shapes[step.last];
  }
  return layers;
}

}  // namespace distill
