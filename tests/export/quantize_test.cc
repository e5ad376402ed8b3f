
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "export/onnx.h"
#include "gtest/gtest.h"
#include "models/integers.h"
#include "nlohmann/json.hpp"
#include "tests/export/proof.h"
#include "tests/testing/python.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;
using testing::kFamilies;
using testing::NormalizedImages;
using testing::ProofFolder;

constexpr ImageSpec kImage = testing::kSmallColour;

LoadedModel MakeModel(const std::string& spelling) {
  return testing::MakeTrainedModel(spelling, kImage);
}

at::Tensor Logits(Classifier& model, const at::Tensor& images) {
  const at::NoGradGuard no_grad;
  model.eval();
  return model.Logits(images);
}

TEST(QuantizeTest, IsNearTheFloatModelInEachFamily) {
  const Dataset dataset = testing::RandomImages(256, kImage);
  for (const char* spelling : kFamilies) {
    SCOPED_TRACE(spelling);
    const LoadedModel model = MakeModel(spelling);
    const at::Tensor images = NormalizedImages(model, dataset);
    const auto quantized = QuantizeModel(model, images);
    ASSERT_TRUE(quantized.ok()) << quantized.status();
    const at::Tensor floats = Logits(*model.model, images);
    const at::Tensor bytes = Logits(*Simulate(*quantized), images);
    const double noise = (bytes - floats).square().mean().item<double>();
    const double signal = floats.var().item<double>();
    // A byte's rounding has a hundredth of the deviation, or less, in each of
    // up to ten layers one after another.
    EXPECT_LT(noise, 0.02 * signal);
    EXPECT_GT(noise, 0);
    for (const Operation& o : quantized->graph.operations) {
      EXPECT_NE(o.kind, Operation::Kind::kBatchNorm);
    }
  }
}

TEST(QuantizeTest, ScalesHaveAnExactZeroAndCutWhatIsRare) {
  const LoadedModel model = MakeModel("cnn:4b");
  // To cut one of 147,456 numbers costs less than wider steps for the others.
  Random random(3, "test images");
  at::Tensor images = UniformTensor({256, 3, 16, 12}, 0.5, random) + 0.25;
  images[0][0][0][0] = 12;
  const auto quantized = QuantizeModel(model, images);
  ASSERT_TRUE(quantized.ok()) << quantized.status();
  const ByteScale& scale = quantized->images;
  EXPECT_LT(scale.scale, 0.95 * 12.25 / 255);
  EXPECT_GE(scale.zero_point, -128);
  EXPECT_LE(scale.zero_point, 127);
  // What ReLU made has no byte for numbers below 0.
  ASSERT_EQ(quantized->graph.operations[1].kind, Operation::Kind::kRelu);
  EXPECT_EQ(quantized->outputs[1]->zero_point, -128);
  EXPECT_FALSE(quantized->outputs[0].has_value());
  // Pooling passes it on.
  EXPECT_EQ(&quantized->ScaleOf(3), &*quantized->outputs[1]);
}

TEST(QuantizeTest, NothingToChooseScalesByIsAnError) {
  EXPECT_TRUE(FailsWith(
      QuantizeModel(MakeModel("cnn:4"), at::zeros({0, 3, 16, 12})).status(),
      absl::StatusCode::kInvalidArgument, {"no images"}));
}

// ONNX Runtime computes with the integers what the simulation says.
TEST(QuantizeTest, OnnxRuntimeFindsTheSame) {
  const std::string missing = testing::WhyNoPython();
  if (!missing.empty()) GTEST_SKIP() << missing;
  const Dataset dataset = testing::RandomImages(300, kImage);
  for (const char* spelling : kFamilies) {
    SCOPED_TRACE(spelling);
    const LoadedModel model = MakeModel(spelling);
    const at::Tensor images = NormalizedImages(model, dataset);
    const QuantizedModel quantized = *QuantizeModel(model, images);
    const at::Tensor logits = Logits(*Simulate(quantized), images).contiguous();
    const ProofFolder folder(model, dataset, dataset.count);
    folder.Write("logits", {static_cast<const char*>(logits.const_data_ptr()),
                            logits.nbytes()});
    folder.Write("student.onnx", OnnxFile(quantized));
    folder.Write("names", nlohmann::json(model.info.class_names).dump());
    // A step of the last layer's input, which rounding decides for one of two
    // neighbours, times a weight.
    const double step = 0.05 * logits.abs().max().item<double>();
    const auto result = testing::RunPython(absl::StrCat(
        testing::Source("tests/export/onnx_proof.py"), " ",
        folder.Quoted("student.onnx"), " ", folder.Quoted("images"), " ",
        folder.Quoted("logits"), " \"$(cat ", folder.Quoted("names"), ")\" ",
        step, " 0.01"));
    EXPECT_EQ(result.exit_code, 0) << result.out;
    std::cout << spelling << ": " << result.out;
  }
}

}  // namespace
}  // namespace distill
