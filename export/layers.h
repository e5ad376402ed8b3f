// A model as the arithmetic that other programs have to do, without LibTorch.
#ifndef DISTILL_EXPORT_LAYERS_H_
#define DISTILL_EXPORT_LAYERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/weights.h"

namespace distill {

// The model's float32 state by name ("conv1.weight"), row-major.
std::map<std::string, std::vector<float>> NumbersOf(const Network& model);

// One step of a model's plan that has weights. Its input is the output of the
// layer before it; where that one is a convolution and this one is not, the
// channels' images after one another (channel, row, column).
struct ExportLayer {
  enum class Kind {
    // Convolution 3x3 with padding 1, ReLU, then the maximum of each 2x2 pixels
    // without overlap; a last odd row or column is dropped.
    kConvBlock,
    kHidden,  // Fully connected, ReLU.
    kLogits,  // Fully connected.
  };

  std::string name;  // Of the parameters: "conv1", "fc1".
  Kind kind = Kind::kLogits;
  // Channels of a kConvBlock, numbers of the others.
  int64_t inputs = 0, outputs = 0;
  // Pixels of a kConvBlock's input; what it leaves is half of that, rounded
  // down.
  int64_t height = 1, width = 1;
  // [outputs, inputs, 3, 3], or [outputs, inputs]; row-major.
  std::vector<float> weight;
  std::vector<float> bias;  // [outputs]

  bool convolves() const { return kind == Kind::kConvBlock; }
  // Weights of one output.
  int64_t weights_of_one() const { return inputs * (convolves() ? 9 : 1); }
};

// From the first layer to the logits. Unimplemented, naming the operation, for
// a model of anything else than ExportLayer's kinds, one after another: the
// formats made from layers have code for these alone.
absl::StatusOr<std::vector<ExportLayer>> LayersOf(const LoadedModel& loaded);

}  // namespace distill

#endif  // DISTILL_EXPORT_LAYERS_H_
