// bazel run //bench:kernels: each inner loop of the CPU alone, on one core.
//
// Rows: kernel / layer / format, for a batch of 64 images of the
// specification's models. of_matrix_rate is the share of what LibTorch's
// product of large matrices of that format does on one core in this run.
// Operations are counted by the definition, so that loops which need fewer
// (Winograd's convolution; gradients known to be zero) can come out above it.
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/ops/conv2d.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "bench/device_timer.h"
#include "bench/matrix_rate.h"
#include "benchmark/benchmark.h"
#include "losses/kernels/kd_row.h"
#include "models/batch_norm.h"
#include "models/convolution.h"
#include "models/kernel_choice.h"
#include "models/kernels/conv_block_kernels.h"
#include "models/kernels/dense_kernels.h"

namespace distill {
namespace {

using kernels::ConvBlockKernels;
using kernels::ConvBlockParams;
using kernels::DenseKernels;
using kernels::DenseParams;

constexpr int64_t kBatch = 64;

std::vector<float> Draw(int64_t count, const std::string& purpose) {
  Random random(0, purpose);
  std::vector<float> numbers(count);
  for (float& number : numbers) {
    number = static_cast<float>(2 * random.Uniform() - 1);
  }
  return numbers;
}

// Floating-point operations a second of one core, by format.
double MatrixRateOf(at::ScalarType dtype) {
  static std::map<at::ScalarType, double> rates;
  auto found = rates.find(dtype);
  if (found == rates.end()) {
    found = rates.emplace(dtype, MatrixRate(at::kCPU, dtype)).first;
  }
  return found->second;
}

// Registers a row. `make` gives, when the row's turn comes, what to time.
void AddRow(const std::string& name, double flop, at::ScalarType dtype,
            const std::function<std::function<void()>()>& make) {
  const auto run = [=](benchmark::State& state) {
    const std::function<void()> work = make();
    work();  // Caches and workspace.
    double seconds = 0;
    for (auto _ : state) {
      const double once = DeviceSeconds(at::kCPU, work);
      state.SetIterationTime(once);
      seconds += once;
    }
    const auto count = static_cast<int64_t>(state.iterations());
    state.SetItemsProcessed(count * kBatch);
    if (flop == 0) return;
    const double rate = static_cast<double>(count) * flop / seconds;
    state.counters["GFLOP/s"] = rate / 1e9;
    state.counters["of_matrix_rate"] = rate / MatrixRateOf(dtype);
  };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Unit(benchmark::kMicrosecond)
      ->UseManualTime();
}

// The arrays of one block, drawn; the winners are those of the forward pass.
struct ConvBlockArrays {
  ConvBlockArrays(const ConvBlockKernels& kernels, const ConvBlockParams& p) {
    const int64_t inputs = int64_t{p.height} * p.width * p.in_channels;
    const int64_t outputs =
        int64_t{p.height / 2} * (p.width / 2) * p.out_channels;
    x = Draw(kBatch * inputs, "x");
    weight = Draw(int64_t{p.out_channels} * p.in_channels * 9, "weight");
    bias = Draw(p.out_channels, "bias");
    grad_out = Draw(kBatch * outputs, "gradient");
    out.resize(grad_out.size());
    winner.resize(grad_out.size());
    grad_x.resize(x.size());
    grad_weight.resize(weight.size());
    grad_bias.resize(bias.size());
    kernels.forward(p, x.data(), weight.data(), bias.data(), out.data(),
                    winner.data(), 0, kBatch,
                    KernelWorkspace(kernels.forward_workspace(p)));
  }
  std::vector<float> x, weight, bias, out, grad_out, grad_x, grad_weight,
      grad_bias;
  std::vector<uint8_t> winner;
};

void AddConvBlock(const std::string& layer, const ConvBlockParams& params) {
  const ConvBlockKernels& kernels = kernels::ConvBlockKernelsFor(ChosenIsa());
  const double flop = 2.0 * static_cast<double>(kBatch) * params.height *
                      params.width * 9 * params.in_channels *
                      params.out_channels;
  using Run = std::function<void(const ConvBlockParams&, ConvBlockArrays&)>;
  const auto add = [&](const std::string& kernel, const ConvBlockParams& p,
                       const Run& run) {
    AddRow(absl::StrCat("conv_block_", kernel, "/", layer,
                        p.bfloat16 ? "/bf16" : "/f32"),
           flop, p.bfloat16 ? at::kBFloat16 : at::kFloat, [=, &kernels] {
             auto arrays = std::make_shared<ConvBlockArrays>(kernels, p);
             return [=] { run(p, *arrays); };
           });
  };
  for (bool bfloat16 : {false, true}) {
    if (bfloat16 && params.in_channels == 1) continue;
    ConvBlockParams p = params;
    p.bfloat16 = bfloat16;
    for (bool training : {false, true}) {
      add(training ? "forward_training" : "forward", p,
          [=, &kernels](const ConvBlockParams& q, ConvBlockArrays& a) {
            kernels.forward(q, a.x.data(), a.weight.data(), a.bias.data(),
                            a.out.data(), training ? a.winner.data() : nullptr,
                            0, kBatch,
                            KernelWorkspace(kernels.forward_workspace(q)));
          });
    }
  }
  add("weight_gradient", params,
      [&kernels](const ConvBlockParams& p, ConvBlockArrays& a) {
        kernels.weight_gradient(
            p, a.x.data(), a.grad_out.data(), a.winner.data(),
            a.grad_weight.data(), a.grad_bias.data(), 0, kBatch, 0,
            p.out_channels,
            KernelWorkspace(kernels.weight_gradient_workspace(p)));
      });
  if (params.in_channels == 1) return;  // A first layer's is not needed.
  add("input_gradient", params,
      [&kernels](const ConvBlockParams& p, ConvBlockArrays& a) {
        kernels.input_gradient(
            p, a.weight.data(), a.grad_out.data(), a.winner.data(),
            a.grad_x.data(), 0, kBatch,
            KernelWorkspace(kernels.input_gradient_workspace(p)));
      });
}

struct DenseArrays {
  DenseArrays(const DenseKernels& kernels, const DenseParams& p) {
    x = Draw(p.batch * p.inputs, "x");
    weight = Draw(p.outputs * p.inputs, "weight");
    bias = Draw(p.outputs, "bias");
    grad_out = Draw(p.batch * p.outputs, "gradient");
    out.resize(grad_out.size());
    grad_x.resize(x.size());
    grad_weight.resize(weight.size());
    grad_bias.resize(bias.size());
    rounded_x.resize(x.size());
    rounded_weight.resize(weight.size());
    kernels.forward(p, x.data(), weight.data(), bias.data(), out.data(), 0,
                    p.outputs);
  }
  std::vector<float> x, weight, bias, out, grad_out, grad_x, grad_weight,
      grad_bias;
  std::vector<uint16_t> rounded_x, rounded_weight;
};

void AddDense(const std::string& layer, const DenseParams& params) {
  const DenseKernels& kernels = kernels::DenseKernelsFor(ChosenIsa());
  const double flop =
      2.0 * static_cast<double>(params.batch * params.inputs * params.outputs);
  using Run = std::function<void(DenseArrays&)>;
  const auto add = [&](const std::string& kernel, at::ScalarType dtype,
                       const Run& run) {
    AddRow(absl::StrCat("dense_", kernel, "/", layer,
                        dtype == at::kFloat ? "/f32" : "/bf16"),
           flop, dtype, [=, &kernels] {
             auto arrays = std::make_shared<DenseArrays>(kernels, params);
             return [=] { run(*arrays); };
           });
  };
  add("forward", at::kFloat, [=, &kernels](DenseArrays& a) {
    kernels.forward(params, a.x.data(), a.weight.data(), a.bias.data(),
                    a.out.data(), 0, params.outputs);
  });
  if (kernels.forward_bfloat16 != nullptr && params.relu) {
    add("forward", at::kBFloat16, [=, &kernels](DenseArrays& a) {
      kernels.round(a.x.data(), params.batch * params.inputs,
                    a.rounded_x.data());
      kernels.round(a.weight.data(), params.outputs * params.inputs,
                    a.rounded_weight.data());
      kernels.forward_bfloat16(params, a.rounded_x.data(),
                               a.rounded_weight.data(), a.bias.data(),
                               a.out.data(), 0, params.outputs);
    });
  }
  add("weight_gradient", at::kFloat, [=, &kernels](DenseArrays& a) {
    kernels.weight_gradient(params, a.x.data(), a.out.data(), a.grad_out.data(),
                            a.grad_weight.data(), a.grad_bias.data(), 0,
                            params.outputs,
                            KernelWorkspace(kernels.workspace(params)));
  });
  add("input_gradient", at::kFloat, [=, &kernels](DenseArrays& a) {
    kernels.input_gradient(params, a.weight.data(), a.out.data(),
                           a.grad_out.data(), a.grad_x.data(), 0, params.batch,
                           KernelWorkspace(kernels.workspace(params)));
  });
}

// Loss and gradient of a batch: exponentials, not products, so without a share.
void AddKdRow(int64_t classes) {
  AddRow(absl::StrCat("kd_row/", classes, "_classes"), 0, at::kFloat, [=] {
    const std::vector<float> student = Draw(kBatch * classes, "student");
    const std::vector<float> teacher = Draw(kBatch * classes, "teacher");
    return [=, gradient = std::vector<float>(student.size())]() mutable {
      for (int64_t row = 0; row < kBatch; ++row) {
        const int64_t at = row * classes;
        benchmark::DoNotOptimize(KdRow<double>(
            student.data() + at, teacher.data() + at, classes, row % classes,
            /*temperature=*/2, /*soft_weight=*/0.5, /*hard_weight=*/0.5,
            gradient.data() + at));
      }
    };
  });
}

// Batch norm, an addition and ReLU of ResNet-20's first maps, in training, with
// its backward pass: our kernel, and LibTorch's operations.
void AddBatchNorm() {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const bool composed : {false, true}) {
      AddRow(absl::StrCat("batch_norm", composed ? "_libtorch" : "",
                          "/resnet20.layer1/",
                          dtype == at::kFloat ? "f32" : "bf16"),
             0, dtype, [=] {
               const std::vector<int64_t> sizes = {kBatch, 32, 32, 16};
               const at::Tensor x = at::randn(sizes).to(dtype).requires_grad_();
               const at::Tensor add =
                   at::randn(sizes).to(dtype).requires_grad_();
               const at::Tensor gradient = at::randn(sizes).to(dtype);
               const BatchNormState state = {at::ones({16}).requires_grad_(),
                                             at::zeros({16}).requires_grad_(),
                                             at::zeros({16}), at::ones({16})};
               return [=] {
                 const at::Tensor y =
                     composed ? BatchNormComposed(x, state, add, true, true)
                              : BatchNorm(x, state, add, true, true);
                 y.backward(gradient);
               };
             });
    }
  }
}

