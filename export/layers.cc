#include "export/layers.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "c10/util/Exception.h"

namespace distill {
namespace {

std::vector<float> Numbers(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().contiguous();
  const float* begin = values.const_data_ptr<float>();
  return std::vector<float>(begin, begin + values.numel());
}

}  // namespace

std::vector<ExportLayer> LayersOf(const LoadedModel& loaded) {
  constexpr char kWeight[] = ".weight";
  std::vector<ExportLayer> layers;
  int64_t height = loaded.info.height, width = loaded.info.width;
  for (const NamedTensor& parameter : loaded.model->named_parameters()) {
    if (!absl::EndsWith(parameter.name, kWeight)) continue;
    const at::Tensor& weight = parameter.value;
    ExportLayer layer;
    layer.name = std::string(absl::StripSuffix(parameter.name, kWeight));
    layer.outputs = weight.size(0);
    layer.inputs = weight.size(1);
    layer.weight = Numbers(weight);
    layer.bias = Numbers(loaded.model->parameter(layer.name + ".bias"));
    if (weight.dim() == 4) {
      layer.kind = ExportLayer::Kind::kConvBlock;
      layer.height = height;
      layer.width = width;
      height /= 2;
      width /= 2;
    } else {
      layer.kind = ExportLayer::Kind::kHidden;
    }
    layers.push_back(std::move(layer));
  }
  TORCH_CHECK(!layers.empty() && !layers.back().convolves(), "found ",
              layers.size(), " layers; expected the logits as the last one");
  layers.back().kind = ExportLayer::Kind::kLogits;
  return layers;
}

}  // namespace distill
