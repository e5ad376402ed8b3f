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
      "fully connected layers with ReLU, of grey images alone. Export it as "
      "ONNX."));
}

}  // namespace

std::vector<float> NumbersOf(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().contiguous();
  const float* begin = values.const_data_ptr<float>();
  return std::vector<float>(begin, begin + values.numel());
}

absl::StatusOr<std::vector<ExportLayer>> LayersOf(const LoadedModel& loaded) {
  const Graph& graph = loaded.model->graph();
  const std::vector<Shape> shapes = *InferShapes(graph);
  if (graph.channels != 1) {
    return NotALayer(loaded, absl::StrCat(graph.channels, " channels"));
  }
  std::vector<ExportLayer> layers;
  Shape input = {graph.channels, graph.height, graph.width};
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
      layer.weight = NumbersOf(loaded.model->parameter(first.name + ".weight"));
      layer.bias = NumbersOf(loaded.model->parameter(first.name + ".bias"));
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
