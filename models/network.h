// A graph with weights: the classifier that this program trains.
#ifndef DISTILL_MODELS_NETWORK_H_
#define DISTILL_MODELS_NETWORK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "base/random.h"
#include "c10/core/ScalarType.h"
#include "models/batch_norm.h"
#include "models/classifier.h"
#include "models/fused_convolution.h"
#include "models/graph.h"
#include "models/plan.h"

namespace distill {

class Network : public Classifier {
 public:
  // Its state is StateOf(graph), drawn from `random` alone in that order; then,
  // for each dropout, the key of its masks. `graph` must be valid
  // (TORCH_CHECK, with InferShapes' message).
  Network(Graph graph, Random& random);

  // `images` [batch, channels, height, width], else as Classifier's. In train
  // mode batch norm takes the batch's statistics and updates its running ones,
  // which it takes in eval mode; dropout is for train mode.
  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override;
  std::vector<Feature> Features() const override { return FeaturesOf(graph_); }
  int64_t FlopPerImage() const override { return FlopPerImageOf(graph_); }
  std::string Describe() const override { return DescribeGraph(graph_); }

  // (Forgets what was folded of the weights.)
  void train(bool on = true) override;

  const Graph& graph() const { return graph_; }
  const std::vector<PlanStep>& plan() const { return plan_; }

  // Has batch norm take the statistics of all processes that share a batch, on
  // the CPU.
  void set_batch_sum(BatchSum sum) { batch_sum_ = std::move(sum); }

  // What convolutions and fully connected layers multiply in: kFloat, or
  // kBFloat16 (with float32 accumulation; see ConvBlock and Dense for what that
  // is on the CPU). Weights, gradients of weights, all other operations and the
  // last layer stay float32 either way: logits in bfloat16 would have three
  // digits.
  void set_compute_dtype(at::ScalarType dtype) {
    compute_dtype_ = dtype;
    train(is_training());
  }

 private:
  // Whether batch norms are in the weights of the convolutions before them.
  bool IsFolded() const;
  // The convolution with batch norm whose step that is; `x` is its input.
  const FusedConvolution& Folded(const PlanStep& step, const at::Tensor& x);
  // Of a forward pass, by the operation that makes what it is of.
  using Carried = std::map<int, std::shared_ptr<CarriedGradient>>;
  // The output of a step: [batch, channels, height, width] in any memory
  // layout, or [batch, width]; float32, or where the plan says so the dtype
  // that is computed with.
  at::Tensor Compute(const PlanStep& step, std::vector<at::Tensor> inputs,
                     Carried& carried);
  at::Tensor ComputeByLibTorch(int index, bool compact,
                               const std::vector<at::Tensor>& inputs);

  const Graph graph_;
  const std::vector<PlanStep> plan_;
  // Of each operation: its part of StateOf(graph_).
  std::vector<std::vector<at::Tensor>> state_;
  std::vector<uint64_t> dropout_keys_;  // Of each operation; 0 for others.
  // [] int64, a buffer "dropout_step" that no file has: forward passes made in
  // train mode, which choose the masks. Undefined without dropout.
  at::Tensor dropout_step_;
  at::ScalarType compute_dtype_ = at::kFloat;
  BatchSum batch_sum_;
  // Of each batch norm's operation, made when it is first needed in eval mode.
  std::vector<std::unique_ptr<const FusedConvolution>> folded_;
  std::mutex folding_;
};

}  // namespace distill

#endif  // DISTILL_MODELS_NETWORK_H_
