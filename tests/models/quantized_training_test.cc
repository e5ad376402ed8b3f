#include "models/quantized_training.h"

#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/integers.h"
#include "models/zoo.h"

namespace distill {
namespace {

constexpr ImageSpec kImage = {3, 16, 12};

// Of colours and contrasts of their own: what is alike in all images batch norm
// takes out.
at::Tensor Images(int seed) {
  Random random(seed, "test images");
  return UniformTensor({32, 3, 16, 12}, 2, random) *
             UniformTensor({32, 3, 1, 1}, 1, random) +
         UniformTensor({32, 3, 1, 12}, 2, random);
}

// With running statistics of such images.
std::shared_ptr<Network> MakeNetwork(const std::string& spelling) {
  Random random(1, "test");
  auto network =
      std::make_shared<Network>(*ParseModel("m", spelling, kImage, 5), random);
  for (int i = 0; i < 20; ++i) network->Logits(Images(i));
  return network;
}

constexpr const char* kFamilies[] = {"cnn:4,4b,fc8", "resnet:1x4,1x8,b",
                                     "wrn:10,1",     "mobile:4,4x3,8x2s",
                                     "mlp:8",        "cnn:4,fc8"};

// It computes what a program of 8 bits does, with scales by the same images.
TEST(QuantizedTrainingTest, ComputesWhatTheIntegersWill) {
  for (const char* spelling : kFamilies) {
    SCOPED_TRACE(spelling);
    LoadedModel loaded;
    loaded.model = MakeNetwork(spelling);
    const auto training = TrainForBytes(loaded.model, 0);
    const at::NoGradGuard no_grad;
    const at::Tensor images = Images(30);
    // Until the running statistics are those of this batch.
    for (int i = 0; i < 200; ++i) loaded.model->Logits(images);
    const at::Tensor logits = training->Logits(images);
    training->eval();
    const at::Tensor expected =
        Simulate(*QuantizeModel(loaded, images))->Logits(images);
    // Rounding decides otherwise where two bytes are as good as equal, each
    // such byte changes others, and a batch's statistics are those of the
    // rounded.
    const double noise = (logits - expected).square().mean().item<double>();
    EXPECT_LT(noise, 1e-3 * expected.var().item<double>());
    const at::Tensor floats = training->Logits(images);
    if (loaded.model->graph().Has(Operation::Kind::kBatchNorm)) continue;
    EXPECT_LT(4 * noise, (expected - floats).square().mean().item<double>());
  }
}

TEST(QuantizedTrainingTest, IsTheNetworkBeforeThatAndInEvalMode) {
  const auto one = MakeNetwork("resnet:1x4,1x8");
  const auto other = MakeNetwork("resnet:1x4,1x8");
  const auto training = TrainForBytes(one, 2);
  for (int step = 0; step < 2; ++step) {
    EXPECT_TRUE(
        at::equal(training->Logits(Images(step)), other->Logits(Images(step))));
  }
  EXPECT_FALSE(
      at::equal(training->Logits(Images(2)), other->Logits(Images(2))));
  const std::vector<NamedTensor> state = training->State();
  ASSERT_EQ(state.size(), one->State().size());
  for (size_t i = 0; i < state.size(); ++i) {
    EXPECT_EQ(state[i].name, one->State()[i].name);
    EXPECT_TRUE(state[i].value.is_same(one->State()[i].value));
  }
  training->eval();
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(training->Logits(Images(9)), one->Logits(Images(9))));
}

TEST(QuantizedTrainingTest, StatisticsMoveAndGradientsArrive) {
  for (const char* spelling : kFamilies) {
    SCOPED_TRACE(spelling);
    const auto network = MakeNetwork(spelling);
    const auto exact = MakeNetwork(spelling);
    const auto training = TrainForBytes(network, 0);
    training->Logits(Images(3)).square().sum().backward();
    exact->Logits(Images(3));
    const auto& found = network->named_buffers();
    for (size_t i = 0; i < found.size(); ++i) {
      const at::Tensor expected =
          exact->named_buffers()[i].value.to(at::kDouble);
      EXPECT_LT((found[i].value - expected).abs().max().item<double>(),
                0.02 * (1 + expected.abs().max().item<double>()))
          << found[i].name;
    }
    for (const NamedTensor& one : network->named_parameters()) {
      ASSERT_TRUE(one.value.grad().defined()) << one.name;
      // (Batch norm takes a convolution's bias out again.)
      if (one.name.find("conv") != std::string::npos) continue;
      EXPECT_GT(one.value.grad().abs().max().item<float>(), 0) << one.name;
    }
  }
}

// (Of nets without batch norm, which leaves little of it in random nets.)
TEST(QuantizedTrainingTest, GradientsPassTheRounding) {
  for (const char* spelling : {"mlp:8", "cnn:8,fc16"}) {
    const auto network = MakeNetwork(spelling);
    const auto gradients_of = [&](Classifier& model) {
      model.Logits(Images(4)).square().sum().backward();
      std::vector<at::Tensor> gradients;
      for (at::Tensor& one : network->parameters()) {
        gradients.push_back(one.grad().flatten().clone());
        one.mutable_grad() = at::Tensor();
      }
      return at::cat(gradients);
    };
    const at::Tensor rounded = gradients_of(*TrainForBytes(network, 0));
    const at::Tensor exact = gradients_of(*network);
    EXPECT_LT((rounded - exact).norm().item<double>(),
              0.1 * exact.norm().item<double>())
        << spelling;
  }
}

TEST(QuantizedTrainingTest, FeaturesAreThoseOfTheSameNames) {
  const auto network = MakeNetwork("cnn:4,4b,fc8");
  const auto training = TrainForBytes(network, 0);
  for (const Feature& feature : training->Features()) {
    const Outputs found = training->Forward(Images(5), {feature.name});
    ASSERT_EQ(found.features.size(), 1u);
    EXPECT_EQ(found.features[0].sizes().slice(1).vec(), feature.sizes)
        << feature.name;
  }
}

}  // namespace
}  // namespace distill
