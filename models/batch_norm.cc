#include "models/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/batch_norm.h"
#include "ATen/ops/empty_like.h"
#include "ATen/ops/relu.h"
#include "ATen/ops/rsqrt.h"
#include "ATen/ops/tensor.h"
#include "base/known_gradient.h"
#include "models/graph.h"
#include "models/kernel_choice.h"
#include "models/kernels/batch_norm_kernels.h"

namespace distill {
namespace {

using kernels::BatchNormKernels;
using kernels::BatchNormParams;

// Parts of an array whose sums are put together in their order, however many
// threads there are: numbers of each, about.
constexpr int64_t kPart = int64_t{1} << 17;
// Of a thread at least.
constexpr int64_t kGrain = int64_t{1} << 14;

// An array of x's shape, as the kernels see it.
class Layout {
 public:
  Layout(const at::Tensor& x, bool relu)
      : kernels_(kernels::BatchNormKernelsFor(ChosenIsa())),
        channels_(x.size(3)),
        rows_(x.numel() / x.size(3)) {
    params_.bfloat16 = x.scalar_type() == at::kBFloat16;
    params_.relu = relu;
    params_.period = std::lcm(channels_, kernels::kBatchNormLanes);
    const int64_t rows_of_period = params_.period / channels_;
    periods_ = rows_ / rows_of_period;
    left_ = rows_ - periods_ * rows_of_period;
    element_ = static_cast<int64_t>(x.element_size());
  }

  const BatchNormKernels& kernels() const { return kernels_; }
  int64_t channels() const { return channels_; }
  int64_t rows() const { return rows_; }
  int64_t period() const { return params_.period; }

  // For each number of a period what its channel has.
  std::vector<float> Repeated(const std::vector<double>& of_channels) const {
    std::vector<float> all(params_.period);
    for (int64_t i = 0; i < params_.period; ++i) {
      all[i] = static_cast<float>(of_channels[i % channels_]);
    }
    return all;
  }

  // Calls run(params, addresses, begin, end) for parts of all periods of the
  // tensors, in several threads. What is left behind the last whole period is
  // done with copies that are filled up. The first `read` are only read.
  template <typename Run>
  void ForAll(const std::vector<at::Tensor>& tensors, size_t read,
              const Run& run) const {
    std::vector<char*> data;
    data.reserve(tensors.size());
    for (const at::Tensor& one : tensors) {
      data.push_back(one.defined() ? static_cast<char*>(one.data_ptr())
                                   : nullptr);
    }
    at::parallel_for(
        0, periods_, std::max<int64_t>(kGrain / period(), 1),
        [&](int64_t begin, int64_t end) { run(params_, data, begin, end); });
    if (left_ == 0) return;
    const int64_t bytes = left_ * channels_ * element_;
    std::vector<std::vector<char>> copies;
    std::vector<char*> of_copies;
    for (char* const one : data) {
      copies.emplace_back(period() * element_);
      of_copies.push_back(one == nullptr ? nullptr : copies.back().data());
      if (one == nullptr) continue;
      std::memcpy(of_copies.back(), one + periods_ * period() * element_,
                  bytes);
    }
    run(params_, of_copies, 0, 1);
    for (size_t i = read; i < data.size(); ++i) {
      if (data[i] == nullptr) continue;
      std::memcpy(data[i] + periods_ * period() * element_, of_copies[i],
                  bytes);
    }
  }

  // One kernel's two numbers for each place of the periods [begin, end), in
  // `first` and `second`.
  using Partial =
      std::function<void(const BatchNormParams& params, int64_t begin,
                         int64_t end, double* first, double* second)>;
  struct Pair {
    std::vector<double> first, second;  // [period]
    double periods = 0;
  };
  std::vector<Pair> Parts(const Partial& partial) const {
    const int64_t of_part = std::max<int64_t>(kPart / period(), 1);
    std::vector<Pair> parts((periods_ + of_part - 1) / of_part);
    at::parallel_for(0, static_cast<int64_t>(parts.size()), 1,
                     [&](int64_t begin, int64_t end) {
                       for (int64_t i = begin; i < end; ++i) {
                         Pair& part = parts[i];
                         part.first.resize(period());
                         part.second.resize(period());
                         const int64_t last =
                             std::min((i + 1) * of_part, periods_);
                         part.periods = static_cast<double>(last - i * of_part);
                         partial(params_, i * of_part, last, part.first.data(),
                                 part.second.data());
                       }
                     });
    return parts;
  }

