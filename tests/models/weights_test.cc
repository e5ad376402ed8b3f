#include "models/weights.h"

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

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
      {set("class_names", "[\"a\", \"b\", \"a\"]"),
       "the class name \"a\" twice"},
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

// What people have in place of a model's file, by the first bytes that these
// formats' specifications give.
TEST(ModelFileTest, AnotherKindOfFileIsToldByItsContentWithWhatToDo) {
  const testing::TempFolder folder;
  struct Case {
    std::string bytes, found, advice;
  };
  const Case cases[] = {
      {std::string("PK\3\4\x14\0\0\0", 8), "a zip archive, as .pt files are",
       "safetensors.torch.save_file"},
      {"\x80\2}q", "a Python pickle", "safetensors.torch.save_file"},
      {"\x80\4\x95", "a Python pickle", "safetensors.torch.save_file"},
      {"\x08\x07\x12\x07pytorch", "an ONNX model", ".safetensors file that"},
      {"\x08\x0a:\xf1", "an ONNX model", ".safetensors file that"},
      {"\x1f\x8b\x08", "a gzip file", "gunzip"},
      {"<!DOCTYPE html>", "a web page", "The download failed"},
      {"\n <html>", "a web page", "The download failed"},
      {"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer",
       "git lfs pull"},
      {"{\"metadata\": {}}", "a JSON file", "another file"},
      {"\x89HDF\r\n\x1a\n", "an HDF5 file", "Pass one"},
      {std::string("\x1c\0\0\0TFL3", 8), "a TensorFlow Lite model", "Pass one"},
      {std::string("\0\0\x08\3\0\0\xea\x60", 8), "an IDX file", "data sets"},
  };
  for (const Case& one : cases) {
    const std::string path =
        testing::WriteFile(folder.File("m"), one.bytes + std::string(100, 'x'));
    EXPECT_TRUE(FailsWith(LoadModel(path).status(), absl::StatusCode::kDataLoss,
                          {path + ": found " + one.found, one.advice}));
  }
  // One that never ends.
  EXPECT_TRUE(FailsWith(LoadModel("/dev/zero").status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"/dev/zero: found a device"}));
}

Dataset Named(const std::string& name, int classes) {
  Dataset dataset;
  dataset.name = name;
  dataset.classes = classes;
  return dataset;
}

ModelInfo WithNames(std::vector<std::string> names) {
  ModelInfo info;
  info.classes = static_cast<int64_t>(names.size());
  info.class_names = std::move(names);
  return info;
}

TEST(MatchClassesTest, GoesByNames) {
  const Dataset mnist = Named("MNIST", 3);
  auto match = MatchClasses(WithNames({"0", "1", "2"}), mnist, "m");
  ASSERT_TRUE(match.ok()) << match.status();
  EXPECT_TRUE(match->order.empty());
  EXPECT_EQ(match->note, "");
  match = MatchClasses(WithNames({"2", "0", "1"}), mnist, "m");
  ASSERT_TRUE(match.ok()) << match.status();
  EXPECT_EQ(match->order, (std::vector<int64_t>{2, 0, 1}));
  EXPECT_NE(match->note.find("another order (2, 0, 1)"), std::string::npos)
      << match->note;
  for (const std::vector<std::string>& other :
       {std::vector<std::string>{"0", "1", "two"}, {"0", "1", "1"}}) {
    EXPECT_TRUE(FailsWith(MatchClasses(WithNames(other), mnist, "m").status(),
                          absl::StatusCode::kFailedPrecondition,
                          {"m: found class 2 to be \"" + other[2] + "\"",
                           "expected \"2\"", "MNIST"}));
  }
}

TEST(MatchClassesTest, WithoutNamesGoesByNumbersAndSaysSo) {
  // An IDX file has no names, and a model may have been given none.
  auto match = MatchClasses(WithNames({"cat", "dog"}),
                            Named("unknown (images crc32 1)", 2), "m");
  ASSERT_TRUE(match.ok()) << match.status();
  EXPECT_TRUE(match->order.empty());
  EXPECT_NE(match->note.find("the data set has numbers"), std::string::npos);
  match = MatchClasses(WithNames({"0", "1"}), Named("Fashion-MNIST", 2), "m");
  ASSERT_TRUE(match.ok()) << match.status();
  EXPECT_NE(match->note.find("the model has numbers"), std::string::npos);
}

TEST(MatchClassesTest, ReorderedTheModelAnswersInTheNewOrder) {
  LoadedModel loaded = {Info(), Model()};
  const at::Tensor images = at::randn({2, 1, 9, 8});
  const at::Tensor before = loaded.model->Logits(images).detach().clone();
  ReorderClasses({{2, 0, 1}, ""}, &loaded);
  const at::Tensor after = loaded.model->Logits(images);
  EXPECT_TRUE(at::equal(after.select(1, 2), before.select(1, 0)));
  EXPECT_TRUE(at::equal(after.select(1, 0), before.select(1, 1)));
  EXPECT_TRUE(at::equal(after.select(1, 1), before.select(1, 2)));
  EXPECT_EQ(loaded.info.class_names,
            (std::vector<std::string>{"dog", "h\xc3\xa9", "cat"}));
}

}  // namespace
}  // namespace distill
