#include "export/c_header.h"

#include <cstring>
#include <string>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/abs.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/max.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "export/c_integers.h"
#include "gtest/gtest.h"
#include "models/quantize.h"
#include "tests/export/proof.h"
#include "tests/testing/python.h"

namespace distill {
namespace {

using testing::MnistTest;
using testing::ProofFolder;
using testing::RandomModel;

// What users with strict rules compile with.
constexpr char kWarnings[] =
    "-Wall -Wextra -Werror -pedantic -Wshadow -Wconversion -Wdouble-promotion "
    "-Wundef -Wfloat-conversion -Wsign-conversion -Wmissing-prototypes ";
const std::string kFlags = absl::StrCat("-std=c99 -O2 ", kWarnings);

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
  ExpectLogits(ProofFolder(model, dataset, count), CHeader(model)->text, flags);
}

TEST(CHeaderTest, StudentOnAllTestImages) {
  ExpectProven(RandomModel("cnn:16", {1, 28, 28}, 10), MnistTest(), 10000);
}

TEST(CHeaderTest, TeacherOnAThousandTestImages) {
  ExpectProven(RandomModel("cnn:32,64,fc128", {1, 28, 28}, 10), MnistTest(),
               1000);
}

TEST(CHeaderTest, HiddenLayersAloneOnAllTestImages) {
  ExpectProven(RandomModel("mlp:64,32", {1, 28, 28}, 10), MnistTest(), 10000);
}

TEST(CHeaderTest, OddSizesWithEveryAccessChecked) {
  LoadedModel model = RandomModel("cnn:3,5,fc6", {1, 9, 14}, 3);
  model.info.normalization = {{0.286f}, {0.353f}};
  ExpectProven(model, testing::RandomImages(300, {1, 9, 14}), 300,
               absl::StrCat(kFlags,
                            " -fsanitize=address,undefined "
                            "-fno-sanitize-recover=all"));
}

// A program of two lines around each of `headers`, in each language and with
// each compiler that is here.
void ExpectStrictlyCompiles(const std::vector<std::string>& headers,
                            const std::vector<std::string>& prefixes) {
  const testing::TempFolder folder;
  std::string source;
  for (size_t i = 0; i < headers.size(); ++i) {
    testing::WriteFile(folder.File(absl::StrCat(i, ".h")), headers[i]);
    absl::StrAppend(&source, "#include \"", i, ".h\"\n");
  }
  absl::StrAppend(&source, "int main(void) {\n");
  for (const std::string& prefix : prefixes) {
    const std::string upper = absl::AsciiStrToUpper(prefix);
    absl::StrAppend(&source, "  { static unsigned char pixels[", upper,
                    "_HEIGHT * ", upper, "_WIDTH];\n    if (", prefix,
                    "_class_name(", prefix,
                    "_predict(pixels)) == 0) return 1; "
                    "}\n");
  }
  testing::WriteFile(folder.File("main.c"), source + "  return 0;\n}\n");
  for (const char* compiler : {"gcc", "clang"}) {
    if (testing::RunInShell(absl::StrCat("command -v ", compiler)).exit_code) {
      continue;  // Not on every machine.
    }
    for (const std::string language :
         {"-std=c99", "-std=c11", "-std=c17", "-x c++ -std=c++17"}) {
      std::string warnings = kWarnings;
      if (language[1] == 'x') {
        // Of C alone.
        warnings.resize(warnings.find("-Wmissing-prototypes"));
      }
      const auto result = testing::RunInShell(absl::StrCat(
          "cd '", folder.path(), "' && ", compiler, " ", warnings, " -O2 ",
          language, " main.c -o program 2>&1 && ./program"));
      EXPECT_EQ(result.exit_code, 0)
          << compiler << " " << language << ": " << result.out.substr(0, 2000);
    }
  }
}

TEST(CHeaderTest, StrictCompilersHaveNoComplaint) {
  LoadedModel model = RandomModel("cnn:3,5,fc6", {1, 9, 14}, 3);
  // Weights that are whole numbers, and a negative mean.
  {
    const at::NoGradGuard no_grad;
    model.model->parameters()[0].fill_(2);
  }
  model.info.normalization = {{-0.5f}, {1}};
  ExpectStrictlyCompiles({CHeader(model)->text}, {"distill"});
  const at::Tensor images =
      testing::NormalizedImages(model, testing::RandomImages(9, {1, 9, 14}));
  ExpectStrictlyCompiles({CHeader(*QuantizeModel(model, images)).text},
                         {"distill"});
  ExpectStrictlyCompiles({CHeader(RandomModel("mlp:4", {1, 8, 8}, 2))->text},
                         {"distill"});
}

TEST(CHeaderTest, TwoModelsGoIntoOneProgramUnderTwoPrefixes) {
  CHeaderOptions student, teacher;
  student.prefix = "student";
  teacher.prefix = "Teacher2";
  // Names of classes are the user's, whatever they look like.
  LoadedModel model = RandomModel("cnn:4", {1, 8, 8}, 2);
  model.info.class_names = {"distill_a", "DISTILL_B"};
  const std::string header = CHeader(model, student)->text;
  EXPECT_NE(header.find("\"distill_a\",\"DISTILL_B\""), std::string::npos);
  ExpectStrictlyCompiles(
      {header, CHeader(RandomModel("cnn:4,fc5", {1, 9, 8}, 3), teacher)->text,
       header},
      {"student", "Teacher2"});
}

TEST(CHeaderTest, TwoModelsOfOnePrefixAreAnErrorThatSaysSo) {
  const testing::TempFolder folder;
  testing::WriteFile(folder.File("a.h"),
                     CHeader(RandomModel("cnn:4", {1, 8, 8}, 2))->text);
  testing::WriteFile(folder.File("b.h"),
                     CHeader(RandomModel("cnn:5", {1, 8, 8}, 2))->text);
  testing::WriteFile(folder.File("main.c"),
                     "#include \"a.h\"\n#include \"b.h\"\n"
                     "int main(void) { return 0; }\n");
  const auto result = testing::RunInShell("cd '" + folder.path() +
                                          "' && cc -std=c99 -c main.c 2>&1");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.out.find("another --prefix"), std::string::npos)
      << result.out;
}