  // The rows behind the last whole period, as float32: [row, channel].
  std::vector<std::vector<float>> Left(const at::Tensor& x) const {
    std::vector<std::vector<float>> rows;
    for (int64_t row = rows_ - left_; row < rows_; ++row) {
      const at::Tensor values =
          x.view({rows_, channels_}).select(0, row).to(at::kFloat);
      const float* data = values.const_data_ptr<float>();
      rows.emplace_back(data, data + channels_);
    }
    return rows;
  }

 private:
  const BatchNormKernels& kernels_;
  BatchNormParams params_;
  const int64_t channels_, rows_;
  int64_t periods_ = 0, left_ = 0, element_ = 4;
};

struct Moments {
  std::vector<double> mean, variance;  // [channels]; the biased variance.
  double count = 0;                    // Values of each channel.
};

// Those of all parts of a batch, of which `own` are of one.
Moments OfAllParts(const Moments& own, const BatchSum& sum) {
  std::vector<double> sums = {own.count};
  for (size_t i = 0; i < own.mean.size(); ++i) {
    sums.push_back(own.count * own.mean[i]);
  }
  const auto all = [&] {
    const at::Tensor values = at::tensor(sums, at::kDouble);
    sum(values);
    const double* const data = values.const_data_ptr<double>();
    return std::vector<double>(data, data + values.numel());
  };
  Moments moments = own;
  sums = all();
  moments.count = sums[0];
  for (size_t i = 0; i < own.mean.size(); ++i) {
    moments.mean[i] = sums[i + 1] / moments.count;
    const double difference = own.mean[i] - moments.mean[i];
    sums[i + 1] = own.count * (own.variance[i] + difference * difference);
  }
  sums = all();
  for (size_t i = 0; i < own.mean.size(); ++i) {
    moments.variance[i] = sums[i + 1] / moments.count;
  }
  return moments;
}

Moments MomentsOf(const Layout& layout, const at::Tensor& x) {
  const void* const data = x.const_data_ptr();
  const auto parts =
      layout.Parts([&](const BatchNormParams& params, int64_t begin,
                       int64_t end, double* mean, double* squares) {
        layout.kernels().moments(
            params, data, begin, end, mean, squares,
            KernelWorkspace(kernels::BatchNormWorkspace(layout.period())));
      });
  const int64_t channels = layout.channels();
  Moments all;
  all.mean.resize(channels);
  all.variance.resize(channels);
  std::vector<double> count(channels);
  const auto add = [&](int64_t channel, double mean, double squares,
                       double number) {
    const double difference = mean - all.mean[channel];
    const double share = number / (count[channel] + number);
    all.mean[channel] += difference * share;
    all.variance[channel] +=
        squares + difference * difference * count[channel] * share;
    count[channel] += number;
  };
  for (const auto& part : parts) {
    for (int64_t i = 0; i < layout.period(); ++i) {
      add(i % channels, part.first[i], part.second[i], part.periods);
    }
  }
  for (const auto& row : layout.Left(x)) {
    for (int64_t i = 0; i < channels; ++i) add(i, row[i], 0, 1);
  }
  for (int64_t i = 0; i < channels; ++i) all.variance[i] /= count[i];
  all.count = static_cast<double>(layout.rows());
  return all;
}

std::vector<double> NumbersOf(const at::Tensor& values) {
  const at::Tensor doubles = values.detach().to(at::kDouble).contiguous();
  const double* const data = doubles.const_data_ptr<double>();
  return {data, data + doubles.numel()};
}

// For each number of a period: what normalises it.
struct Factors {
  std::vector<float> scale, shift;
};

Factors FactorsOf(const Layout& layout, const Moments& moments,
                  const BatchNormState& state) {
  std::vector<double> scale = NumbersOf(state.weight);
  std::vector<double> shift = NumbersOf(state.bias);
  for (size_t i = 0; i < scale.size(); ++i) {
    scale[i] /= std::sqrt(moments.variance[i] + kBatchNormEpsilon);
    shift[i] -= moments.mean[i] * scale[i];
  }
  return {layout.Repeated(scale), layout.Repeated(shift)};
}

at::Tensor Normalized(const Layout& layout, const at::Tensor& x,
                      const Factors& factors, const at::Tensor& add) {
  at::Tensor out = at::empty_like(x);
  layout.ForAll(
      {x, add, out}, 2,
      [&](const BatchNormParams& params, const std::vector<char*>& data,
          int64_t begin, int64_t end) {
        layout.kernels().forward(params, data[0], factors.scale.data(),
                                 factors.shift.data(), data[1], data[2], begin,
                                 end);
      });
  return out;
}

// Of x, weight, bias and what was added.
std::vector<at::Tensor> Gradients(const Layout& layout, const Moments& moments,
                                  const Factors& factors,
                                  const std::vector<at::Tensor>& saved,
                                  const at::Tensor& given,
                                  const at::Tensor& more, bool relu,
                                  const std::vector<bool>& needed,
                                  const BatchSum& sum) {
  const at::Tensor &x = saved[0], &out = saved[1];
  const at::Tensor gradient = given.to(x.scalar_type());
  const void* const from = x.const_data_ptr();
  const void* const outs = out.defined() ? out.const_data_ptr() : nullptr;
  const void* const gradients = gradient.const_data_ptr();
  const void* const mores = more.defined() ? more.const_data_ptr() : nullptr;
  const std::vector<float> means = layout.Repeated(moments.mean);
  const int64_t channels = layout.channels();
  std::vector<double> of_gradient(channels), of_product(channels);
  for (const auto& part :
       layout.Parts([&](const BatchNormParams&params, int64_t begin,
                        int64_t end, double*first, double*second) {
         layout.kernels().sums(
             params, from, outs, factors.scale.data(), factors.shift.data(),
             gradients, mores, means.data(), begin, end, first, second,
             KernelWorkspace(kernels::BatchNormWorkspace(layout.period())));
       })) {
    for (int64_t i = 0; i < layout.period(); ++i) {
      of_gradient[i % channels] += part.first[i];
      of_product[i % channels] += part.second[i];
    }
  }
  const auto left_x = layout.Left(x);
  auto left_gradient = layout.Left(gradient);
  if (more.defined()) {
    const auto left_more = layout.Left(more);
    for (size_t row = 0; row < left_more.size(); ++row) {
      for (int64_t i = 0; i < channels; ++i) {
        left_gradient[row][i] += left_more[row][i];
      }
    }
  }
  const auto left_out = relu && out.defined() ? layout.Left(out) : left_x;
  // Whether ReLU cut what is left there.
  const auto is_cut = [&](size_t row, int64_t i) {
    if (!relu) return false;
    return (out.defined() ? left_out[row][i]
                          : std::fma(left_x[row][i], factors.scale[i],
                                     factors.shift[i])) <= 0;
  };
  for (size_t row = 0; row < left_x.size(); ++row) {
    for (int64_t i = 0; i < channels; ++i) {
      if (is_cut(row, i)) continue;
      of_gradient[i] += left_gradient[row][i];
      of_product[i] += left_gradient[row][i] * (left_x[row][i] - means[i]);
    }
  }
  // grad_x = weight / deviation (g - mean of g - normalised x * mean of g times
  // normalised x), as factors of g and x.
  std::vector<double> a = NumbersOf(saved[2]), b(channels), c(channels),
                      of_weight = of_product, all = of_gradient;
  all.insert(all.end(), of_product.begin(), of_product.end());
  if (sum) {
    const at::Tensor values = at::tensor(all, at::kDouble);
    sum(values);
    all = NumbersOf(values);
  }
  for (int64_t i = 0; i < channels; ++i) {
    const double deviation = std::sqrt(moments.variance[i] + kBatchNormEpsilon);
    of_weight[i] /= deviation;
    a[i] /= deviation;
    b[i] =
        -a[i] * (all[channels + i] / deviation) / (moments.count * deviation);
    c[i] = -a[i] * all[i] / moments.count - b[i] * moments.mean[i];
  }
  const std::vector<float> as = layout.Repeated(a), bs = layout.Repeated(b),
                           cs = layout.Repeated(c);
  const at::Tensor grad_x = at::empty_like(x);
  const at::Tensor grad_add = needed[3] ? at::empty_like(x) : at::Tensor();
  layout.ForAll(
      {x, out, gradient, more, grad_x, grad_add}, 4,
      [&](const BatchNormParams& params, const std::vector<char*>& data,
          int64_t begin, int64_t end) {
        layout.kernels().backward(params, data[0], data[1],
                                  factors.scale.data(), factors.shift.data(),
                                  data[2], data[3], as.data(), bs.data(),
                                  cs.data(), data[4], data[5], begin, end);
      });
  const auto floats = [](const std::vector<double>& values) {
    return at::tensor(values, at::kFloat);
  };
  return {grad_x, floats(of_weight), floats(of_gradient), grad_add};
}

void CheckArguments(const at::Tensor& x, const BatchNormState& state,
                    const at::Tensor& add, bool training) {
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "x is ", x.sizes(),
              "; it must be [batch, height, width, channels], of at least one "
              "number");
  for (const at::Tensor& one :
       {state.weight, state.bias, state.running_mean, state.running_var}) {
    TORCH_CHECK(one.dim() == 1 && one.size(0) == x.size(3),
                "the state has a tensor of ", one.sizes(), "; it must be [",
                x.size(3), "] for x of ", x.sizes());
  }
  TORCH_CHECK(!add.defined() || (add.sizes() == x.sizes() &&
                                 add.scalar_type() == x.scalar_type()),
              "what is added is not of x's shape and dtype");
  TORCH_CHECK(!training || state.sum || x.numel() > x.size(3),
              "a batch has one value a channel; batch norm in train mode needs "
              "two at least: take larger batches");
}

}  // namespace

