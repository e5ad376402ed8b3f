#include "models/conv_net.h"

#include <cmath>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "data/uniform_tensor.h"
#include "models/conv_block.h"
#include "models/dense.h"
#include "models/dropout.h"

namespace distill {
namespace {

absl::Status CheckAtLeast(const char* field, int64_t least, int64_t value) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("ConvNetOptions.", field, " is ", value,
                   "; it must be at least ", least));
}

int64_t Product(const std::vector<int64_t>& sizes) {
  int64_t product = 1;
  for (int64_t size : sizes) product *= size;
  return product;
}

}  // namespace

absl::Status ConvNetOptions::Validate() const {
  absl::Status status;
  status.Update(CheckAtLeast("classes", 2, classes));
  // Each block halves the image, and something must be left of it.
  const int64_t least_side = int64_t{1}
                             << std::min<size_t>(conv_channels.size(), 62);
  status.Update(CheckAtLeast("height", least_side, height));
  status.Update(CheckAtLeast("width", least_side, width));
  for (int64_t channels : conv_channels) {
    status.Update(CheckAtLeast("conv_channels", 1, channels));
  }
  for (int64_t width_of_layer : hidden_widths) {
    status.Update(CheckAtLeast("hidden_widths", 1, width_of_layer));
  }
  if (!(dropout >= 0 && dropout < 1)) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("ConvNetOptions.dropout is ", dropout,
                     "; it must be at least 0 and below 1")));
  }
  if (dropout > 0 && hidden_widths.empty()) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("ConvNetOptions.dropout is ", dropout,
                     ", and there is no hidden layer to drop from")));
  }
  return status;
}

int64_t ConvNetOptions::ParameterCount() const {
  int64_t count = 0, channels = 1;
  for (int64_t out : conv_channels) {
    count += (9 * channels + 1) * out;
    channels = out;
  }
  int64_t inputs = channels * (height >> conv_channels.size()) *
                   (width >> conv_channels.size());
  for (int64_t out : hidden_widths) {
    count += (inputs + 1) * out;
    inputs = out;
  }
  return count + (inputs + 1) * classes;
}

ConvNet::ConvNet(const ConvNetOptions& options, Random& random)
    : options_(options) {
  const absl::Status valid = options.Validate();
  TORCH_CHECK(valid.ok(), std::string(valid.message()));
  int64_t channels = 1, height = options.height, width = options.width;
  auto add = [&](const std::string& name, std::vector<int64_t> sizes) {
    const int64_t inputs_of_one = Product(sizes) / sizes[0];
    const double bound = 1 / std::sqrt(static_cast<double>(inputs_of_one));
    Layer layer;
    layer.weight =
        AddParameter(name + ".weight", UniformTensor(sizes, bound, random));
    layer.bias =
        AddParameter(name + ".bias", UniformTensor({sizes[0]}, bound, random));
    return layer;
  };
  for (int64_t next : options.conv_channels) {
    convs_.push_back(
        add(absl::StrCat("conv", convs_.size() + 1), {next, channels, 3, 3}));
    channels = next;
    height /= 2;
    width /= 2;
  }
  int64_t inputs = channels * height * width;
  for (int64_t next : options.hidden_widths) {
    hidden_.push_back(
        add(absl::StrCat("fc", hidden_.size() + 1), {next, inputs}));
    inputs = next;
  }
  logits_ =
      add(absl::StrCat("fc", hidden_.size() + 1), {options.classes, inputs});
  if (options.dropout > 0) {
    for (size_t i = 0; i < hidden_.size(); ++i) {
      dropout_keys_.push_back(random.Next());
    }
    dropout_step_ = AddBuffer("dropout_step", at::zeros({}, at::kLong));
  }
}