// A convolution of ResNet-20's, as the kernel and LibTorch's operation
// (oneDNN's) compute it with their gradients.
void AddConvolution(const std::string& layer, int64_t side, int64_t channels) {
  const double flop = 2.0 * static_cast<double>(kBatch * side * side * 9) *
                      static_cast<double>(channels * channels);
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    for (const bool libtorch : {false, true}) {
      for (const bool training : {false, true}) {
        AddRow(absl::StrCat("convolution_", training ? "training" : "forward",
                            libtorch ? "_libtorch" : "", "/", layer,
                            dtype == at::kFloat ? "/f32" : "/bf16"),
               training ? 3 * flop : flop, dtype, [=] {
                 const at::Tensor x = at::randn({kBatch, side, side, channels})
                                          .to(dtype)
                                          .requires_grad_(training);
                 const at::Tensor weight = at::randn({channels, channels, 3, 3})
                                               .requires_grad_(training);
                 const at::Tensor gradient = at::randn(x.sizes()).to(dtype);
                 return [=] {
                   const at::Tensor y =
                       libtorch ? at::conv2d(x.movedim(3, 1), weight.to(dtype),
                                             {}, 1, 1)
                                      .movedim(1, 3)
                                : Convolution(x, weight);
                   if (training) y.backward(gradient);
                 };
               });
      }
    }
  }
}

