// The optimizer of every stage.
#ifndef DISTILL_TRAINING_ADAM_H_
#define DISTILL_TRAINING_ADAM_H_

#include <vector>

#include "ATen/core/Tensor.h"
#include "models/classifier.h"

namespace distill {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
};

// Adam (D. Kingma, J. Ba, 2015, algorithm 1; no weight decay) over all
// parameters in one call of LibTorch's fused kernel: a third of the time of
// torch::optim::Adam, which issues a dozen operations for each parameter.
class Adam {
 public:
  // `parameters` float32, each with requires_grad, all on one device. The state
  // is float32 and as large as two copies of them.
  explicit Adam(std::vector<at::Tensor> parameters,
                const AdamOptions& options = {});

  // One update from the gradients that backward left in the parameters, which
  // are then dropped. Every parameter must have one (TORCH_CHECK: a parameter
  // without a gradient is a layer that the loss does not reach).
  // learning_rate > 0. Does not synchronise.
  void Step(double learning_rate);
  // The same with a rate that lives on the parameters' device: 0-dimensional,
  // float32 (on the CPU also float64).
  void Step(const at::Tensor& learning_rate);

  // What it keeps between updates, by name.
  std::vector<NamedTensor> State() const;

 private:
  // The gradients of all parameters, taken from them.
  std::vector<at::Tensor> TakeGradients();
  template <typename Rate>
  void Update(const Rate& learning_rate);

  AdamOptions options_;
  std::vector<at::Tensor> parameters_, means_, squares_, steps_;
};

}  // namespace distill

#endif  // DISTILL_TRAINING_ADAM_H_
