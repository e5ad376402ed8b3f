#include "training/adam.h"

#include <cmath>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(AdamTest, FollowsThePaperInDouble) {
  // Two parameters, of which one is stored channels-last.
  at::Tensor a = at::arange(1, 7, at::kFloat).reshape({2, 3});
  at::Tensor b = at::arange(1, 17, at::kFloat)
                     .reshape({1, 4, 2, 2})
                     .contiguous(at::MemoryFormat::ChannelsLast);
  std::vector<at::Tensor> parameters = {a.clone().requires_grad_(),
                                        b.clone().requires_grad_()};
  std::vector<std::vector<double>> values, means, squares;
  for (const at::Tensor& parameter : parameters) {
    const at::Tensor flat = parameter.detach().contiguous().flatten();
    values.emplace_back();
    for (int64_t i = 0; i < flat.numel(); ++i) {
      values.back().push_back(flat[i].item<double>());
    }
    means.emplace_back(flat.numel(), 0.0);
    squares.emplace_back(flat.numel(), 0.0);
  }
  Adam adam(parameters);
  for (int step = 1; step <= 20; ++step) {
    const double rate = 0.01 * step;
    // loss = sum(p^3) / 3, gradient p^2.
    (parameters[0].pow(3).sum() / 3 + parameters[1].pow(3).sum() / 3)
        .backward();
    adam.Step(rate);
    for (size_t p = 0; p < 2; ++p) {
      const at::Tensor flat = parameters[p].detach().contiguous().flatten();
      for (size_t i = 0; i < values[p].size(); ++i) {
        // D. Kingma, J. Ba, 2015, algorithm 1.
        const double g = values[p][i] * values[p][i];
        means[p][i] = 0.9 * means[p][i] + 0.1 * g;
        squares[p][i] = 0.999 * squares[p][i] + 0.001 * g * g;
        const double mean = means[p][i] / (1 - std::pow(0.9, step));
        const double square = squares[p][i] / (1 - std::pow(0.999, step));
        values[p][i] -= rate * mean / (std::sqrt(square) + 1e-8);
        // Float32 against double over 20 steps of about 10 roundings each, on
        // values of at most 16.
        EXPECT_NEAR(flat[static_cast<int64_t>(i)].item<double>(), values[p][i],
                    16 * 200 * std::pow(2.0, -24))
            << "step " << step << ", parameter " << p << ", element " << i;
      }
    }
  }
}

TEST(AdamTest, DropsTheGradientsItUsed) {
  at::Tensor parameter = at::ones({3}).requires_grad_();
  Adam adam({parameter});
  parameter.sum().backward();
  adam.Step(0.1);
  EXPECT_FALSE(parameter.grad().defined());
}

TEST(AdamTest, RefusesAParameterThatTheLossDoesNotReach) {
  at::Tensor used = at::ones({3}).requires_grad_();
  at::Tensor unused = at::ones({4, 5}).requires_grad_();
  Adam adam({used, unused});
  used.sum().backward();
  try {
    adam.Step(0.1);
    FAIL() << "no error";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("parameter 1 of shape [4, 5]"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace distill
