#include "models/gpu_kernels.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <random>
#include <vector>

#include "ATen/Context.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/empty_like.h"
#include "base/known_gradient.h"
#include "models/gpu_stream.h"
#include "models/kernels/phases.h"

namespace distill {
namespace {

using kernels::Adam;
using kernels::AdamTensors;
using kernels::OneChannelParams;
using kernels::ProductParams;

std::atomic<GpuKernels>& Choice() {
  static std::atomic<GpuKernels> choice{GpuKernels::kLibTorch};
  return choice;
}

// Whether `count` neighbours, from any of these arrays' multiples of `count`
// on, can be read four at a time.
bool InFours(int64_t count, std::initializer_list<const void*> arrays) {
  return count % 4 == 0 &&
         std::none_of(arrays.begin(), arrays.end(), [](const void* at) {
           return reinterpret_cast<uintptr_t>(at) % 16 != 0;
         });
}

// On x's device.
template <typename Kernel>
void Enqueue(const at::Tensor& x, const typename Kernel::Params& params,
             int64_t blocks) {
  if (x.is_cuda()) {
    EnqueueKernel<Kernel>(x, params, static_cast<int>(blocks));
    return;
  }
  // Another order each time: what depends on it is seen.
  static std::atomic<unsigned> runs{0};
  std::minstd_rand draws(++runs);
  std::vector<int> order(Kernel::kThreads);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), draws);
  kernels::RunOnHost<Kernel>(params, static_cast<int>(blocks), order);
}

// Blocks that are to be had of a product whose tiles are few: two and more for
// each multiprocessor of a large card. A constant, so that sums are the same on
// every card.
constexpr int64_t kWantedBlocks = 264;
// Steps of the depth that a block has at least.
constexpr int64_t kLeastSteps = 4;

// The product [m, k] times [k, n] of `work`.
template <typename Work>
void Multiply(const at::Tensor& x, const Work& work, int64_t m, int64_t n,
              int64_t k, at::ScalarType dtype) {
  ProductParams<Work> params = {
      work,   static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), 1,
      nullptr};
  const int64_t tiles = kernels::ProductBlocks(params);
  at::Tensor parts;
  if constexpr (!Work::kWindows) {
    const int64_t steps = (k + 31) / 32;
    params.splits = static_cast<int>(
        std::clamp<int64_t>(kWantedBlocks / std::max<int64_t>(tiles, 1), 1,
                            std::max<int64_t>(steps / kLeastSteps, 1)));
    if (params.splits > 1) {
      parts = at::empty({params.splits, m, n}, x.options().dtype(at::kFloat));
      params.parts = parts.mutable_data_ptr<float>();
    }
  }
  const int64_t blocks = tiles * params.splits;
  if (dtype == at::kBFloat16) {
    Enqueue<kernels::Product<Work, kernels::BFloat16Products>>(x, params,
                                                               blocks);
  } else if (at::globalContext().allowTF32CuBLAS()) {
    Enqueue<kernels::Product<Work, kernels::Tf32Products>>(x, params, blocks);
  } else {
    Enqueue<kernels::Product<Work, kernels::Float32Products>>(x, params,
                                                              blocks);
  }
  if constexpr (!Work::kWindows) {
    using Sum = kernels::SumParts<Work>;
    if (params.splits > 1) {
      Enqueue<Sum>(x, params, (m * n + Sum::kThreads - 1) / Sum::kThreads);
    }
  }
}

bool NeedsGraph(const std::vector<at::Tensor>& inputs) {
  return at::GradMode::is_enabled() &&
         std::any_of(inputs.begin(), inputs.end(),
                     [](const at::Tensor& one) { return one.requires_grad(); });
}

// {x, weight, bias}, of which the gradients are asked for.
std::vector<at::Tensor> NewGradients(const std::vector<at::Tensor>& inputs) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(inputs.size());
  for (const at::Tensor& one : inputs) {
    gradients.push_back(at::empty(one.sizes(), one.options()));
  }
  return gradients;
}

