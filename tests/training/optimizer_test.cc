#include "training/optimizer.h"

#include <cmath>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "training/checkpoint.h"

namespace distill {
namespace {

// Two parameters, of which one is stored channels-last.
std::vector<at::Tensor> MakeParameters() {
  const at::Tensor a = at::arange(1, 7, at::kFloat).reshape({2, 3});
  const at::Tensor b = at::arange(1, 17, at::kFloat)
                           .reshape({1, 4, 2, 2})
                           .contiguous(at::MemoryFormat::ChannelsLast);
  return {a.clone().requires_grad_(), b.clone().requires_grad_()};
}

std::vector<double> Flat(const std::vector<at::Tensor>& parameters) {
  std::vector<double> values;
  for (const at::Tensor& parameter : parameters) {
    const at::Tensor flat = parameter.detach().contiguous().flatten();
    for (int64_t i = 0; i < flat.numel(); ++i) {
      values.push_back(flat[i].item<double>());
    }
  }
  return values;
}

// loss = sum(p^3) / 3, gradient p^2.
void Backward(const std::vector<at::Tensor>& parameters) {
  (parameters[0].pow(3).sum() / 3 + parameters[1].pow(3).sum() / 3).backward();
}

// One number and what is kept of it, by the papers, plainly.
struct Reference {
  double value = 0, mean = 0, square = 0, velocity = 0;

  void Step(const OptimizerOptions& options, double rate, int step) {
    double g = value * value;
    if (options.kind == OptimizerKind::kSgd) {
      // PyTorch's documentation of SGD, without dampening.
      g += options.weight_decay * value;
      velocity = options.momentum * velocity + g;
      value -= rate * velocity;
      return;
    }
    // D. Kingma, J. Ba, 2015, algorithm 1; I. Loshchilov, F. Hutter, 2019,
    // algorithm 2.
    mean = 0.9 * mean + 0.1 * g;
    square = 0.999 * square + 0.001 * g * g;
    const double unbiased_mean = mean / (1 - std::pow(0.9, step));
    const double unbiased_square = square / (1 - std::pow(0.999, step));
    value -= rate * (unbiased_mean / (std::sqrt(unbiased_square) + 1e-8) +
                     options.weight_decay * value);
  }
};

struct Case {
  const char* name;
  OptimizerKind kind;
  double momentum, weight_decay;
  double rate;  // Of the first step; with SGD values stay in their range.

  OptimizerOptions Options() const {
    OptimizerOptions options;
    options.kind = kind;
    options.momentum = momentum;
    options.weight_decay = weight_decay;
    return options;
  }
};

class OptimizerTest : public ::testing::TestWithParam<Case> {};

TEST_P(OptimizerTest, FollowsThePaperInDouble) {
  for (const bool rate_is_tensor : {false, true}) {
    const std::vector<at::Tensor> parameters = MakeParameters();
    std::vector<Reference> expected;
    for (double value : Flat(parameters)) expected.push_back({value});
    Optimizer optimizer(parameters, GetParam().Options());
    for (int step = 1; step <= 20; ++step) {
      const double rate = GetParam().rate * step;
      Backward(parameters);
      if (rate_is_tensor) {
        optimizer.Step(at::scalar_tensor(rate, at::kDouble));
      } else {
        optimizer.Step(rate);
      }
      const std::vector<double> values = Flat(parameters);
      for (size_t i = 0; i < values.size(); ++i) {
        expected[i].Step(GetParam().Options(), rate, step);
        // Float32 against double over 20 steps of about 10 roundings each, on
        // values of at most 16.
        EXPECT_NEAR(values[i], expected[i].value, 16 * 200 * std::pow(2.0, -24))
            << "step " << step << ", element " << i;
      }
    }
  }
}

TEST_P(OptimizerTest, GoesOnFromItsStateToTheBit) {
  const auto step = [](Optimizer& optimizer,
                       const std::vector<at::Tensor>& parameters, int times) {
    for (int i = 0; i < times; ++i) {
      Backward(parameters);
      optimizer.Step(GetParam().rate);
    }
  };
  const std::vector<at::Tensor> whole = MakeParameters();
  Optimizer never_stopped(whole, GetParam().Options());
  step(never_stopped, whole, 3);
  const std::vector<at::Tensor> half = MakeParameters();
  Optimizer other(half, GetParam().Options());
  EXPECT_TRUE(Restore({{"a", whole[0]}, {"b", whole[1]}},
                      {{"a", half[0]}, {"b", half[1]}})
                  .ok());
  EXPECT_TRUE(Restore(never_stopped.State(), other.State()).ok());
  step(never_stopped, whole, 3);
  step(other, half, 3);
  EXPECT_EQ(Flat(half), Flat(whole));
}

INSTANTIATE_TEST_SUITE_P(
    All, OptimizerTest,
    ::testing::Values(
        Case{"Adam", OptimizerKind::kAdam, 0.9, 0, 0.01},
        Case{"AdamW", OptimizerKind::kAdam, 0.9, 0.1, 0.01},
        Case{"Sgd", OptimizerKind::kSgd, 0.9, 0, 1e-4},
        Case{"SgdWithWeightDecay", OptimizerKind::kSgd, 0.9, 0.1, 1e-4},
        Case{"SgdWithoutMomentum", OptimizerKind::kSgd, 0, 0.1, 1e-3}),
    [](const auto& info) { return info.param.name; });

// Those of states that are on disks.
TEST(OptimizerStateTest, HasTheseNames) {
  const auto names = [](const OptimizerOptions& options) {
    std::vector<std::string> names;
    for (const NamedTensor& one :
         Optimizer({at::ones({3}).requires_grad_()}, options).State()) {
      names.push_back(one.name);
    }
    return names;
  };
  OptimizerOptions options;
  EXPECT_EQ(names(options),
            (std::vector<std::string>{"adam.mean.0", "adam.square.0",
                                      "adam.step.0"}));
  options.kind = OptimizerKind::kSgd;
  EXPECT_EQ(names(options), std::vector<std::string>{"sgd.velocity.0"});
}

TEST(OptimizerGradientTest, DropsTheGradientsItUsed) {
  at::Tensor parameter = at::ones({3}).requires_grad_();
  Optimizer optimizer({parameter});
  parameter.sum().backward();
  optimizer.Step(0.1);
  EXPECT_FALSE(parameter.grad().defined());
}

TEST(OptimizerGradientTest, RefusesAParameterThatTheLossDoesNotReach) {
  at::Tensor used = at::ones({3}).requires_grad_();
  at::Tensor unused = at::ones({4, 5}).requires_grad_();
  Optimizer optimizer({used, unused});
  used.sum().backward();
  try {
    optimizer.Step(0.1);
    FAIL() << "no error";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("parameter 1 of shape [4, 5]"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace distill
