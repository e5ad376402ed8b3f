#include "models/convolution.h"

#include <algorithm>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/conv2d.h"
#include "ATen/ops/convolution_backward.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/flip.h"
#include "ATen/ops/zeros_like.h"
#include "base/known_gradient.h"
#include "c10/util/Exception.h"
#include "models/kernel_choice.h"
#include "models/kernels/convolution_kernels.h"
#include "models/kernels/isa.h"

namespace distill {
namespace {

using kernels::ConvolutionKernels;
using kernels::ConvolutionParams;

const ConvolutionKernels& Kernels() {
  return kernels::ConvolutionKernelsFor(ChosenIsa());
}

constexpr int kMultiple = 16;  // Of the channels.

ConvolutionParams ParamsOf(const at::Tensor& x, const at::Tensor& weight) {
  TORCH_CHECK(
      x.dim() == 4 && x.is_cpu() && x.is_contiguous() && x.size(1) % 2 == 0 &&
          x.size(2) % 2 == 0 && x.size(3) % kMultiple == 0 &&
          (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16),
      "x is ", x.scalar_type(), " ", x.sizes(),
      "; it must be [batch, height, width, in] of float32 or bfloat16, "
      "contiguous, with an even height and width and in a multiple of ",
      kMultiple);
  TORCH_CHECK(weight.dim() == 4 && weight.size(0) % kMultiple == 0 &&
                  weight.size(1) == x.size(3) && weight.size(2) == 3 &&
                  weight.size(3) == 3 && weight.scalar_type() == at::kFloat,
              "weight is ", weight.scalar_type(), " ", weight.sizes(),
              "; it must be float32 [a multiple of ", kMultiple, ", ",
              x.size(3), ", 3, 3]");
  ConvolutionParams params;
  params.height = static_cast<int>(x.size(1));
  params.width = static_cast<int>(x.size(2));
  params.in_channels = static_cast<int>(x.size(3));
  params.out_channels = static_cast<int>(weight.size(0));
  params.bfloat16 = x.scalar_type() == at::kBFloat16;
  return params;
}

at::Tensor NewOutput(const ConvolutionParams& params, const at::Tensor& x) {
  return at::empty(
      {x.size(0), params.height, params.width, params.out_channels},
      x.options());
}

// `bias` and `add` may be undefined.
void RunForward(const ConvolutionParams& params, const ConvolutionKernels& run,
                const at::Tensor& x, const at::Tensor& weight, bool transposed,
                const at::Tensor& bias, const at::Tensor& add, bool relu,
                const at::Tensor& out) {
  const void* const from = x.const_data_ptr();
  const float* const weights = weight.const_data_ptr<float>();
  const float* const biases =
      bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  const void* const added = add.defined() ? add.const_data_ptr() : nullptr;
  void* const to = out.mutable_data_ptr();
  at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
    run.forward(params, from, weights, transposed, biases, added, relu, to,
                begin, end, KernelWorkspace(run.forward_workspace(params)));
  });
}

// Sums are over parts of the batch, which are put together in their order,
// however many threads there are: so many images that reading the sums is
// little beside making them, and so many that all parts need little memory.
int64_t ImagesOfPart(const ConvolutionParams& params, int64_t batch) {
  constexpr int64_t kLeast = 8, kMostNumbers = int64_t{1} << 24;
  const int64_t sums = int64_t{16} * params.in_channels * params.out_channels;
  const int64_t numbers = int64_t{params.height} * params.width *
                          (params.in_channels + params.out_channels);
  const int64_t parts = std::max<int64_t>(kMostNumbers / sums, 1);
  return std::max({kLeast, 4 * sums / numbers, (batch + parts - 1) / parts});
}

at::Tensor WeightGradient(const ConvolutionParams& params,
                          const ConvolutionKernels& run, const at::Tensor& x,
                          const at::Tensor& gradient,
                          const at::Tensor& weight) {
  const int64_t batch = x.size(0), of_part = ImagesOfPart(params, batch);
  const int64_t parts = (batch + of_part - 1) / of_part;
  const int64_t size = int64_t{16} * params.in_channels * params.out_channels;
  const at::Tensor sums = at::empty({parts, size}, weight.options());
  at::Tensor grad_weight = at::empty(weight.sizes(), weight.options());
  const void* const from = x.const_data_ptr();
  const void* const gradients = gradient.const_data_ptr();
  float* const to_sums = sums.mutable_data_ptr<float>();
  float* const to = grad_weight.mutable_data_ptr<float>();
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      run.weight_sums(params, from, gradients, to_sums + part * size,
                      part * of_part, std::min(batch, (part + 1) * of_part),
                      KernelWorkspace(run.weight_sums_workspace(params)));
    }
  });
  at::parallel_for(
      0, params.in_channels, kMultiple, [&](int64_t begin, int64_t end) {
        run.weight_gradient(params, to_sums, parts, to, begin, end);
      });
  return grad_weight;
}

}  // namespace

