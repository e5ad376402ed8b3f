#include "models/conv_block.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/conv2d.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/max_pool2d.h"
#include "ATen/ops/relu.h"
#include "base/known_gradient.h"
#include "models/gpu_kernels.h"
#include "models/kernel_choice.h"
#include "models/kernels/conv_block_kernels.h"

namespace distill {
namespace {

using kernels::ConvBlockKernels;
using kernels::ConvBlockParams;

const ConvBlockKernels& Kernels() {
  return kernels::ConvBlockKernelsFor(ChosenIsa());
}

struct Options {
  ConvBlockParams params;
  const ConvBlockKernels* kernels;
};

at::Tensor NewOutput(const ConvBlockParams& p, int64_t batch,
                     const at::TensorOptions& options) {
  const int64_t height = p.height / 2, width = p.width / 2;
  return p.channels_first
             ? at::empty({batch, p.out_channels, height, width}, options)
             : at::empty({batch, height, width, p.out_channels}, options);
}

// `winner` may be undefined.
void RunForward(const Options& options, const at::Tensor& x,
                const at::Tensor& weight, const at::Tensor& bias,
                const at::Tensor& out, const at::Tensor& winner) {
  const float* from = x.const_data_ptr<float>();
  const float* weights = weight.const_data_ptr<float>();
  const float* biases = bias.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  uint8_t* winners =
      winner.defined() ? winner.mutable_data_ptr<uint8_t>() : nullptr;
  const ConvBlockParams& params = options.params;
  const ConvBlockKernels& run = *options.kernels;
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    run.forward(params, from, weights, biases, to, winners, begin, end,
                KernelWorkspace(run.forward_workspace(params)));
  });
}

// Both gradients at once: {weight, bias}.
std::pair<at::Tensor, at::Tensor> RunWeightGradient(const Options& options,
                                                    const at::Tensor& x,
                                                    const at::Tensor& gradient,
                                                    const at::Tensor& winner) {
  const ConvBlockParams& params = options.params;
  const ConvBlockKernels& run = *options.kernels;
  const int64_t batch = x.size(0), out = params.out_channels;
  const float* from = x.const_data_ptr<float>();
  const float* gradients = gradient.const_data_ptr<float>();
  const uint8_t* winners = winner.const_data_ptr<uint8_t>();
  if (params.in_channels > 1) {
    at::Tensor weight = at::empty({out, params.in_channels, 3, 3}, x.options());
    at::Tensor bias = at::empty({out}, x.options());
    float* to_weight = weight.mutable_data_ptr<float>();
    float* to_bias = bias.mutable_data_ptr<float>();
    at::parallel_for(0, out, 1, [&](int64_t begin, int64_t end) {
      run.weight_gradient(
          params, from, gradients, winners, to_weight, to_bias, 0, batch,
          static_cast<int>(begin), static_cast<int>(end),
          KernelWorkspace(run.weight_gradient_workspace(params)));
    });
    return {weight, bias};
  }
  // With one input channel a vector holds output channels, of which there are
  // too few to divide among threads. So images are, into parts of a fixed size:
  // the sums do not depend on the number of threads.
  constexpr int64_t kPart = 8;
  const int64_t parts = std::max<int64_t>((batch + kPart - 1) / kPart, 1);
  at::Tensor weight = at::empty({parts, out, 1, 3, 3}, x.options());
  at::Tensor bias = at::empty({parts, out}, x.options());
  float* to_weight = weight.mutable_data_ptr<float>();
  float* to_bias = bias.mutable_data_ptr<float>();
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      run.weight_gradient(
          params, from, gradients, winners, to_weight + part * out * 9,
          to_bias + part * out, part * kPart,
          std::min(batch, (part + 1) * kPart), 0, params.out_channels,
          KernelWorkspace(run.weight_gradient_workspace(params)));
    }
  });
  for (int64_t part = 1; part < parts; ++part) {
    for (int64_t i = 0; i < out * 9; ++i) {
      to_weight[i] += to_weight[part * out * 9 + i];
    }
    for (int64_t i = 0; i < out; ++i) to_bias[i] += to_bias[part * out + i];
  }
  return {weight[0], bias[0]};
}

at::Tensor RunInputGradient(const Options& options, const at::Tensor& weight,
                            const at::Tensor& gradient,
                            const at::Tensor& winner) {
  const ConvBlockParams& params = options.params;
  const ConvBlockKernels& run = *options.kernels;
  at::Tensor grad_x = at::empty(
      {gradient.size(0), params.height, params.width, params.in_channels},
      gradient.options());
  const float* weights = weight.const_data_ptr<float>();
  const float* gradients = gradient.const_data_ptr<float>();
  const uint8_t* winners = winner.const_data_ptr<uint8_t>();
  float* to = grad_x.mutable_data_ptr<float>();
  at::parallel_for(0, gradient.size(0), 1, [&](int64_t begin, int64_t end) {
    run.input_gradient(params, weights, gradients, winners, to, begin, end,
                       KernelWorkspace(run.input_gradient_workspace(params)));
  });
  return grad_x;
}

