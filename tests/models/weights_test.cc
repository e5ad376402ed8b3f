#include "models/weights.h"

#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "base/files.h"
#include "data/catalog.h"
#include "gtest/gtest.h"
#include "models/zoo.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

ModelInfo Info() {
  ModelInfo info;
  info.architecture = "cnn:4,fc6";
  info.image.height = 9;
  info.image.width = 8;
  info.classes = 3;
  info.normalization = {{0.1307f}, {0.3081f}};
  info.class_names = {"cat", "dog", "h\xc3\xa9"};
  info.notes = {{"dataset", "toys"}};
  return info;
}

std::shared_ptr<Network> Model() {
  Random random(3, "test");
  return std::make_shared<Network>(*ParseModel("m", "cnn:4,fc6", {1, 9, 8}, 3),
                                   random);
}

SafeTensors Example() {
  return ModelFile(FrozenClassifier(Model()).State(), Info());
}

TEST(ModelFileTest, ComesBackWithTheSameLogits) {
  testing::TempFolder folder;
  const std::string path = folder.File("m.safetensors");
  ASSERT_TRUE(WriteFile(path, *SerializeSafeTensors(Example())).ok());
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const ModelInfo& info = loaded->info;
  EXPECT_EQ(info.architecture, "cnn:4,fc6");
  EXPECT_EQ(info.image.height, 9);
  EXPECT_EQ(info.image.width, 8);
  EXPECT_EQ(info.classes, 3);
  EXPECT_EQ(info.normalization.mean[0], 0.1307f);
  EXPECT_EQ(info.normalization.std[0], 0.3081f);
  EXPECT_EQ(info.class_names, Info().class_names);
  EXPECT_EQ(info.notes, Info().notes);
  const at::Tensor images = at::randn({2, 1, 9, 8});
  EXPECT_TRUE(
      at::equal(loaded->model->Logits(images), Model()->Logits(images)));
}

TEST(ModelFileTest, OfColourHasItsChannelsAndTheirNormalisation) {
  ModelInfo info = Info();
  info.image.channels = 3;
  info.normalization = {{0.1f, 0.2f, 0.3f}, {0.4f, 0.5f, 0.6f}};
  Random random(3, "test");
  const Network model(*ParseModel("m", info.architecture, info.image, 3),
                      random);
  SafeTensors file = ModelFile(model.State(), info);
  EXPECT_EQ(file.metadata.at("channels"), "3");
  auto loaded = ModelFromFile(file, "f");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->info.image, info.image);
  EXPECT_EQ(loaded->info.normalization, info.normalization);
  for (const char* mean : {"0.1", "0.1,0.2", "0.1,0.2,0.3,0.4", "0.1,,0.3"}) {
    file.metadata["mean"] = mean;
    EXPECT_TRUE(FailsWith(ModelFromFile(file, "f").status(),
                          absl::StatusCode::kDataLoss,
                          {"\"mean\"", mean, "3 finite numbers"}));
  }
}

TEST(ModelFileTest, HasPlainNamesAndNothingElse) {
  const SafeTensors file = Example();
  std::vector<std::string> names;
  for (const SafeTensor& tensor : file.tensors) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv1.weight", "conv1.bias",
                                             "fc1.weight", "fc1.bias",
                                             "fc2.weight", "fc2.bias"}));
  EXPECT_EQ(file.metadata.at("format"), "pt");
  EXPECT_EQ(file.metadata.at("format_version"), "2");
  EXPECT_EQ(file.metadata.at("class_names"), "[\"cat\",\"dog\",\"h\xc3\xa9\"]");
}

// Its origin is beside it.
TEST(ModelFileTest, OneOfVersion1LoadsAndIsSavedAsTheCurrentOne) {
  const auto loaded = LoadModel(testing::ProgramPath(
      "tests/testdata/models/format_version_1.safetensors"));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->info.architecture, "cnn:2,fc4");
  EXPECT_EQ(loaded->info.notes.at("role"), "student");
  at::Tensor images = at::empty({3, 1, 8, 8});
  const Normalization& normalization = loaded->info.normalization;
  for (int64_t n = 0; n < 3; ++n) {
    for (int64_t i = 0; i < 64; ++i) {
      const auto pixel = static_cast<float>((37 * i + 101 * n) % 256);
      images[n][0][i / 8][i % 8] =
          (pixel / 255 - normalization.mean[0]) / normalization.std[0];
    }
  }
  const at::Tensor logits =
      at::tensor({-0.699230433, 3.2920053, -0.646694839,    //
                  -0.533881664, 0.277828127, 1.11540961,    //
                  -1.00218809, 4.40615082, -0.882405937});  //
  const auto difference = [&](Network& model) {
    return (model.Logits(images).flatten() - logits).abs().max().item<double>();
  };
  // Some 60 float32 roundings (2^-24) of numbers around 4.
  constexpr double kRounding = 1e-5;
  EXPECT_LT(difference(*loaded->model), kRounding);

  const SafeTensors again =
      ModelFile(FrozenClassifier(loaded->model).State(), loaded->info);
  EXPECT_EQ(again.metadata.at("format_version"), "2");
  EXPECT_EQ(again.tensors.size(), 6u);
  const auto reloaded = ModelFromFile(again, "again");
  ASSERT_TRUE(reloaded.ok()) << reloaded.status();
  EXPECT_EQ(reloaded->info.notes, loaded->info.notes);
  EXPECT_LT(difference(*reloaded->model), kRounding);
}