bool HasConvolutionKernel(const Operation& operation, at::IntArrayRef images,
                          at::ScalarType dtype) {
  static const bool has_matrix_unit = kernels::HasBf16MatrixUnit();
  const Operation& o = operation;
  return o.kind == Operation::Kind::kConvolution && o.kernel == 3 &&
         o.stride == 1 && o.padding == 1 && o.groups == 1 &&
         o.outputs % kMultiple == 0 && images[1] % kMultiple == 0 &&
         images[2] % 2 == 0 && images[3] % 2 == 0 &&
         (dtype == at::kFloat || (dtype == at::kBFloat16 && !has_matrix_unit));
}

at::Tensor Convolution(const at::Tensor& x, const at::Tensor& weight) {
  const ConvolutionParams params = ParamsOf(x, weight);
  const ConvolutionKernels& run = Kernels();
  const bool needs_graph = at::GradMode::is_enabled() &&
                           (x.requires_grad() || weight.requires_grad());
  const std::vector<at::Tensor> inputs = {x, weight.contiguous()};
  const at::NoGradGuard no_grad;
  const at::Tensor out = NewOutput(params, x);
  RunForward(params, run, x, inputs[1], /*transposed=*/false, {}, {},
             /*relu=*/false, out);
  if (!needs_graph) return out;
  return WithKnownGradient(
      out, inputs, inputs,
      [params, &run](const std::vector<at::Tensor>& saved,
                     const at::Tensor& gradient,
                     const std::vector<bool>& needed) {
        std::vector<at::Tensor> gradients(2);
        if (needed[0]) {
          ConvolutionParams back = params;
          std::swap(back.in_channels, back.out_channels);
          gradients[0] = NewOutput(back, gradient);
          RunForward(back, run, gradient, saved[1], /*transposed=*/true, {}, {},
                     /*relu=*/false, gradients[0]);
        }
        if (needed[1]) {
          gradients[1] =
              WeightGradient(params, run, saved[0], gradient, saved[1]);
        }
        return gradients;
      });
}

void ConvolutionInto(const at::Tensor& x, const at::Tensor& weight,
                     const at::Tensor& bias, const at::Tensor& add, bool relu,
                     const at::Tensor& out) {
  RunForward(ParamsOf(x, weight), Kernels(), x, weight, /*transposed=*/false,
             bias, add, relu, out);
}

bool IsStridedDepthwise(const Operation& operation) {
  const Operation& o = operation;
  return o.kind == Operation::Kind::kConvolution && o.stride > 1 &&
         2 * o.padding == o.kernel - 1 && o.groups > 1 && o.groups == o.outputs;
}

at::Tensor StridedDepthwise(const Operation& operation, const at::Tensor& x,
                            const at::Tensor& weight) {
  const int64_t stride = operation.stride, padding = operation.padding;
  const auto convolve = [padding](const at::Tensor& images,
                                  const at::Tensor& weights, int64_t step) {
    return at::conv2d(images.movedim(3, 1), weights, {}, step, padding,
                      /*dilation=*/1, /*groups=*/images.size(3))
        .contiguous(at::MemoryFormat::ChannelsLast)
        .movedim(1, 3);
  };
  const bool needs_graph = at::GradMode::is_enabled() &&
                           (x.requires_grad() || weight.requires_grad());
  const at::NoGradGuard no_grad;
  const at::Tensor rounded = weight.to(x.scalar_type());
  const at::Tensor out = convolve(x, rounded, stride);
  if (!needs_graph) return out;
  return WithKnownGradient(
      out, {x, weight}, {x, rounded},
      [=](const std::vector<at::Tensor>& saved, const at::Tensor& gradient,
          const std::vector<bool>& needed) {
        std::vector<at::Tensor> gradients(2);
        if (needed[0]) {
          const at::Tensor spread = at::zeros_like(saved[0]);
          spread.slice(1, 0, spread.size(1), stride)
              .slice(2, 0, spread.size(2), stride)
              .copy_(gradient);
          gradients[0] = convolve(spread, saved[1].flip({2, 3}), 1);
        }
        if (needed[1]) {
          gradients[1] =
              std::get<1>(at::convolution_backward(
                              gradient.movedim(3, 1), saved[0].movedim(3, 1),
                              saved[1], {}, {stride, stride},
                              {padding, padding}, {1, 1}, /*transposed=*/false,
                              {0, 0}, saved[0].size(3), {false, true, false}))
                  .to(at::kFloat);
        }
        return gradients;
      });
}

}  // namespace distill