ScaleAndShift ByRunningStatistics(const BatchNormState& state) {
  const at::Tensor scale =
      state.weight.to(at::kDouble) *
      at::rsqrt(state.running_var.to(at::kDouble) + kBatchNormEpsilon);
  return {scale, state.bias.to(at::kDouble) -
                     state.running_mean.to(at::kDouble) * scale};
}

bool HasBatchNormKernel(const at::Tensor& x) {
  return x.is_cpu() &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

at::Tensor BatchNorm(const at::Tensor& x, const BatchNormState& state,
                     const at::Tensor& add, bool relu, bool training,
                     const std::shared_ptr<CarriedGradient>& leaves,
                     const std::shared_ptr<CarriedGradient>& takes) {
  CheckArguments(x, state, add, training);
  const bool needs_graph =
      at::GradMode::is_enabled() &&
      (x.requires_grad() || state.weight.requires_grad() ||
       state.bias.requires_grad() || (add.defined() && add.requires_grad()));
  if (!HasBatchNormKernel(x) || (needs_graph && !training)) {
    return BatchNormComposed(x, state, add, relu, training);
  }
  const std::vector<at::Tensor> inputs = {
      x.contiguous(), state.weight, state.bias,
      add.defined() ? add.contiguous() : at::Tensor()};
  const at::NoGradGuard no_grad;
  const Layout layout(inputs[0], relu);
  Moments moments;
  if (training) {
    moments = MomentsOf(layout, inputs[0]);
    if (state.sum) moments = OfAllParts(moments, state.sum);
    std::vector<double> unbiased = moments.variance;
    for (double& one : unbiased) one *= moments.count / (moments.count - 1);
    state.running_mean.mul_(1 - kBatchNormMomentum)
        .add_(at::tensor(moments.mean, at::kFloat), kBatchNormMomentum);
    state.running_var.mul_(1 - kBatchNormMomentum)
        .add_(at::tensor(unbiased, at::kFloat), kBatchNormMomentum);
  } else {
    moments = {NumbersOf(state.running_mean), NumbersOf(state.running_var)};
  }
  Factors factors = FactorsOf(layout, moments, state);
  const at::Tensor out = Normalized(layout, inputs[0], factors, inputs[3]);
  if (!needs_graph) return out;
  return WithKnownGradient(
      // (Where nothing was added x says what ReLU cut.)
      out, inputs,
      {inputs[0], relu && add.defined() ? out : at::Tensor(), state.weight},
      [layout, moments = std::move(moments), factors = std::move(factors), relu,
       leaves, takes, sum = state.sum](const std::vector<at::Tensor>& saved,
                                       const at::Tensor& gradient,
                                       const std::vector<bool>& needed) {
        at::Tensor more;
        if (takes != nullptr) std::swap(more, takes->value);
        std::vector<bool> wanted = needed;
        if (leaves != nullptr) wanted[3] = true;
        std::vector<at::Tensor> gradients = Gradients(
            layout, moments, factors, saved, gradient, more, relu, wanted, sum);
        if (leaves != nullptr) std::swap(leaves->value, gradients[3]);
        return gradients;
      });
}

at::Tensor BatchNormComposed(const at::Tensor& x, const BatchNormState& state,
                             const at::Tensor& add, bool relu, bool training) {
  CheckArguments(x, state, add, training);
  // As a view this is LibTorch's channels-last layout.
  at::Tensor y =
      at::batch_norm(x.permute({0, 3, 1, 2}), state.weight, state.bias,
                     state.running_mean, state.running_var, training,
                     kBatchNormMomentum, kBatchNormEpsilon,
                     /*cudnn_enabled=*/true)
          .permute({0, 2, 3, 1});
  if (add.defined()) y = y + add;
  return relu ? at::relu(y) : y;
}

}  // namespace distill
