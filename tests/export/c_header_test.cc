#include "export/c_header.h"

#include <cstring>

#include "ATen/ops/abs.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/max.h"
#include "absl/strings/str_cat.h"
#include "export/int8.h"
#include "gtest/gtest.h"
#include "tests/export/proof.h"

namespace distill {
namespace {

using testing::MnistTest;
using testing::ProofFolder;
using testing::RandomModel;

constexpr char kFlags[] =
    "-std=c99 -Wall -Wextra -Werror -pedantic -Wshadow -O2";

// Compiles `source` against the header and runs it on the images.
testing::ProcessResult CompileAndRun(const ProofFolder& folder,
                                     const std::string& header,
                                     const std::string& source,
                                     const std::string& flags) {
  folder.Write("student.h", header);
  return testing::RunInShell(
      absl::StrCat("cc ", flags, " -I'", folder.folder().path(), "' ",
                   testing::Source(source), " -o ", folder.Quoted("program"),
                   " 2>&1 && exec ", folder.Quoted("program"), " < ",
                   folder.Quoted("images")));
}

// The header's program finds the logits in the folder.
void ExpectLogits(const ProofFolder& folder, const std::string& header,
                  const std::string& flags) {
  const auto result =
      CompileAndRun(folder, header, "tests/export/logits.c", flags);
  const at::Tensor& expected = folder.logits();
  ASSERT_EQ(result.exit_code, 0) << result.out;
  ASSERT_EQ(result.out.size(), expected.nbytes()) << result.out.substr(0, 2000);
  const at::Tensor found =
      *FromSafeTensor({"logits", "F32", expected.sizes().vec(), result.out});
  EXPECT_LT((found - expected).abs().max().item<float>(), 1e-4);
  EXPECT_TRUE(at::equal(found.argmax(1), expected.argmax(1)));
}

void ExpectProven(const LoadedModel& model, const Dataset& dataset,
                  int64_t count, const std::string& flags = kFlags) {
  ExpectLogits(ProofFolder(model, dataset, count), CHeader(model), flags);
  CHeaderOptions options;
  options.int8 = true;
  ExpectLogits(ProofFolder(WithInt8Weights(model), dataset, count),
               CHeader(model, options), flags);
}

TEST(CHeaderTest, StudentOnAllTestImages) {
  ExpectProven(RandomModel("cnn:16", 28, 28, 10), MnistTest(), 10000);
}

TEST(CHeaderTest, TeacherOnAThousandTestImages) {
  ExpectProven(RandomModel("cnn:32,64,fc128", 28, 28, 10), MnistTest(), 1000);
}

TEST(CHeaderTest, HiddenLayersAloneOnAllTestImages) {
  ExpectProven(RandomModel("mlp:64,32", 28, 28, 10), MnistTest(), 10000);
}

TEST(CHeaderTest, OddSizesWithEveryAccessChecked) {
  LoadedModel model = RandomModel("cnn:3,5,fc6", 9, 14, 3);
  model.info.normalization = {0.286f, 0.353f};
  ExpectProven(model, testing::RandomImages(300, 9, 14), 300,
               absl::StrCat(kFlags,
                            " -fsanitize=address,undefined "
                            "-fno-sanitize-recover=all"));
}

TEST(CHeaderTest, IsAlsoCPlusPlus) {
  const LoadedModel model = RandomModel("cnn:4", 8, 8, 2);
  ExpectLogits(ProofFolder(model, testing::RandomImages(20, 8, 8), 20),
               CHeader(model), "-x c++ -Wall -Wextra -Werror -pedantic");
}

TEST(CHeaderTest, TheDocumentedProgramPrintsTheClasses) {
  const LoadedModel model = RandomModel("cnn:16", 28, 28, 10);
  const ProofFolder folder(model, MnistTest(), 100);
  const auto result =
      CompileAndRun(folder, CHeader(model), "docs/examples/predict.c", kFlags);
  const at::Tensor expected = folder.logits().argmax(1);
  std::string names;
  for (int64_t i = 0; i < 100; ++i) {
    absl::StrAppend(&names, model.info.class_names[expected[i].item<int64_t>()],
                    "\n");
  }
  EXPECT_EQ(result.out, names);
}

TEST(CHeaderTest, SaysHowLargeAndHowGoodItIs) {
  const LoadedModel model = RandomModel("cnn:16", 28, 28, 10);
  CHeaderOptions options;
  options.int8 = true;
  options.remarks = {"Accuracy: 98 % of 10,000 images. */ int x;"};
  const std::string header = CHeader(model, options);
  EXPECT_NE(header.find(" * Accuracy: 98 % of 10,000 images. _/ int x;\n"),
            std::string::npos);
  // 31,530 parameters: 26 biases, as many scales, and the weights.
  EXPECT_NE(header.find("31712 bytes of constants"), std::string::npos);
  EXPECT_EQ(SizeOfCHeader(model, true).constant_bytes, 31504 + 26 * 8);
  EXPECT_EQ(SizeOfCHeader(model, false).constant_bytes, 31530 * 4);
  // An image with its frame, and 16 maps of 14 x 14 without.
  EXPECT_EQ(SizeOfCHeader(model, false).scratch_bytes,
            (30 * 30 + 16 * 14 * 14) * 4);
}

}  // namespace
}  // namespace distill
