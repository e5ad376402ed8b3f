#include "models/dense.h"

#include <algorithm>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/empty_like.h"
#include "ATen/ops/linear.h"
#include "ATen/ops/relu.h"
#include "base/known_gradient.h"
#include "models/gpu_kernels.h"
#include "models/kernel_choice.h"
#include "models/kernels/dense_kernels.h"

namespace distill {
namespace {

using kernels::DenseKernels;
using kernels::DenseParams;

// Multiply-adds below which a thread costs more to wake than it saves.
constexpr int64_t kWorkOfThread = int64_t{1} << 18;

const DenseKernels& Kernels() { return kernels::DenseKernelsFor(ChosenIsa()); }

DenseParams ParamsOf(const at::Tensor& x, const at::Tensor& weight, bool relu) {
  DenseParams params;
  params.batch = x.size(0);
  params.inputs = x.size(1);
  params.outputs = weight.size(0);
  params.relu = relu;
  return params;
}

// run(begin, end) for ranges of outputs, side by side where there is enough to
// do.
template <typename Run>
void ForOutputs(const DenseParams& params, const Run& run) {
  const int64_t of_output = std::max<int64_t>(params.batch * params.inputs, 1);
  at::parallel_for(0, params.outputs,
                   std::max<int64_t>(kWorkOfThread / of_output, 1), run);
}

at::Tensor RunForward(const DenseParams& params, const at::Tensor& x,
                      const at::Tensor& weight, const at::Tensor& bias) {
  at::Tensor out = at::empty({params.batch, params.outputs}, x.options());
  const float* from = x.const_data_ptr<float>();
  const float* weights = weight.const_data_ptr<float>();
  const float* biases = bias.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  const DenseKernels& run = Kernels();
  ForOutputs(params, [&](int64_t begin, int64_t end) {
    run.forward(params, from, weights, biases, to, begin, end);
  });
  return out;
}

// The bits of the nearest bfloat16 of each number.
at::Tensor Rounded(const DenseKernels& run, const at::Tensor& x) {
  at::Tensor rounded = at::empty_like(x, at::kBFloat16);
  const float* from = x.const_data_ptr<float>();
  auto* to = static_cast<uint16_t*>(rounded.mutable_data_ptr());
  constexpr int64_t kNumbersOfThread = int64_t{1} << 15;
  at::parallel_for(0, x.numel(), kNumbersOfThread,
                   [&](int64_t begin, int64_t end) {
                     run.round(from + begin, end - begin, to + begin);
                   });
  return rounded;
}

// Products of x and weight rounded to bfloat16, sums in float32.
at::Tensor RunForwardBFloat16(const DenseParams& params, const at::Tensor& x,
                              const at::Tensor& weight,
                              const at::Tensor& bias) {
  const DenseKernels& run = Kernels();
  if (run.forward_bfloat16 == nullptr) {
    const auto rounded = [](const at::Tensor& y) {
      return y.to(at::kBFloat16).to(at::kFloat);
    };
    return RunForward(params, rounded(x), rounded(weight), bias);
  }
  at::Tensor out = at::empty({params.batch, params.outputs}, x.options());
  const at::Tensor rounded_x = Rounded(run, x);
  const at::Tensor rounded_weight = Rounded(run, weight);
  const auto* from = static_cast<const uint16_t*>(rounded_x.const_data_ptr());
  const auto* weights =
      static_cast<const uint16_t*>(rounded_weight.const_data_ptr());
  const float* biases = bias.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  ForOutputs(params, [&](int64_t begin, int64_t end) {
    run.forward_bfloat16(params, from, weights, biases, to, begin, end);
  });
  return out;
}

// The gradients of x, weight and bias of which `needed` asks for; `saved` are
// x, weight and, with ReLU, the output.
std::vector<at::Tensor> Gradients(const std::vector<at::Tensor>& saved,
                                  const at::Tensor& gradient,
                                  const std::vector<bool>& needed) {
  const at::Tensor &x = saved[0], &weight = saved[1], &out = saved[2];
  const DenseParams params = ParamsOf(x, weight, out.defined());
  const float* gradients = gradient.const_data_ptr<float>();
  const float* outs = out.defined() ? out.const_data_ptr<float>() : nullptr;
  const DenseKernels& run = Kernels();
  const size_t workspace = run.workspace(params);

  at::Tensor grad_x, grad_weight, grad_bias;
  if (needed[1] || needed[2]) {
    grad_weight = at::empty_like(weight);
    grad_bias = at::empty({params.outputs}, weight.options());
    const float* from = x.const_data_ptr<float>();
    float* to = grad_weight.mutable_data_ptr<float>();
    float* to_bias = grad_bias.mutable_data_ptr<float>();
    ForOutputs(params, [&](int64_t begin, int64_t end) {
      run.weight_gradient(params, from, outs, gradients, to, to_bias, begin,
                          end, KernelWorkspace(workspace));
    });
  }
  if (needed[0]) {
    grad_x = at::empty_like(x);
    const float* from = weight.const_data_ptr<float>();
    float* to = grad_x.mutable_data_ptr<float>();
    at::parallel_for(
        0, params.batch,
        std::max<int64_t>(kWorkOfThread / (params.inputs * params.outputs), 1),
        [&](int64_t begin, int64_t end) {
          run.input_gradient(params, from, outs, gradients, to, begin, end,
                             KernelWorkspace(workspace));
        });
  }
  return {grad_x, grad_weight, grad_bias};
}

}  // namespace

at::Tensor Dense(const at::Tensor& x, const at::Tensor& weight,
                 const at::Tensor& bias, Activation activation,
                 at::ScalarType compute_dtype) {
  TORCH_CHECK(x.dim() == 2 && weight.dim() == 2 && weight.size(0) >= 1 &&
                  weight.size(1) >= 1 && weight.size(1) == x.size(1),
              "x is ", x.sizes(), " and weight ", weight.sizes(),
              "; they must be [batch, in] and [out, in]");
  TORCH_CHECK(bias.dim() == 1 && bias.size(0) == weight.size(0), "bias is ",
              bias.sizes(), "; it must be [", weight.size(0), "]");
  if (TakesGpuKernels(x)) {
    return GpuDense(x, weight, bias, activation == Activation::kRelu,
                    compute_dtype);
  }
  if (!x.device().is_cpu() || x.scalar_type() == at::kDouble) {
    return DenseComposed(
        x, weight, bias, activation,
        x.scalar_type() == at::kDouble ? at::kDouble : compute_dtype);
  }
  TORCH_CHECK(
      x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
          bias.scalar_type() == at::kFloat,
      "x, weight and bias are ", x.scalar_type(), ", ", weight.scalar_type(),
      " and ", bias.scalar_type(), "; all must be float32 (or float64)");
  const bool relu = activation == Activation::kRelu;
  const bool needs_graph =
      at::GradMode::is_enabled() &&
      (x.requires_grad() || weight.requires_grad() || bias.requires_grad());
  const std::vector<at::Tensor> inputs = {x.contiguous(), weight.contiguous(),
                                          bias.contiguous()};
  const at::NoGradGuard no_grad;
  const auto run =
      compute_dtype == at::kBFloat16 ? RunForwardBFloat16 : RunForward;
  const at::Tensor out =
      run(ParamsOf(x, weight, relu), inputs[0], inputs[1], inputs[2]);
  if (!needs_graph) return out;
  return WithKnownGradient(out, inputs,
                           {inputs[0], inputs[1], relu ? out : at::Tensor()},
                           Gradients);
}

at::Tensor DenseComposed(const at::Tensor& x, const at::Tensor& weight,
                         const at::Tensor& bias, Activation activation,
                         at::ScalarType compute_dtype) {
  const at::Tensor y = at::linear(x.to(compute_dtype), weight.to(compute_dtype),
                                  bias.to(compute_dtype));
  return activation == Activation::kRelu ? at::relu(y) : y;
}

}  // namespace distill
