// The project's own model files, read and written by Python's safetensors.
#include <iostream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/export/proof.h"
#include "tests/testing/python.h"

namespace distill {
namespace {

using testing::MnistTest;
using testing::ProofFolder;
using testing::RandomModel;

void ExpectProven(const LoadedModel& model, const Dataset& dataset,
                  int64_t count) {
  const std::string missing = testing::WhyNoPython();
  if (!missing.empty()) GTEST_SKIP() << missing;
  const ProofFolder folder(model, dataset, count);
  const SafeTensors ours =
      ModelFile(FrozenClassifier(model.model).State(), model.info);
  folder.Write("ours", *SerializeSafeTensors(ours));
  const auto result = testing::RunPython(
      absl::StrCat(testing::Source("tests/export/safetensors_proof.py"), " ",
                   testing::Source("docs/examples"), " ", folder.Quoted("ours"),
                   " ", folder.Quoted("images"), " ", folder.Quoted("logits"),
                   " ", folder.Quoted("theirs")));
  ASSERT_EQ(result.exit_code, 0) << result.out;
  std::cout << result.out;

  const auto theirs = ReadSafeTensors(folder.folder().File("theirs"));
  ASSERT_TRUE(theirs.ok()) << theirs.status();
  EXPECT_EQ(theirs->metadata, ours.metadata);
  ASSERT_EQ(theirs->tensors.size(), ours.tensors.size());
  for (const SafeTensor& tensor : ours.tensors) {
    const SafeTensor* other = theirs->Find(tensor.name);
    ASSERT_NE(other, nullptr) << tensor.name;
    EXPECT_EQ(other->dtype, tensor.dtype);
    EXPECT_EQ(other->shape, tensor.shape);
    EXPECT_EQ(other->bytes, tensor.bytes) << tensor.name;
  }
  EXPECT_TRUE(LoadModel(folder.folder().File("theirs")).ok());
}

TEST(SafeTensorsTest, StudentOnAllTestImages) {
  ExpectProven(RandomModel("cnn:16", {1, 28, 28}, 10), MnistTest(), 10000);
}

TEST(SafeTensorsTest, TeacherOnAThousandTestImages) {
  ExpectProven(RandomModel("cnn:32,64,fc128", {1, 28, 28}, 10), MnistTest(),
               1000);
}

TEST(SafeTensorsTest, OddSizesOtherNormalisationAndClasses) {
  LoadedModel model = RandomModel("cnn:3,5,fc6", {1, 9, 14}, 3);
  model.info.normalization = {{0.286f}, {0.353f}};
  ExpectProven(model, testing::RandomImages(1000, {1, 9, 14}), 1000);
}

TEST(SafeTensorsTest, TheDocumentedProgramPrintsTheClasses) {
  const std::string missing = testing::WhyNoPython();
  if (!missing.empty()) GTEST_SKIP() << missing;
  const LoadedModel model = RandomModel("mlp:20", {1, 28, 28}, 10);
  const ProofFolder folder(model, MnistTest(), 100);
  folder.Write("student.safetensors",
               *SerializeSafeTensors(ModelFile(
                   FrozenClassifier(model.model).State(), model.info)));
  const auto result = testing::RunPython(absl::StrCat(
      testing::Source("docs/examples/numpy_student.py"), " ",
      folder.Quoted("student.safetensors"), " ", folder.Quoted("images")));
  const at::Tensor expected = folder.logits().argmax(1);
  std::string classes;
  for (int64_t i = 0; i < 100; ++i) {
    absl::StrAppend(&classes, expected[i].item<int64_t>(), "\n");
  }
  EXPECT_EQ(result.out, classes);
}

}  // namespace
}  // namespace distill
