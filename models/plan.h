// Which kernels compute a graph: the one place where they are chosen.
#ifndef DISTILL_MODELS_PLAN_H_
#define DISTILL_MODELS_PLAN_H_

#include <vector>

#include "models/graph.h"

namespace distill {

// One call: the operations first, ..., last, of which each takes what the one
// before it makes, and is the only one to do so.
struct PlanStep {
  enum class Kind {
    // Convolution 3x3 with padding 1, ReLU and max-pooling 2x2:
    // models/conv_block.h.
    kConvBlock,
    kDense,  // Fully connected, or that and ReLU: models/dense.h.
    // Batch norm, or that and an addition, ReLU, or both: models/batch_norm.h.
    kBatchNorm,
    kOperation,  // Any one operation: LibTorch's.
  };
  Kind kind = Kind::kOperation;
  int first = 0, last = 0;
  // What it takes: the inputs of the first operation, then what is added.
  std::vector<int> inputs;
  // Of a kBatchNorm: the convolution that it alone takes, if it takes one: in
  // eval mode one is folded into the other.
  int convolution = kNone;
  static constexpr int kNone = -1;
  // Of a kBatchNorm: the operation, another one's last, whose output it adds
  // and whose gradient it can carry there (models/batch_norm.h); of that one,
  // whether there is such a step.
  int carries_to = kNone;
  bool is_carried_to = false;
  // Whether all that take its output compute with bfloat16 if the model does:
  // then it is left in that.
  bool compact = false;
  // Of a kConvBlock: whether its output is in the memory as [batch, height,
  // width, channels]. It is where other blocks alone take it, and else as
  // LibTorch has it, which is how PyTorch's users flatten.
  bool channels_last = false;
  // Operations whose outputs no step after this one takes.
  std::vector<int> done;
};

// In an order in which they can be computed. `graph` is valid (InferShapes).
std::vector<PlanStep> MakePlan(const Graph& graph);

}  // namespace distill

#endif  // DISTILL_MODELS_PLAN_H_
