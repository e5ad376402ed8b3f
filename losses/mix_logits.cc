#include "losses/mix_logits.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/stack.h>

#include <cmath>

namespace distill {

at::Tensor MixLogits(const std::vector<at::Tensor>& logits,
                     const std::vector<double>& weights, double temperature) {
  TORCH_CHECK(!logits.empty() && logits.size() == weights.size(), "found ",
              logits.size(), " models and ", weights.size(),
              " weights; expected one weight a model");
  std::vector<at::Tensor> parts;
  for (size_t k = 0; k < logits.size(); ++k) {
    TORCH_CHECK(logits[k].sizes() == logits[0].sizes(), "logits [",
                logits[k].sizes(), "] and [", logits[0].sizes(),
                "] must be of one shape");
    parts.push_back(
        at::log_softmax(logits[k].detach().to(at::kFloat) / temperature, 1) +
        std::log(weights[k]));
  }
  return at::logsumexp(at::stack(parts), 0) * temperature;
}

}  // namespace distill
