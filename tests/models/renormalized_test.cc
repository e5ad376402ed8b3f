#include "models/renormalized.h"

#include "ATen/ATen.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"

namespace distill {
namespace {

const Normalization kOwn = {{0}, {1}};
const Normalization kFed = {{0.1307f}, {0.3081f}};

std::shared_ptr<Network> Model() {
  Random random(3, "test");
  return std::make_shared<Network>(*ParseModel("m", "cnn:4,fc6", {1, 9, 8}, 3),
                                   random);
}

TEST(RenormalizeTest, FeedsWhatTheModelWasTrainedOn) {
  const at::Tensor shares = at::rand({5, 1, 9, 8});  // Of 255.
  const at::Tensor fed = (shares - kFed.mean[0]) / kFed.std[0];
  const auto expected = Model()->Forward(shares, {"conv1"});
  const auto model = Renormalize(Model(), kOwn, kFed);
  const auto found = model->Forward(fed, {"conv1"});
  EXPECT_TRUE(at::allclose(found.logits, expected.logits, 1e-5, 1e-6));
  ASSERT_EQ(found.features.size(), 1u);
  EXPECT_TRUE(
      at::allclose(found.features[0], expected.features[0], 1e-5, 1e-6));
}

TEST(RenormalizeTest, DoesSoForEachChannel) {
  const Normalization own = {{0.5f, 0, 0.2f}, {0.5f, 1, 0.3f}};
  const Normalization fed = {{0.1f, 0.2f, 0.3f}, {0.7f, 0.6f, 0.5f}};
  Random random(3, "test");
  const auto inner = std::make_shared<Network>(
      *ParseModel("m", "cnn:4", {3, 6, 6}, 3), random);
  const at::Tensor shares = at::rand({5, 3, 6, 6});  // Of 255.
  const auto normalized = [&shares](const Normalization& n) {
    return (shares - at::tensor(n.mean).view({3, 1, 1})) /
           at::tensor(n.std).view({3, 1, 1});
  };
  EXPECT_TRUE(
      at::allclose(Renormalize(inner, own, fed)->Logits(normalized(fed)),
                   inner->Logits(normalized(own)), 1e-4, 1e-5));
}

TEST(RenormalizeTest, IsTheModelOtherwise) {
  const auto inner = Model();
  const auto model = Renormalize(inner, kOwn, kFed);
  EXPECT_EQ(model->ParameterCount(), inner->ParameterCount());
  EXPECT_EQ(model->FlopPerImage(), inner->FlopPerImage());
  EXPECT_EQ(model->Describe(), inner->Describe());
  ASSERT_EQ(model->Features().size(), inner->Features().size());
  EXPECT_EQ(model->Features()[0].name, "conv1");
  EXPECT_EQ(model->State().size(), inner->State().size());
  // It is put on a device and into eval mode as a whole.
  model->eval();
  EXPECT_FALSE(inner->is_training());
}

TEST(RenormalizeTest, OfTheSameNormalisationIsTheModelItself) {
  const std::shared_ptr<Classifier> inner = Model();
  EXPECT_EQ(Renormalize(inner, kFed, kFed), inner);
}

}  // namespace
}  // namespace distill