kernels::ConvBlockArrays ArraysOf(const at::Tensor& x, const at::Tensor& weight,
                                  bool channels_first) {
  kernels::ConvBlockArrays arrays = {};
  arrays.images = static_cast<int>(x.size(0));
  arrays.height = static_cast<int>(x.size(1));
  arrays.width = static_cast<int>(x.size(2));
  arrays.in = static_cast<int>(x.size(3));
  arrays.out = static_cast<int>(weight.size(0));
  arrays.by_windows = kernels::Divider(arrays.Windows());
  arrays.by_windows_wide = kernels::Divider(arrays.WindowsWide());
  arrays.by_pixels = kernels::Divider(arrays.height * arrays.width);
  arrays.by_width = kernels::Divider(arrays.width);
  arrays.by_in = kernels::Divider(arrays.in);
  arrays.by_out = kernels::Divider(arrays.out);
  arrays.channels_first = channels_first;
  arrays.x = x.const_data_ptr<float>();
  arrays.weight = weight.const_data_ptr<float>();
  arrays.four_in = InFours(arrays.in, {arrays.x});
  arrays.four_out = InFours(arrays.out, {});
  return arrays;
}

// One input channel: windows of an image that a thread has, about.
constexpr int64_t kOutputsOfThread = 4;
// Blocks of the gradient, of which each has some images.
constexpr int64_t kGradientBlocks = 128;

void OneChannelForward(const at::Tensor& x,
                       const kernels::ConvBlockArrays& arrays) {
  OneChannelParams params = {arrays, 1, nullptr};
  const int64_t outputs = int64_t{arrays.Windows()} * arrays.out;
  const int64_t of_block =
      kOutputsOfThread * kernels::OneChannelForward::kThreads;
  params.splits = static_cast<int>((outputs + of_block - 1) / of_block);
  Enqueue<kernels::OneChannelForward>(x, params,
                                      int64_t{arrays.images} * params.splits);
}

void OneChannelWeightGradient(const at::Tensor& x,
                              const kernels::ConvBlockArrays& arrays) {
  OneChannelParams params = {arrays, 1, nullptr};
  params.splits =
      static_cast<int>(std::min<int64_t>(kGradientBlocks, arrays.images));
  const at::Tensor parts =
      at::empty({params.splits, arrays.out, 10}, x.options());
  params.parts = parts.mutable_data_ptr<float>();
  Enqueue<kernels::OneChannelWeightGradient>(x, params, params.splits);
  using Sum = kernels::SumParts<kernels::OneChannelSums>;
  Enqueue<Sum>(x, {{arrays}, arrays.out, 10, 0, params.splits, params.parts},
               (int64_t{10} * arrays.out + Sum::kThreads - 1) / Sum::kThreads);
}

std::vector<at::Tensor> ConvBlockGradients(const std::vector<at::Tensor>& saved,
                                           const at::Tensor& gradient,
                                           const std::vector<bool>& needed,
                                           at::ScalarType dtype,
                                           bool channels_first) {
  const at::Tensor &x = saved[0], &weight = saved[1], &winner = saved[3];
  std::vector<at::Tensor> gradients = NewGradients({x, weight, saved[2]});
  kernels::ConvBlockArrays arrays = ArraysOf(x, weight, channels_first);
  arrays.winner = winner.mutable_data_ptr<uint8_t>();
  arrays.grad_out = gradient.const_data_ptr<float>();
  arrays.grad_x = gradients[0].mutable_data_ptr<float>();
  arrays.grad_weight = gradients[1].mutable_data_ptr<float>();
  arrays.grad_bias = gradients[2].mutable_data_ptr<float>();
  const int64_t pixels = int64_t{arrays.images} * arrays.height * arrays.width;
  if (needed[1] || needed[2]) {
    if (arrays.in == 1) {
      OneChannelWeightGradient(x, arrays);
    } else {
      Multiply(x, kernels::ConvBlockWeightGradient{arrays}, arrays.out,
               9 * arrays.in + 1, pixels, dtype);
    }
  }
  if (needed[0]) {
    Multiply(x, kernels::ConvBlockInputGradient{arrays}, pixels, arrays.in,
             9 * arrays.out, dtype);
  }
  return gradients;
}

