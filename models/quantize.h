// A model whose products are of integers of 8 bits, as ONNX Runtime, TFLite and
// CMSIS-NN compute them.
#ifndef DISTILL_MODELS_QUANTIZE_H_
#define DISTILL_MODELS_QUANTIZE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "models/operation.h"
#include "models/weights.h"

namespace distill {

// A layer's weights, symmetrically quantised by output: weight[o][i] is nearly
// scale[o] * values[o][i], with values from -127 to 127, and 0 is 0 exactly.
// scale[o] is the largest |weight[o][i]| / 127, so that no weight is cut off
// and none is off by more than half of scale[o]. (R. Krishnamoorthi,
// "Quantizing deep convolutional networks for efficient inference", 2018,
// section 3.1.2: per-channel, symmetric.)
struct Int8Weights {
  std::vector<int8_t> values;  // [outputs, weights of one output], row-major.
  std::vector<float>
      scale;  // [outputs]; 1 where all weights are 0, or as good as.
};

// `weight` [outputs, weights of one output], row-major. No scale is smaller
// than that of its output in `least_scale` [outputs].
Int8Weights QuantizeWeights(const std::vector<float>& weight,
                            const std::vector<float>& least_scale);

// Numbers as bytes from -128 to 127: value = scale (byte - zero_point). 0 is a
// byte exactly. (B. Jacob and others, "Quantization and Training of Neural
// Networks for Efficient Integer-Arithmetic-Only Inference", 2018, equation 1.)
struct ByteScale {
  double scale = 1;
  int64_t zero_point = 0;
};

// A convolution or a fully connected layer in integers.
struct QuantizedLayer {
  Int8Weights weight;  // By output.
  // Of the bias, in units of the input's scale times the weight's; below 2^29.
  std::vector<int32_t> bias;

  // The largest sum of products, with the bias, that any input gives output
  // `o`: it is below 2^31.
  int64_t LargestSum(int64_t o) const;
};

struct QuantizedModel {
  ModelInfo info;
  // Without batch norm: it is in the weights of the convolution before it, or a
  // convolution of its own with a window of one pixel.
  Graph graph;
  // Of each operation, for convolutions and fully connected layers.
  std::vector<std::optional<QuantizedLayer>> layers;
  // Of the images, and of what each operation makes; none where it is passed
  // on: see OutputScales.
  ByteScale images;
  std::vector<std::optional<ByteScale>> outputs;

  // Of weights, biases, and what requantises.
  int64_t bytes() const;

  // The scale of what operation `index`, or kImages, has as its output.
  const ByteScale& ScaleOf(int index) const;
};

// Weights are quantised as QuantizeWeights does it. Scales of what operations
// make are chosen by `images` [count, channels, height, width], normalised, of
// the training set: of the ranges from all of what was found there down to
// three tenths of it, the one with the least squared error.
//
// InvalidArgument where there are no images, or so many inputs of one output
// that 32 bits could not hold their sum; c10::Error (TORCH_CHECK) for images of
// another shape.
absl::StatusOr<QuantizedModel> QuantizeModel(const LoadedModel& loaded,
                                             const at::Tensor& images);

// Of a training set as many say enough of what the scales are of.
constexpr int64_t kCalibrationImages = 512;

// The same by so many images of `train`, spread over all of it, or by all if
// there are fewer.
absl::StatusOr<QuantizedModel> QuantizeModel(const LoadedModel& loaded,
                                             const Batches& train);

// What bytes of that scale stand for, instead of `x`. Gradients pass where x is
// in their range.
at::Tensor AsBytes(const at::Tensor& x, const ByteScale& scale);

// A model without its batch norms, which are in the weights of the convolutions
// before them, or are convolutions of their own with a window of one pixel.
struct FoldedModel {
  Graph graph;
  std::vector<LayerTensors> layers;  // Of each operation; float32.
  // Of each operation of the model: that which makes its output here. A
  // convolution's and its batch norm's are one.
  std::vector<int> made_by;
};

// Of a model in eval mode: batch norm by running statistics. Gradients flow to
// the parameters unless the caller has switched them off.
FoldedModel Fold(const Network& model);

// In what bytes each of its operations' outputs is; none where it is passed on
// as it is: what ReLU alone takes, what pooling, flattening and padding leave
// as it was, and the logits.
using OutputScales = std::vector<std::optional<ByteScale>>;

// The scales of `images` (*of_images) and of what each operation makes of them:
// of the ranges from all that is found there down to three tenths of it, each
// with 0, that with the least squared error.
OutputScales ChooseScales(const FoldedModel& model, const at::Tensor& images,
                          ByteScale* of_images);

// The last operation's output. `output` is told each operation and its inputs,
// in order, and returns what it makes of them.
at::Tensor Walk(
    const Graph& graph, const at::Tensor& images,
    const std::function<at::Tensor(int index, const std::vector<at::Tensor>&)>&
        output);

}  // namespace distill

#endif  // DISTILL_MODELS_QUANTIZE_H_