Outputs ConvNet::Forward(const at::Tensor& images,
                         const std::vector<std::string>& features) {
  TORCH_CHECK(images.dim() == 4 && images.size(1) == 1 &&
                  images.size(2) == options_.height &&
                  images.size(3) == options_.width,
              "images have the shape ", images.sizes(),
              "; this model takes [batch, 1, ", options_.height, ", ",
              options_.width, "]");
  Outputs outputs;
  outputs.features.resize(features.size());
  const auto offer = [&](const char* kind, size_t layer, const at::Tensor& x) {
    const std::string name = absl::StrCat(kind, layer + 1);
    for (size_t i = 0; i < features.size(); ++i) {
      if (features[i] == name) outputs.features[i] = x.to(at::kFloat);
    }
  };
  // One channel lies in memory the same way in either order.
  at::Tensor x =
      images.reshape({images.size(0), options_.height, options_.width, 1});
  for (size_t i = 0; i < convs_.size(); ++i) {
    // The last block in the order channel, row, column, as PyTorch's users
    // flatten: weights are exchangeable with the same model written there.
    const bool last = i + 1 == convs_.size();
    x = ConvBlock(x, convs_[i].weight, convs_[i].bias, compute_dtype_,
                  last ? ConvBlockOutput::kChannelsFirst
                       : ConvBlockOutput::kChannelsLast);
    offer("conv", i, last ? x : x.movedim(3, 1));
  }
  x = x.flatten(1);
  const bool drops = dropout_step_.defined() && is_training();
  for (size_t i = 0; i < hidden_.size(); ++i) {
    x = Dense(x, hidden_[i].weight, hidden_[i].bias, Activation::kRelu,
              compute_dtype_);
    offer("fc", i, x);
    if (drops) {
      x = Dropout(x, options_.dropout, dropout_keys_[i], dropout_step_);
    }
  }
  if (drops) dropout_step_.add_(1);
  for (size_t i = 0; i < features.size(); ++i) {
    TORCH_CHECK(outputs.features[i].defined(), "there is no feature \"",
                features[i], "\" in ", Describe());
  }
  outputs.logits = Dense(x.to(at::kFloat), logits_.weight, logits_.bias,
                         Activation::kNone, at::kFloat);
  return outputs;
}

std::vector<Feature> ConvNet::Features() const {
  std::vector<Feature> features;
  int64_t height = options_.height, width = options_.width;
  for (int64_t channels : options_.conv_channels) {
    height /= 2;
    width /= 2;
    features.push_back(
        {absl::StrCat("conv", features.size() + 1), {channels, height, width}});
  }
  for (size_t i = 0; i < options_.hidden_widths.size(); ++i) {
    features.push_back(
        {absl::StrCat("fc", i + 1), {options_.hidden_widths[i]}});
  }
  return features;
}

int64_t ConvNet::FlopPerImage() const {
  int64_t multiply_adds = 0;
  int64_t pixels = options_.height * options_.width;
  int64_t height = options_.height, width = options_.width;
  for (const auto& conv : convs_) {
    multiply_adds += conv.weight.numel() * pixels;
    height /= 2;
    width /= 2;
    pixels = height * width;
  }
  for (const auto& layer : hidden_) multiply_adds += layer.weight.numel();
  return 2 * (multiply_adds + logits_.weight.numel());
}

std::string ConvNet::Describe() const {
  std::vector<std::string> layers;
  for (const auto& conv : convs_) {
    layers.push_back(absl::StrCat("conv ", conv.weight.size(1), "-",
                                  conv.weight.size(0), " 3x3, ReLU, pool 2"));
  }
  const std::string dropout =
      options_.dropout > 0 ? absl::StrCat(", dropout ", options_.dropout) : "";
  for (const auto& layer : hidden_) {
    layers.push_back(absl::StrCat("linear ", layer.weight.size(1), "-",
                                  layer.weight.size(0), ", ReLU", dropout));
  }
  layers.push_back(absl::StrCat("linear ", logits_.weight.size(1), "-",
                                logits_.weight.size(0)));
  return absl::StrJoin(layers, "; ");
}

}  // namespace distill
