#include "losses/mix_logits.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(MixLogitsTest, SoftenedTheyAreTheMeanOfTheProbabilities) {
  const at::Tensor a = at::randn({5, 7}) * 4, b = at::randn({5, 7});
  const double t = 3;
  const at::Tensor mixed = MixLogits({a, b}, {0.2, 0.8}, t);
  const auto soften = [t](const at::Tensor& z) {
    return (z.to(at::kDouble) / t).softmax(1);
  };
  EXPECT_TRUE(
      soften(mixed).allclose(0.2 * soften(a) + 0.8 * soften(b), 1e-5, 1e-8));
}

TEST(MixLogitsTest, OneModelIsItselfUpToAConstantOfEachRow) {
  const at::Tensor a = at::randn({5, 7});
  const at::Tensor mixed = MixLogits({a}, {1}, 4);
  EXPECT_TRUE(mixed.log_softmax(1).allclose(a.log_softmax(1), 1e-4, 1e-5));
}

TEST(MixLogitsTest, LargeLogitsStayFinite) {
  const at::Tensor a = at::tensor({1e4, 0., -1e4}).view({1, 3}).to(at::kFloat);
  const at::Tensor mixed = MixLogits({a, -a}, {0.5, 0.5}, 1);
  ASSERT_TRUE(mixed.isfinite().all().item<bool>());
  EXPECT_NEAR(mixed.softmax(1)[0][0].item<double>(), 0.5, 1e-6);
}

TEST(MixLogitsTest, OtherShapesAndWeightsAreRefused) {
  const at::Tensor a = at::randn({5, 7});
  EXPECT_THROW(MixLogits({a, at::randn({5, 6})}, {0.5, 0.5}, 1), c10::Error);
  EXPECT_THROW(MixLogits({a}, {0.5, 0.5}, 1), c10::Error);
  EXPECT_THROW(MixLogits({}, {}, 1), c10::Error);
}

}  // namespace
}  // namespace distill