TEST(CHeaderTest, IsAlsoCPlusPlus) {
  const LoadedModel model = RandomModel("cnn:4", {1, 8, 8}, 2);
  ExpectLogits(ProofFolder(model, testing::RandomImages(20, {1, 8, 8}), 20),
               CHeader(model)->text, "-x c++ -Wall -Wextra -Werror -pedantic");
}

TEST(CHeaderTest, TheDocumentedProgramPrintsTheClasses) {
  const LoadedModel model = RandomModel("cnn:16", {1, 28, 28}, 10);
  const ProofFolder folder(model, MnistTest(), 100);
  const auto result = CompileAndRun(folder, CHeader(model)->text,
                                    "docs/examples/predict.c", kFlags);
  const at::Tensor expected = folder.logits().argmax(1);
  std::string names;
  for (int64_t i = 0; i < 100; ++i) {
    absl::StrAppend(&names, model.info.class_names[expected[i].item<int64_t>()],
                    "\n");
  }
  EXPECT_EQ(result.out, names);
}

TEST(CHeaderTest, SaysHowLargeAndHowGoodItIs) {
  const LoadedModel model = RandomModel("cnn:16", {1, 28, 28}, 10);
  CHeaderOptions options;
  options.remarks = {"Accuracy: 98 % of 10,000 images. */ int x;"};
  const CHeaderFile file = *CHeader(model, options);
  const std::string& header = file.text;
  EXPECT_NE(header.find(" * Accuracy: 98 % of 10,000 images. _/ int x;\n"),
            std::string::npos);
  EXPECT_NE(header.find("126120 bytes of constants"), std::string::npos);
  EXPECT_EQ(file.constant_bytes, 31530 * 4);
  // An image with its frame, and 16 maps of 14 x 14 without.
  EXPECT_EQ(file.scratch_bytes, (30 * 30 + 16 * 14 * 14) * 4);
}

}  // namespace
}  // namespace distill
