#include "base/known_gradient.h"

#include <memory>
#include <utility>

#include "ATen/core/grad_mode.h"
#include "torch/csrc/autograd/function.h"
#include "torch/csrc/autograd/functions/utils.h"
#include "torch/csrc/autograd/saved_variable.h"

namespace distill {
namespace {

class KnownGradient : public torch::autograd::Node {
 public:
  KnownGradient(const std::vector<at::Tensor>& inputs,
                const std::vector<at::Tensor>& saved, Backward backward)
      : Node(torch::autograd::collect_next_edges(inputs)),
        backward_(std::move(backward)) {
    // Detached, so that an output among them does not keep its own history.
    for (const at::Tensor& one : saved) {
      saved_.emplace_back(one.defined() ? one.detach() : one,
                          /*is_output=*/false);
    }
  }

  std::string name() const override { return "KnownGradient"; }

  torch::autograd::variable_list apply(
      torch::autograd::variable_list&& gradients) override {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "this operation has no second derivative: call backward "
                "without create_graph");
    if (!gradients[0].defined()) {
      return torch::autograd::variable_list(num_outputs());
    }
    std::vector<at::Tensor> saved;
    for (const auto& one : saved_) saved.push_back(one.unpack());
    std::vector<bool> needed;
    for (size_t i = 0; i < num_outputs(); ++i) {
      needed.push_back(task_should_compute_output(i));
    }
    return backward_(saved, gradients[0].contiguous(), needed);
  }

  void release_variables() override {
    for (auto& one : saved_) one.reset_data();
  }

 private:
  std::vector<torch::autograd::SavedVariable> saved_;
  Backward backward_;
};

}  // namespace

at::Tensor WithKnownGradient(const at::Tensor& output,
                             const std::vector<at::Tensor>& inputs,
                             const std::vector<at::Tensor>& saved,
                             Backward backward) {
  const std::shared_ptr<torch::autograd::Node> node(
      new KnownGradient(inputs, saved, std::move(backward)),
      torch::autograd::deleteNode);
  at::Tensor result = output.detach();
  torch::autograd::set_history(result, node);
  return result;
}

}  // namespace distill
