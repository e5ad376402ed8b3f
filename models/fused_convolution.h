// A convolution whose batch norm is in its weights, with what follows it in one
// pass: for models that have learnt.
#ifndef DISTILL_MODELS_FUSED_CONVOLUTION_H_
#define DISTILL_MODELS_FUSED_CONVOLUTION_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "c10/core/ScalarType.h"
#include "models/batch_norm.h"
#include "models/graph.h"

namespace distill {

class FusedConvolution {
 public:
  // `convolution` with `weight` [out, in / groups, kernel, kernel] and `bias`
  // [out], which may be undefined, then batch norm by the running statistics of
  // `norm`: computed in `dtype`, float32 or bfloat16, for `images` of that size
  // first of all.
  FusedConvolution(const Operation& convolution, const at::Tensor& weight,
                   const at::Tensor& bias, const BatchNormState& norm,
                   at::ScalarType dtype, at::IntArrayRef images);

  // relu(norm(convolution(x)) + add) in `dtype`, which takes the place of `add`
  // where the caller alone holds that: `x` and `add`, which may be undefined,
  // [batch, channels, height, width] in any layout, the result in
  // channels-last. On the CPU what is added and cut is in registers: by
  // models/convolution.h where that has a kernel, else by oneDNN's convolution
  // of LibTorch's operations for compiled models. Without a graph; may be
  // called from several threads.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& add,
                        bool relu) const;

 private:
  int64_t stride_, padding_, groups_;
  at::ScalarType dtype_;
  at::Tensor weight_, bias_;  // Where oneDNN computes, in the order it wants.
  bool own_, one_dnn_;
};

}  // namespace distill

#endif  // DISTILL_MODELS_FUSED_CONVOLUTION_H_
