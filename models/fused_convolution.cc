#include "models/fused_convolution.h"

#include <optional>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/dispatch/Dispatcher.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/conv2d.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/relu.h"
#include "models/convolution.h"
#include "models/kernel_choice.h"

namespace distill {
namespace {

// LibTorch has these operations under their names alone.
at::Tensor Call(const char* name, const char* overload,
                std::vector<c10::IValue> arguments) {
  const auto operation =
      c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
  operation.callBoxed(&arguments);
  return arguments[0].toTensor();
}

at::Tensor ChannelsLast(const at::Tensor& x, at::ScalarType dtype) {
  return x.to(dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

std::vector<int64_t> Both(int64_t size) { return {size, size}; }

}  // namespace

FusedConvolution::FusedConvolution(const Operation& convolution,
                                   const at::Tensor& weight,
                                   const at::Tensor& bias,
                                   const BatchNormState& norm,
                                   at::ScalarType dtype, at::IntArrayRef images)
    : stride_(convolution.stride),
      padding_(convolution.padding),
      groups_(convolution.groups),
      dtype_(dtype),
      own_(weight.is_cpu() && HasConvolutionKernel(convolution, images, dtype)),
      // oneDNN has no bfloat16 for processors without AVX-512.
      one_dnn_(weight.is_cpu() && !own_ &&
               (dtype == at::kFloat ||
                kernels::IsaSupported(kernels::Isa::kAvx512))) {
  const at::NoGradGuard no_grad;
  auto [scale, shift] = ByRunningStatistics(norm);
  if (bias.defined()) shift = shift + bias.to(at::kDouble) * scale;
  weight_ = weight.to(at::kDouble) * scale.view({-1, 1, 1, 1});
  if (own_) {
    weight_ = weight_.to(at::kFloat).contiguous();
    bias_ = shift.to(at::kFloat);
    return;
  }
  weight_ = ChannelsLast(weight_, dtype);
  bias_ = shift.to(dtype);
  if (!one_dnn_) return;
  weight_ = Call(
      "mkldnn::_reorder_convolution_weight", "",
      {weight_, Both(padding_), Both(stride_), Both(1), groups_, images.vec()});
}

at::Tensor FusedConvolution::operator()(const at::Tensor& x,
                                        const at::Tensor& add,
                                        bool relu) const {
  const at::Tensor in = ChannelsLast(x, dtype_);
  // What is added is overwritten if nobody else holds it.
  const auto taken = [&] {
    at::Tensor sum = ChannelsLast(add, dtype_);
    return sum.is_same(add) && add.use_count() > 2 ? sum.clone() : sum;
  };
  if (own_) {
    const at::Tensor out =
        add.defined()
            ? taken()
            : at::empty({in.size(0), weight_.size(0), in.size(2), in.size(3)},
                        in.options(), at::MemoryFormat::ChannelsLast);
    ConvolutionInto(in.movedim(1, 3), weight_, bias_,
                    add.defined() ? out : at::Tensor(), relu, out);
    return out;
  }
  if (!one_dnn_) {
    at::Tensor y =
        at::conv2d(in, weight_, bias_, stride_, padding_, 1, groups_);
    if (add.defined()) y.add_(add);
    return relu ? y.relu_() : y;
  }
  const c10::List<std::optional<at::Scalar>> no_scalars;
  const std::vector<c10::IValue> convolution = {
      weight_, bias_, Both(padding_), Both(stride_), Both(1), groups_};
  std::vector<c10::IValue> arguments = {in};
  if (add.defined()) {
    // (The operation that leaves it alone would copy it.)
    arguments = {taken(), in};
  }
  arguments.insert(arguments.end(), convolution.begin(), convolution.end());
  if (!add.defined()) {
    for (c10::IValue one : std::initializer_list<c10::IValue>{
             relu ? "relu" : "none", no_scalars, ""}) {
      arguments.push_back(std::move(one));
    }
    return Call("mkldnn::_convolution_pointwise", "", std::move(arguments));
  }
  for (c10::IValue one : std::initializer_list<c10::IValue>{
           "add", c10::IValue(), relu ? c10::IValue("relu") : c10::IValue(),
           no_scalars, c10::IValue()}) {
    arguments.push_back(std::move(one));
  }
  return Call("mkldnn::_convolution_pointwise_", "binary",
              std::move(arguments));
}

}  // namespace distill