kernels::DenseArrays ArraysOf(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& out) {
  kernels::DenseArrays arrays = {};
  arrays.batch = static_cast<int>(x.size(0));
  arrays.inputs = static_cast<int>(x.size(1));
  arrays.outputs = static_cast<int>(weight.size(0));
  arrays.x = x.const_data_ptr<float>();
  arrays.weight = weight.const_data_ptr<float>();
  arrays.relu = out.defined();
  if (arrays.relu) arrays.out = out.mutable_data_ptr<float>();
  arrays.four_inputs = InFours(arrays.inputs, {arrays.x, arrays.weight});
  return arrays;
}

std::vector<at::Tensor> DenseGradients(const std::vector<at::Tensor>& saved,
                                       const at::Tensor& gradient,
                                       const std::vector<bool>& needed,
                                       at::ScalarType dtype) {
  const at::Tensor &x = saved[0], &weight = saved[1];
  std::vector<at::Tensor> gradients = NewGradients({x, weight, saved[2]});
  kernels::DenseArrays arrays = ArraysOf(x, weight, saved[3]);
  arrays.grad_out = gradient.const_data_ptr<float>();
  arrays.four_outputs = InFours(arrays.outputs, {arrays.grad_out, arrays.out});
  arrays.grad_x = gradients[0].mutable_data_ptr<float>();
  arrays.grad_weight = gradients[1].mutable_data_ptr<float>();
  arrays.grad_bias = gradients[2].mutable_data_ptr<float>();
  if (needed[1] || needed[2]) {
    Multiply(x, kernels::DenseWeightGradient{arrays}, arrays.outputs,
             int64_t{arrays.inputs} + 1, arrays.batch, dtype);
  }
  if (needed[0]) {
    Multiply(x, kernels::DenseInputGradient{arrays}, arrays.batch,
             arrays.inputs, arrays.outputs, dtype);
  }
  return gradients;
}

}  // namespace

GpuKernels ChosenGpuKernels() { return Choice().load(); }
void SetGpuKernels(GpuKernels kernels) { Choice().store(kernels); }

bool TakesGpuKernels(const at::Tensor& x) {
  const GpuKernels choice = ChosenGpuKernels();
  // (No output of theirs is 64 times as large as its input.)
  return x.scalar_type() == at::kFloat && x.numel() < (int64_t{1} << 25) &&
         (choice == GpuKernels::kOwnOnHost ||
          (choice == GpuKernels::kOwn && x.is_cuda()));
}

bool TakesGpuConvBlock(const at::Tensor& x, int64_t out) {
  return TakesGpuKernels(x) &&
         (x.size(3) > 1 ||
          ((x.size(1) + 2) * (x.size(2) + 2) <= kernels::kOneChannelPixels &&
           out <= kernels::kOneChannelOutputs));
}

