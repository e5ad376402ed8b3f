// The optimizer of every stage.
#ifndef DISTILL_TRAINING_OPTIMIZER_H_
#define DISTILL_TRAINING_OPTIMIZER_H_

#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "models/classifier.h"

namespace distill {

enum class OptimizerKind {
  // Adam (D. Kingma, J. Ba, 2015, algorithm 1); with weight decay AdamW (I.
  // Loshchilov, F. Hutter, 2019, algorithm 2).
  kAdam,
  // Stochastic gradient descent with momentum, as PyTorch's SGD: weight decay
  // is added to the gradient, v = momentum v + gradient, p -= rate v.
  kSgd,
};

// By the words of --optimizer.
std::vector<std::pair<const char*, OptimizerKind>> OptimizerKinds();

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdam;
  double momentum = 0.9;    // Of kSgd; in [0, 1).
  double weight_decay = 0;  // Of all parameters, biases too. At least 0.
  // Adam's.
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

// Changes all parameters in one call of LibTorch's fused kernel: a third of the
// time of torch::optim::Adam, which issues a dozen operations for each.
class Optimizer {
 public:
  // `parameters` float32, each with requires_grad, all on one device. The state
  // is float32 and as large as two copies of them (SGD's: one).
  explicit Optimizer(std::vector<at::Tensor> parameters,
                     const OptimizerOptions& options = {});

  // One update from the gradients that backward left in the parameters, which
  // are then dropped. Every parameter must have one (TORCH_CHECK: a parameter
  // without a gradient is a layer that the loss does not reach).
  // learning_rate > 0. Does not synchronise.
  void Step(double learning_rate);
  // The same with a rate that lives on the parameters' device: 0-dimensional,
  // float32 (on the CPU also float64).
  void Step(const at::Tensor& learning_rate);

  // What it keeps between updates, by name: "adam.mean.0".
  std::vector<NamedTensor> State() const;

 private:
  // The gradients of all parameters, taken from them.
  std::vector<at::Tensor> TakeGradients();
  template <typename Rate>
  void Update(const Rate& learning_rate);

  OptimizerOptions options_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> means_, squares_, steps_;  // Adam's.
  std::vector<at::Tensor> velocities_;  // SGD's; none without momentum.
};

}  // namespace distill

#endif  // DISTILL_TRAINING_OPTIMIZER_H_
