// A model whose products are of integers of 8 bits, as ONNX Runtime, TFLite and
// CMSIS-NN compute them.
#ifndef DISTILL_EXPORT_QUANTIZE_H_
#define DISTILL_EXPORT_QUANTIZE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "export/int8.h"
#include "models/classifier.h"
#include "models/weights.h"

namespace distill {

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
  // Of the bias: 32 bits, in units of the input's scale times the weight's.
  std::vector<int32_t> bias;
};

struct QuantizedModel {
  ModelInfo info;
  // Without batch norm: it is in the weights of the convolution before it, or a
  // convolution of its own with a window of one pixel.
  Graph graph;
  // Of each operation, for convolutions and fully connected layers.
  std::vector<std::optional<QuantizedLayer>> layers;
  // Of the images, and of what each operation makes; none where it is passed on
  // as it is: what ReLU alone takes, what pooling, flattening and padding leave
  // as it was, and the logits.
  ByteScale images;
  std::vector<std::optional<ByteScale>> outputs;

  // The scale of what operation `index`, or kImages, has as its output.
  const ByteScale& ScaleOf(int index) const;
};

// Weights are quantised as `Quantize` does it. Scales of what operations make
// are chosen by `images` [count, channels, height, width], normalised, of the
// training set: of the ranges from all of what was found there down to three
// tenths of it, the one with the least squared error.
//
// InvalidArgument where there are no images; c10::Error (TORCH_CHECK) for those
// of another shape.
absl::StatusOr<QuantizedModel> QuantizeModel(const LoadedModel& loaded,
                                             const at::Tensor& images);

// What computes with these integers, in floating-point numbers that stand for
// them: the class that such a program finds, but where two are as good as
// equal.
std::shared_ptr<Classifier> Simulate(const QuantizedModel& model);

}  // namespace distill

#endif  // DISTILL_EXPORT_QUANTIZE_H_
