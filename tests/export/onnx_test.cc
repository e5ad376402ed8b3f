#include "export/onnx.h"

#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/protobuf_writer.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/export/proof.h"
#include "tests/testing/python.h"

namespace distill {
namespace {

using testing::MnistTest;
using testing::ProofFolder;
using testing::RandomModel;

// ONNX's checker accepts the file, and ONNX Runtime finds our logits and our
// classes with it.
void ExpectProven(const LoadedModel& model, const Dataset& dataset,
                  int64_t count, const OnnxOptions& options) {
  const std::string missing = testing::WhyNoPython();
  if (!missing.empty()) GTEST_SKIP() << missing;
  const ProofFolder folder(model, dataset, count);
  folder.Write("student.onnx", OnnxFile(model, options));
  folder.Write("names", nlohmann::json(model.info.class_names).dump());
  const auto result = testing::RunPython(absl::StrCat(
      testing::Source("tests/export/onnx_proof.py"), " ",
      folder.Quoted("student.onnx"), " ", folder.Quoted("images"), " ",
      folder.Quoted("logits"), " \"$(cat ", folder.Quoted("names"), ")\""));
  EXPECT_EQ(result.exit_code, 0) << result.out;
  std::cout << result.out;
}

TEST(OnnxTest, StudentOfPixelsOnAllTestImages) {
  ExpectProven(RandomModel("cnn:16", {1, 28, 28}, 10), MnistTest(), 10000, {});
}

TEST(OnnxTest, StudentOfNormalisedImagesOnAllTestImages) {
  OnnxOptions options;
  options.pixels = false;
  ExpectProven(RandomModel("cnn:16", {1, 28, 28}, 10), MnistTest(), 10000,
               options);
}

TEST(OnnxTest, TeacherOnAllTestImages) {
  ExpectProven(RandomModel("cnn:32,64,fc128", {1, 28, 28}, 10), MnistTest(),
               10000, {});
}

TEST(OnnxTest, HiddenLayersAloneOnAllTestImages) {
  ExpectProven(RandomModel("mlp:64,32", {1, 28, 28}, 10), MnistTest(), 10000,
               {});
}

TEST(OnnxTest, OddSizesOtherNormalisationAndClasses) {
  LoadedModel model = RandomModel("cnn:3,5,fc6", {1, 9, 14}, 3);
  model.info.normalization = {{0.286f}, {0.353f}};
  ExpectProven(model, testing::RandomImages(1000, {1, 9, 14}), 1000, {});
}

TEST(OnnxTest, ColourHasANormalisationOfEachChannel) {
  const LoadedModel model = RandomModel("cnn:3,5,fc6", {3, 9, 14}, 3);
  const Dataset images = testing::RandomImages(1000, {3, 9, 14});
  ExpectProven(model, images, 1000, {});
  OnnxOptions normalized;
  normalized.pixels = false;
  ExpectProven(model, images, 1000, normalized);
}

// What no spelling makes: stride, groups, batch norm, addition, a global
// average, layers without bias, and dropout, which a file leaves out.
Graph Residual() {
  Graph graph;
  graph.image.height = 9;
  graph.image.width = 14;
  Operation conv = {Operation::Kind::kConvolution, "conv1"};
  conv.outputs = 4;
  conv.kernel = 5;
  conv.stride = 2;
  conv.padding = 2;
  conv.bias = false;
  graph.Append(conv);
  const int norm = graph.Append({Operation::Kind::kBatchNorm, "bn1"});
  conv = {Operation::Kind::kConvolution, "conv2"};
  conv.outputs = 4;
  conv.kernel = 3;
  conv.padding = 1;
  conv.groups = 2;
  const int branch = graph.Append(conv);
  graph.Append({Operation::Kind::kAdd, "add", {branch, norm}});
  graph.Append({Operation::Kind::kRelu, "relu"});
  Operation pool = {Operation::Kind::kMaxPool, "pool"};
  pool.kernel = 3;
  pool.stride = 2;
  graph.Append(pool);
  // The file has a "mean" of its own.
  graph.Append({Operation::Kind::kGlobalAveragePool, "mean"});
  graph.Append({Operation::Kind::kFlatten, "flat"});
  Operation linear = {Operation::Kind::kLinear, "fc1"};
  linear.outputs = 6;
  linear.bias = false;
  graph.Append(linear);
  Operation dropout = {Operation::Kind::kDropout, "dropout"};
  dropout.rate = 0.5;
  graph.Append(dropout);
  linear.name = "fc2";
  linear.outputs = 3;
  graph.Append(linear);
  return graph;
}

TEST(OnnxTest, AGraphThatBranchesWithBatchNorm) {
  LoadedModel model = RandomModel("cnn:3,5,fc6", {1, 9, 14}, 3);
  Random random(1, "test");
  model.model = std::make_shared<Network>(Residual(), random);
  // Running statistics that are not 0 and 1.
  model.model->Logits(UniformTensor({20, 1, 9, 14}, 2, random));
  const std::string file = OnnxFile(model);
  for (const char* part : {"BatchNormalization", "bn1.running_var",
                           "GlobalAveragePool", "Add", "group", "strides"}) {
    EXPECT_NE(file.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(file.find("num_batches_tracked"), std::string::npos);
  ExpectProven(model, testing::RandomImages(1000, {1, 9, 14}), 1000, {});
}

TEST(OnnxTest, EachFamily) {
  for (const char* spelling :
       {"cnn:4b,8b,fc16", "resnet:1x4,2x8", "resnet:1x4,2x8,b", "wrn:10,1",
        "mobile:4,8s,8x3,16x2s"}) {
    SCOPED_TRACE(spelling);
    ExpectProven(testing::MakeTrainedModel(spelling, testing::kSmallColour),
                 testing::RandomImages(300, testing::kSmallColour), 300, {});
    ExpectProven(testing::MakeTrainedModel(spelling, {1, 28, 28}), MnistTest(),
                 10000, {});
  }
}

TEST(OnnxTest, TheDocumentedProgramPrintsTheClasses) {
  const std::string missing = testing::WhyNoPython();
  if (!missing.empty()) GTEST_SKIP() << missing;
  const LoadedModel model = RandomModel("cnn:16", {1, 28, 28}, 10);
  const ProofFolder folder(model, MnistTest(), 100);
  folder.Write("student.onnx", OnnxFile(model));
  const auto result = testing::RunPython(absl::StrCat(
      testing::Source("docs/examples/onnx_student.py"), " ",
      folder.Quoted("student.onnx"), " ", folder.Quoted("images")));
  const at::Tensor expected = folder.logits().argmax(1);
  std::string names;
  for (int64_t i = 0; i < 100; ++i) {
    absl::StrAppend(&names, model.info.class_names[expected[i].item<int64_t>()],
                    "\n");
  }
  EXPECT_EQ(result.out, names);
}

// The first two are the examples of protobuf.dev's "Encoding".
TEST(ProtobufWriterTest, WritesTheWireFormat) {
  ProtobufWriter number;
  number.Int(1, 150);
  EXPECT_EQ(number.bytes(), "\x08\x96\x01");
  ProtobufWriter text;
  text.Bytes(2, "testing");
  EXPECT_EQ(text.bytes(), "\x12\x07testing");
  ProtobufWriter outer;
  outer.Message(3, number);
  EXPECT_EQ(outer.bytes(), "\x1a\x03\x08\x96\x01");
  // Field 16 needs two bytes: 16 * 8 is 128.
  ProtobufWriter far;
  far.Int(16, 1);
  EXPECT_EQ(far.bytes(), "\x80\x01\x01");
  // All 64 bits of -1, seven at a time: nine bytes of ones, and one bit.
  ProtobufWriter negative;
  negative.Int(1, -1);
  EXPECT_EQ(negative.bytes(), "\x08" + std::string(9, '\xff') + "\x01");
  ProtobufWriter zero;
  zero.Int(1, 0);
  EXPECT_EQ(zero.bytes(), std::string("\x08\x00", 2));
}

}  // namespace
}  // namespace distill
