// What the trainer, the losses and the evaluation know of a model.
#ifndef DISTILL_MODELS_CLASSIFIER_H_
#define DISTILL_MODELS_CLASSIFIER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "c10/core/Device.h"
#include "models/graph.h"

namespace distill {

struct NamedTensor {
  std::string name;
  at::Tensor value;
  // Whether a finished model needs it (PyTorch's word, of buffers): what only a
  // training needs is not.
  bool persistent = true;
};

struct Outputs {
  at::Tensor logits;                 // [batch, classes] float32.
  std::vector<at::Tensor> features;  // As asked for: [batch, sizes...] float32.
};

// A model that turns a batch of images into one logit per class. It owns its
// state: parameters, which are float32 and trained, and buffers, which a
// forward pass in train mode may change. (Not a torch::nn::Module: the header
// of that takes a compiler 13 s, and this is all of it that is used here.)
class Classifier {
 public:
  virtual ~Classifier() = default;

  // The logits and the features of these names, in their order, on the images'
  // device, with the graph that gradients need unless the caller has switched
  // it off. Logits are not probabilities.
  //
  // `images` [batch, channels, height, width] float32, normalised, on the
  // parameters' device. Throws c10::Error (TORCH_CHECK) for another shape, or a
  // name that Features() does not have.
  virtual Outputs Forward(const at::Tensor& images,
                          const std::vector<std::string>& features) = 0;

  // The logits alone.
  at::Tensor Logits(const at::Tensor& images);

  // What Forward can be asked for, from the first layer to the last.
  virtual std::vector<Feature> Features() const { return {}; }

  // The parameters and the buffers under PyTorch's names ("conv1.weight"), from
  // the first layer to the last, weight before bias. They share their numbers
  // with the model.
  const std::vector<NamedTensor>& named_parameters() const {
    return parameters_;
  }
  const std::vector<NamedTensor>& named_buffers() const { return buffers_; }
  std::vector<at::Tensor> parameters() const;
  // What a finished model's file has: the parameters, then the persistent
  // buffers.
  std::vector<NamedTensor> State() const;
  // The parameter of that name; there must be one (TORCH_CHECK).
  at::Tensor parameter(const std::string& name) const;

  // Moves all of its state; tensors that share it move too.
  void to(at::Device device);

  // Dropout is for train mode, in which a new model is.
  virtual void train(bool on = true) { is_training_ = on; }
  void eval() { train(false); }
  bool is_training() const { return is_training_; }

  // Whether a training step of it may be a CUDA graph: it neither waits for the
  // device nor changes on the host what a later pass depends on.
  virtual bool is_capturable() const { return true; }

  // Number of its parameters' numbers; 0: unknown.
  virtual int64_t ParameterCount() const;

  // Multiply-adds of one image's forward pass, times two: floating-point
  // operations. Pooling and ReLU are not counted. 0: unknown.
  virtual int64_t FlopPerImage() const { return 0; }

  // For people, as DescribeGraph says it.
  virtual std::string Describe() const = 0;

 protected:
  // Adds to the state, and returns, a leaf that needs a gradient.
  at::Tensor AddParameter(const std::string& name, at::Tensor value);
  at::Tensor AddBuffer(const std::string& name, at::Tensor value,
                       bool persistent);

 private:
  std::vector<NamedTensor> parameters_, buffers_;
  bool is_training_ = true;
};

// A model that can no longer change: the only form in which the trainer is
// given a teacher.
//
// The constructor puts the model into eval mode and switches the gradient of
// every parameter off, so that buffers do not change either; Logits() records
// no graph. There is no way to reach the state through it, and no optimizer
// ever gets it.
class FrozenClassifier {
 public:
  explicit FrozenClassifier(std::shared_ptr<Classifier> model);

  // As the Classifier's, without a graph.
  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) const;
  at::Tensor Logits(const at::Tensor& images) const;
  std::vector<Feature> Features() const { return model_->Features(); }

  // Copies of the model's State() on the CPU.
  std::vector<NamedTensor> State() const;

 private:
  std::shared_ptr<Classifier> model_;
};

}  // namespace distill

#endif  // DISTILL_MODELS_CLASSIFIER_H_
