#include "models/weights.h"

#include <cmath>
#include <functional>
#include <limits>

#include "ATen/ATen.h"
#include "data/files.h"
#include "gtest/gtest.h"
#include "models/zoo.h"
#include "tests/testing/files.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

ModelInfo Info() {
  ModelInfo info;
  info.architecture = "cnn:4,fc6";
  info.height = 9;
  info.width = 8;
  info.classes = 3;
  info.normalization = {0.1307f, 0.3081f};
  info.class_names = {"cat", "dog", "h\xc3\xa9"};
  info.notes = {{"dataset", "toys"}};
  return info;
}

std::shared_ptr<ConvNet> Model() {
  Random random(3, "test");
  return std::make_shared<ConvNet>(*ParseModel("m", "cnn:4,fc6", 9, 8, 3),
                                   random);
}

SafeTensors Example() {
  return ModelFile(FrozenClassifier(Model()).Parameters(), Info());
}

TEST(ModelFileTest, ComesBackWithTheSameLogits) {
  testing::TempFolder folder;
  const std::string path = folder.File("m.safetensors");
  ASSERT_TRUE(WriteFile(path, *SerializeSafeTensors(Example())).ok());
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const ModelInfo& info = loaded->info;
  EXPECT_EQ(info.architecture, "cnn:4,fc6");
  EXPECT_EQ(info.height, 9);
  EXPECT_EQ(info.width, 8);
  EXPECT_EQ(info.classes, 3);
  EXPECT_EQ(info.normalization.mean, 0.1307f);
  EXPECT_EQ(info.normalization.std, 0.3081f);
  EXPECT_EQ(info.class_names, Info().class_names);
  EXPECT_EQ(info.notes, Info().notes);
  const at::Tensor images = at::randn({2, 1, 9, 8});
  EXPECT_TRUE(
      at::equal(loaded->model->Logits(images), Model()->Logits(images)));
}

TEST(ModelFileTest, HasPlainNamesAndNothingElse) {
  const SafeTensors file = Example();
  std::vector<std::string> names;
  for (const SafeTensor& tensor : file.tensors) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv1.weight", "conv1.bias",
                                             "fc1.weight", "fc1.bias",
                                             "fc2.weight", "fc2.bias"}));
  EXPECT_EQ(file.metadata.at("format"), "pt");
  EXPECT_EQ(file.metadata.at("class_names"), "[\"cat\",\"dog\",\"h\xc3\xa9\"]");
}

TEST(ModelFileTest, WhatIsWrongIsNamed) {
  struct Case {
    std::function<void(SafeTensors&)> change;
    std::string part;
  };
  const auto set = [](const char* key, const char* value) {
    return [key, value](SafeTensors& file) { file.metadata[key] = value; };
  };
  const auto not_finite = [](float value) {
    return [value](SafeTensors& file) {
      const auto* bytes = reinterpret_cast<const char*>(&value);
      file.tensors[0].bytes.replace(4, 4, std::string(bytes, 4));
    };
  };
  const Case cases[] = {
      {[](SafeTensors& f) { f.metadata.erase("architecture"); },
       "no metadata \"architecture\""},
      {[](SafeTensors& f) { f.metadata.erase("mean"); }, "\"mean\""},
      {set("architecture", "cnn:"), "cnn:C1"},
      {set("architecture", "cnn:4,4,4,4"), "nothing is left"},
      {set("architecture", "cnn:5,fc6"), "conv1.weight"},
      // 17 GB, if they were allocated.
      {set("architecture", "mlp:65536,65536"),
       "the 4300013571 parameters of mlp:65536,65536"},
      {set("height", "0"), "\"height\" to be \"0\""},
      {set("width", "8.5"), "\"width\" to be \"8.5\""},
      {set("classes", "99999999999"), "\"classes\""},
      {set("mean", "nan"), "\"mean\""},
      {set("std", "0"), "\"std\" that is not above 0"},
      {set("class_names", "[1,2,3]"), "JSON array of texts"},
      {set("class_names", "{"), "JSON array of texts"},
      {set("class_names", "[\"a\"]"), "1 class names"},
      {[](SafeTensors& f) { f.tensors.pop_back(); }, "no tensor \"fc2.bias\""},
      {[](SafeTensors& f) {
         f.tensors.push_back({"teacher.fc1.weight", "F32", {0}, ""});
       },
       "7 tensors"},
      {[](SafeTensors& f) {
         f.tensors[1].shape = {2, 2};
       },
       "[2, 2]"},
      {[](SafeTensors& f) { f.tensors[1].dtype = "I32"; }, "I32"},
      {not_finite(std::nanf("")), "not finite"},
      {not_finite(std::numeric_limits<float>::infinity()), "not finite"},
  };
  for (const Case& one : cases) {
    SafeTensors file = Example();
    one.change(file);
    EXPECT_TRUE(FailsWith(ModelFromFile(file, "the file").status(),
                          absl::StatusCode::kDataLoss, {"the file", one.part}));
  }
}

TEST(SafeTensorTest, TensorsComeBack) {
  for (const at::Tensor& tensor :
       {at::randn({3, 4}).t(), at::randn({2}, at::kDouble),
        at::arange(5, at::kLong), at::zeros({}, at::kLong),
        at::arange(4).to(at::kByte), at::empty({0, 3})}) {
    const auto back = FromSafeTensor(ToSafeTensor("x", tensor));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(at::equal(*back, tensor));
  }
  EXPECT_THROW(ToSafeTensor("x", at::zeros({1}, at::kHalf)), c10::Error);
  EXPECT_FALSE(FromSafeTensor({"x", "BF16", {1}, "12"}).ok());
}

}  // namespace
}  // namespace distill
