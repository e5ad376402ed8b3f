#include "models/operation.h"

#include "ATen/TensorOperators.h"
#include "ATen/ops/adaptive_avg_pool2d.h"
#include "ATen/ops/constant_pad_nd.h"
#include "ATen/ops/conv2d.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/max_pool2d.h"
#include "ATen/ops/relu.h"
#include "c10/util/Exception.h"

namespace distill {

using Kind = Operation::Kind;

at::Tensor OutputOf(const Operation& operation, const LayerTensors& layer,
                    const std::vector<at::Tensor>& inputs) {
  const Operation& o = operation;
  const at::Tensor& x = inputs[0];
  switch (o.kind) {
    case Kind::kConvolution:
      return at::conv2d(x, layer.weight, layer.bias, o.stride, o.padding,
                        /*dilation=*/1, o.groups);
    case Kind::kLinear:
      return at::linear(x, layer.weight, layer.bias);
    case Kind::kRelu:
      return at::relu(x);
    case Kind::kMaxPool:
      return at::max_pool2d(x, o.kernel, o.stride);
    case Kind::kGlobalAveragePool:
      return at::adaptive_avg_pool2d(x, {1, 1});
    case Kind::kFlatten:
      return x.flatten(1);
    case Kind::kAdd:
      return x + inputs[1];
    case Kind::kZeroPadShortcut: {
      const int64_t zeros = (o.outputs - x.size(1)) / 2;
      return at::constant_pad_nd(
          x.slice(2, 0, x.size(2), o.stride).slice(3, 0, x.size(3), o.stride),
          {0, 0, 0, 0, zeros, zeros});
    }
    case Kind::kDropout:
      return x;
    case Kind::kBatchNorm:
      break;
  }
  TORCH_CHECK(false, "the batch norm ", o.name, " is none of these");
}

}  // namespace distill
