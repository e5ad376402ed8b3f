#include "models/shortcut.h"

#include <tuple>

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(ShortcutTest, IsSlicingAndPadding) {
  for (const auto& [height, stride, outputs] :
       {std::tuple<int64_t, int64_t, int64_t>{8, 2, 10},
        {7, 2, 6},
        {5, 1, 8},
        {9, 3, 6}}) {
    const at::Tensor values = at::randn({2, height, 6, 6});
    const at::Tensor weights =
        at::randn({2, (height - 1) / stride + 1, 5 / stride + 1, outputs});
    at::Tensor x = values.clone().requires_grad_();
    const at::Tensor y = ZeroPadShortcut(x, outputs, stride);
    at::Tensor z = values.clone().requires_grad_();
    const int64_t zeros = (outputs - 6) / 2;
    const at::Tensor expected = at::constant_pad_nd(
        z.slice(1, 0, height, stride).slice(2, 0, 6, stride), {zeros, zeros});
    EXPECT_TRUE(at::equal(y, expected));
    (y * weights).sum().backward();
    (expected * weights).sum().backward();
    EXPECT_TRUE(at::equal(x.grad(), z.grad()));
  }
  EXPECT_THROW(ZeroPadShortcut(at::ones({1, 4, 4, 6}), 7, 1), c10::Error);
  EXPECT_THROW(ZeroPadShortcut(at::ones({1, 4, 4, 6}), 4, 1), c10::Error);
}

}  // namespace
}  // namespace distill
