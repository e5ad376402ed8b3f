// The family that both of the specification's models belong to.
#ifndef DISTILL_MODELS_CONV_NET_H_
#define DISTILL_MODELS_CONV_NET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "c10/core/ScalarType.h"
#include "data/random.h"
#include "models/classifier.h"

namespace distill {

struct ConvNetOptions {
  // Pixels of the grey images; each block halves them, rounding down.
  int64_t height = 28;
  int64_t width = 28;
  // One block each: convolution 3x3 with a margin of 1 to this many channels,
  // ReLU, max-pooling 2x2.
  std::vector<int64_t> conv_channels;
  // One layer each: fully connected to this width, ReLU.
  std::vector<int64_t> hidden_widths;
  // Width of the last fully connected layer, the logits. At least 2.
  int64_t classes = 10;
  // In train mode, of the hidden layers' outputs (see Dropout): in [0, 1), and
  // 0 where there is no hidden layer.
  double dropout = 0;

  // InvalidArgument, naming the field, its value and the least that it may be.
  absl::Status Validate() const;

  // Of a ConvNet of these options, which must be valid: trainable numbers.
  int64_t ParameterCount() const;
};

class ConvNet : public Classifier {
 public:
  // Weights and biases are uniform in +-1/sqrt(inputs of one output), which is
  // PyTorch's default for these layers, drawn from `random` alone, layer by
  // layer, weight before bias; then, if there is dropout, the key of each
  // hidden layer's masks. `options` must be valid (TORCH_CHECK).
  ConvNet(const ConvNetOptions& options, Random& random);

  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override;
  // "conv1", ... and "fc1", ... without the logits.
  std::vector<Feature> Features() const override;
  int64_t FlopPerImage() const override;
  std::string Describe() const override;

  // What convolutions and hidden layers multiply in: kFloat, or kBFloat16 (with
  // float32 accumulation; see ConvBlock and Dense for what that is on the CPU).
  // Weights, gradients of weights and the last layer stay float32 either way:
  // logits in bfloat16 would have three digits.
  void set_compute_dtype(at::ScalarType dtype) { compute_dtype_ = dtype; }

 private:
  // The parameters NAME.weight and NAME.bias.
  struct Layer {
    at::Tensor weight, bias;
  };

  ConvNetOptions options_;
  std::vector<Layer> convs_, hidden_;
  Layer logits_;
  std::vector<uint64_t> dropout_keys_;  // One a hidden layer, or none.
  // [] int64, a buffer "dropout_step": forward passes made in train mode, which
  // choose the masks. Undefined without dropout.
  at::Tensor dropout_step_;
  at::ScalarType compute_dtype_ = at::kFloat;
};

}  // namespace distill

#endif  // DISTILL_MODELS_CONV_NET_H_