// The gradients of x, weight and bias of which `needed` asks for; `saved` are
// x, weight and the winners.
std::vector<at::Tensor> Gradients(const Options& options,
                                  const std::vector<at::Tensor>& saved,
                                  const at::Tensor& gradient,
                                  const std::vector<bool>& needed) {
  at::Tensor grad_x;
  std::pair<at::Tensor, at::Tensor> of_weight;
  if (needed[1] || needed[2]) {
    of_weight = RunWeightGradient(options, saved[0], gradient, saved[2]);
  }
  if (needed[0]) {
    grad_x = RunInputGradient(options, saved[1], gradient, saved[2]);
  }
  return {grad_x, of_weight.first, of_weight.second};
}

void CheckShapes(const at::Tensor& x, const at::Tensor& weight,
                 const at::Tensor& bias) {
  TORCH_CHECK(x.dim() == 4 && x.size(1) >= 2 && x.size(2) >= 2, "x is ",
              x.sizes(),
              "; it must be [batch, height, width, in] with at least 2 x 2 "
              "pixels");
  TORCH_CHECK(weight.dim() == 4 && weight.size(0) >= 1 &&
                  weight.size(1) == x.size(3) && weight.size(1) >= 1 &&
                  weight.size(2) == 3 && weight.size(3) == 3,
              "weight is ", weight.sizes(), "; it must be [out, ", x.size(3),
              ", 3, 3] for x of ", x.sizes());
  TORCH_CHECK(bias.dim() == 1 && bias.size(0) == weight.size(0), "bias is ",
              bias.sizes(), "; it must be [", weight.size(0), "]");
}

}  // namespace

at::Tensor ConvBlock(const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& bias, at::ScalarType compute_dtype,
                     ConvBlockOutput output) {
  CheckShapes(x, weight, bias);
  if (TakesGpuConvBlock(x, weight.size(0))) {
    return GpuConvBlock(x, weight, bias, compute_dtype,
                        output == ConvBlockOutput::kChannelsFirst);
  }
  if (!x.is_cpu() || x.scalar_type() == at::kDouble) {
    return ConvBlockComposed(
        x, weight, bias,
        x.scalar_type() == at::kDouble ? at::kDouble : compute_dtype, output);
  }
  TORCH_CHECK(
      x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat &&
          bias.scalar_type() == at::kFloat,
      "x, weight and bias are ", x.scalar_type(), ", ", weight.scalar_type(),
      " and ", bias.scalar_type(), "; all must be float32 (or float64)");
  TORCH_CHECK(compute_dtype == at::kFloat || compute_dtype == at::kBFloat16,
              "compute_dtype is ", compute_dtype,
              "; it must be float32 or bfloat16");
  Options options;
  options.params.height = static_cast<int>(x.size(1));
  options.params.width = static_cast<int>(x.size(2));
  options.params.in_channels = static_cast<int>(x.size(3));
  options.params.out_channels = static_cast<int>(weight.size(0));
  options.params.bfloat16 = compute_dtype == at::kBFloat16;
  options.params.channels_first = output == ConvBlockOutput::kChannelsFirst;
  options.kernels = &Kernels();
  const bool needs_graph =
      at::GradMode::is_enabled() &&
      (x.requires_grad() || weight.requires_grad() || bias.requires_grad());
  const std::vector<at::Tensor> inputs = {x.contiguous(), weight.contiguous(),
                                          bias.contiguous()};
  const at::NoGradGuard no_grad;
  const at::Tensor out = NewOutput(options.params, x.size(0), x.options());
  const at::Tensor winner =
      needs_graph ? at::empty(out.sizes(), x.options().dtype(at::kByte))
                  : at::Tensor();
  RunForward(options, inputs[0], inputs[1], inputs[2], out, winner);
  if (!needs_graph) return out;
  return WithKnownGradient(
      out, inputs, {inputs[0], inputs[1], winner},
      [options](const std::vector<at::Tensor>& saved,
                const at::Tensor& gradient, const std::vector<bool>& needed) {
        return Gradients(options, saved, gradient, needed);
      });
}

at::Tensor ConvBlockComposed(const at::Tensor& x, const at::Tensor& weight,
                             const at::Tensor& bias,
                             at::ScalarType compute_dtype,
                             ConvBlockOutput output) {
  CheckShapes(x, weight, bias);
  // As a view this is LibTorch's channels-last layout, in which its operations
  // on the CPU need less than half the time.
  at::Tensor y = at::conv2d(x.to(compute_dtype).permute({0, 3, 1, 2}),
                            weight.to(compute_dtype), bias.to(compute_dtype),
                            /*stride=*/1, /*padding=*/1);
  // The same function as ReLU before pooling, on a quarter of the data.
  y = at::relu(at::max_pool2d(y, 2));
  if (output == ConvBlockOutput::kChannelsLast) y = y.permute({0, 2, 3, 1});
  return y.contiguous();
}

}  // namespace distill
