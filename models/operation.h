// What an operation of a graph computes, by LibTorch.
#ifndef DISTILL_MODELS_OPERATION_H_
#define DISTILL_MODELS_OPERATION_H_

#include <vector>

#include "ATen/core/Tensor.h"
#include "models/graph.h"

namespace distill {

// The weights [out, ...] and biases [out], which may be undefined, of a
// convolution or a fully connected layer; undefined of another operation.
struct LayerTensors {
  at::Tensor weight, bias;
};

// Its output [batch, ...] in eval mode, of the inputs' dtype and device, which
// the layer's tensors have too; dropout is the identity. Not of batch norm, and
// c10::Error (TORCH_CHECK) for inputs of other shapes than the graph's.
at::Tensor OutputOf(const Operation& operation, const LayerTensors& layer,
                    const std::vector<at::Tensor>& inputs);

}  // namespace distill

#endif  // DISTILL_MODELS_OPERATION_H_