at::Tensor GpuConvBlock(const at::Tensor& x, const at::Tensor& weight,
                        const at::Tensor& bias, at::ScalarType dtype,
                        bool channels_first) {
  const std::vector<at::Tensor> inputs = {x.contiguous(), weight.contiguous(),
                                          bias.contiguous()};
  const bool needs_graph = NeedsGraph({x, weight, bias});
  const at::NoGradGuard no_grad;
  kernels::ConvBlockArrays arrays =
      ArraysOf(inputs[0], inputs[1], channels_first);
  const int64_t high = arrays.height / 2, wide = arrays.width / 2;
  const at::Tensor out =
      channels_first
          ? at::empty({arrays.images, arrays.out, high, wide}, x.options())
          : at::empty({arrays.images, high, wide, arrays.out}, x.options());
  const at::Tensor winner =
      needs_graph ? at::empty(out.sizes(), x.options().dtype(at::kByte))
                  : at::Tensor();
  arrays.bias = inputs[2].const_data_ptr<float>();
  arrays.y = out.mutable_data_ptr<float>();
  if (needs_graph) arrays.winner = winner.mutable_data_ptr<uint8_t>();
  if (arrays.in == 1) {
    OneChannelForward(x, arrays);
  } else {
    const kernels::ConvBlockForward work = {arrays};
    Multiply(x, work, work.Rows(), arrays.out, 9 * arrays.in, dtype);
  }
  if (!needs_graph) return out;
  return WithKnownGradient(
      out, inputs, {inputs[0], inputs[1], inputs[2], winner},
      [=](const std::vector<at::Tensor>& saved, const at::Tensor& gradient,
          const std::vector<bool>& needed) {
        return ConvBlockGradients(saved, gradient, needed, dtype,
                                  channels_first);
      });
}

at::Tensor GpuDense(const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias, bool relu, at::ScalarType dtype) {
  const std::vector<at::Tensor> inputs = {x.contiguous(), weight.contiguous(),
                                          bias.contiguous()};
  const bool needs_graph = NeedsGraph({x, weight, bias});
  const at::NoGradGuard no_grad;
  const at::Tensor out = at::empty({x.size(0), weight.size(0)}, x.options());
  kernels::DenseForward work = {ArraysOf(inputs[0], inputs[1], out)};
  work.relu = relu;
  work.bias = inputs[2].const_data_ptr<float>();
  Multiply(x, work, work.batch, work.outputs, work.inputs, dtype);
  if (!needs_graph) return out;
  return WithKnownGradient(
      out, inputs, {inputs[0], inputs[1], inputs[2], relu ? out : at::Tensor()},
      [dtype](const std::vector<at::Tensor>& saved, const at::Tensor& gradient,
              const std::vector<bool>& needed) {
        return DenseGradients(saved, gradient, needed, dtype);
      });
}

void GpuAdam(const std::vector<at::Tensor>& parameters,
             const std::vector<at::Tensor>& gradients,
             const std::vector<at::Tensor>& means,
             const std::vector<at::Tensor>& squares,
             const std::vector<at::Tensor>& steps,
             const at::Tensor& learning_rate, const AdamRates& rates) {
  constexpr size_t kMost = AdamTensors::kMost;
  for (size_t begin = 0; begin < parameters.size(); begin += kMost) {
    AdamTensors tensors = {};
    for (size_t i = begin; i < std::min(begin + kMost, parameters.size());
         ++i) {
      const int at = tensors.count++;
      tensors.parameter[at] = parameters[i].mutable_data_ptr<float>();
      tensors.gradient[at] = gradients[i].const_data_ptr<float>();
      tensors.mean[at] = means[i].mutable_data_ptr<float>();
      tensors.square[at] = squares[i].mutable_data_ptr<float>();
      tensors.step[at] = steps[i].const_data_ptr<float>();
      tensors.size[at] = parameters[i].numel();
      tensors.first_block[at + 1] =
          tensors.first_block[at] +
          static_cast<int>((parameters[i].numel() + Adam::kNumbers - 1) /
                           Adam::kNumbers);
    }
    tensors.learning_rate = learning_rate.const_data_ptr<float>();
    tensors.beta1 = rates.beta1;
    tensors.beta2 = rates.beta2;
    tensors.epsilon = static_cast<float>(rates.epsilon);
    tensors.weight_decay = static_cast<float>(rates.weight_decay);
    Enqueue<Adam>(parameters[begin], tensors,
                  tensors.first_block[tensors.count]);
  }
}

}  // namespace distill