TEST(ModelFileTest, OneOfALaterVersionIsRefusedWithWhatToDo) {
  SafeTensors file = Example();
  file.metadata["format_version"] = "3";
  EXPECT_TRUE(FailsWith(ModelFromFile(file, "the file").status(),
                        absl::StatusCode::kFailedPrecondition,
                        {"the file: found", "format version 3",
                         "versions up to 2", "Take the version"}));
}

// With batch norm after the convolution, which no spelling makes.
Graph Normalized() {
  Graph graph = *ParseModel("m", "cnn:4,fc6", {1, 9, 8}, 3);
  graph.operations[1].kind = Operation::Kind::kBatchNorm;
  graph.operations[1].name = "bn1";
  return graph;
}

TEST(LoadStateTest, BuffersComeBack) {
  Random random(3, "test");
  auto trained = std::make_shared<Network>(Normalized(), random);
  trained->Logits(at::randn({5, 1, 9, 8}));
  const std::vector<NamedTensor> state = FrozenClassifier(trained).State();
  const SafeTensors file = ModelFile(state, Info());
  Network loaded(Normalized(), random);
  ASSERT_TRUE(
      LoadState(file, "the file", loaded.graph().spelling, &loaded).ok());
  ASSERT_EQ(state.size(), 11u);
  for (size_t i = 0; i < state.size(); ++i) {
    EXPECT_EQ(loaded.State()[i].name, state[i].name);
    EXPECT_TRUE(at::equal(loaded.State()[i].value, state[i].value))
        << state[i].name;
  }
  EXPECT_EQ(state.back().name, "bn1.num_batches_tracked");
  EXPECT_EQ(state.back().value.item<int64_t>(), 1);
  loaded.eval();
  const at::Tensor images = at::randn({2, 1, 9, 8});
  // (The one would be asked for gradients, for which there are other kernels.)
  const at::NoGradGuard no_grad;
  EXPECT_TRUE(at::equal(loaded.Logits(images), trained->Logits(images)));
}

TEST(LoadStateTest, ABufferThatIsMissingOrWrongIsNamed) {
  Random random(3, "test");
  auto model = std::make_shared<Network>(Normalized(), random);
  const SafeTensors right = ModelFile(FrozenClassifier(model).State(), Info());
  const auto code = absl::StatusCode::kDataLoss;
  // (Without the number of batches, which is last, as some files are.)
  SafeTensors file = right;
  file.tensors.pop_back();
  EXPECT_TRUE(LoadState(file, "f", model->graph().spelling, model.get()).ok());
  file.tensors.pop_back();
  EXPECT_TRUE(
      FailsWith(LoadState(file, "f", model->graph().spelling, model.get()),
                code, {"f: found no tensor \"bn1.running_var\""}));
  file = right;
  file.tensors.back().dtype = "F64";
  EXPECT_TRUE(FailsWith(
      LoadState(file, "f", model->graph().spelling, model.get()), code,
      {"\"bn1.num_batches_tracked\" of dtype F64", "expected I64 of []"}));
  // A file of a model without batch norm.
  EXPECT_TRUE(
      FailsWith(LoadState(Example(), "f", model->graph().spelling, model.get()),
                code, {"no tensor \"bn1.weight\"", "those of cnn:4,fc6"}));
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
      {set("format_version", "two"), "\"format_version\" to be \"two\""},
      {set("format_version", "0"), "\"format_version\" to be \"0\""},
      {set("class_names", "[\"a\"]"), "1 class names"},
      {set("class_names", "[\"a\", \"b\", \"a\"]"),
       "the class name \"a\" twice"},
      {[](SafeTensors& f) { f.tensors.pop_back(); }, "no tensor \"fc2.bias\""},
      {[](SafeTensors& f) {
         f.tensors.push_back({"teacher.fc1.weight", "F32", {0}, ""});
       },
       "7 tensors, among them \"teacher.fc1.weight\""},
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

TEST(ModelFileTest, ANegativeVarianceIsNamed) {
  Random random(0, "test");
  ModelInfo info;
  info.architecture = "cnn:2b";
  info.image = {1, 4, 4};
  info.classes = 2;
  info.class_names = {"a", "b"};
  Network net(*ParseModel("m", info.architecture, info.image, 2), random);
  for (const NamedTensor& one : net.named_buffers()) {
    if (one.name == "bn1.running_var") one.value[1] = -0.5;
  }
  EXPECT_TRUE(FailsWith(
      ModelFromFile(ModelFile(net.State(), info), "some.safetensors").status(),
      absl::StatusCode::kDataLoss,
      {"some.safetensors", "\"bn1.running_var\"", "negative"}));
}

TEST(SafeTensorTest, TensorsComeBack) {
  for (const at::Tensor& tensor :
       {at::randn({3, 4}).t(), at::randn({2}, at::kDouble),
        at::arange(5, at::kLong), at::zeros({}, at::kLong),
        at::arange(4).to(at::kByte), at::empty({0, 3}),
        at::randn({3}).to(at::kHalf), at::randn({3}).to(at::kBFloat16),
        at::arange(3).to(at::kInt)}) {
    const auto back = FromSafeTensor(ToSafeTensor("x", tensor));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back->scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(at::equal(*back, tensor));
  }
  EXPECT_THROW(ToSafeTensor("x", at::zeros({1}, at::kShort)), c10::Error);
  EXPECT_FALSE(FromSafeTensor({"x", "I16", {1}, "12"}).ok());
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
  dataset.classes = classes;
  IdentifyDataset(name, &dataset);
  dataset.name = name;
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