void AddRows() {
  const auto block = [](int side, int in, int out, bool last) {
    ConvBlockParams p;
    p.height = p.width = side;
    p.in_channels = in;
    p.out_channels = out;
    p.channels_first = last;
    return p;
  };
  AddConvBlock("teacher.conv1", block(28, 1, 32, false));
  AddConvBlock("teacher.conv2", block(14, 32, 64, true));
  AddConvBlock("student.conv1", block(28, 1, 16, true));
  const auto dense = [](int64_t inputs, int64_t outputs, bool relu) {
    DenseParams p;
    p.batch = kBatch;
    p.inputs = inputs;
    p.outputs = outputs;
    p.relu = relu;
    return p;
  };
  AddDense("teacher.fc1", dense(3136, 128, true));
  AddDense("teacher.fc2", dense(128, 10, false));
  AddDense("student.fc1", dense(3136, 10, false));
  AddConvolution("resnet20.layer1", 32, 16);
  AddConvolution("resnet20.layer2", 16, 32);
  AddConvolution("resnet20.layer3", 8, 64);
  AddBatchNorm();
  AddKdRow(10);
  AddKdRow(1000);
}

}  // namespace
}  // namespace distill

int main(int argc, char** argv) {
  at::set_num_threads(1);
  distill::AddRows();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::cout << absl::StrFormat(
                   "One core, %s; products of large matrices: %.0f GFLOP/s in "
                   "float32, %.0f in bfloat16",
                   distill::kernels::IsaName(distill::ChosenIsa()),
                   distill::MatrixRateOf(at::kFloat) / 1e9,
                   distill::MatrixRateOf(at::kBFloat16) / 1e9)
            << std::endl;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
