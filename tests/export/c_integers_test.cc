#include "export/c_integers.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "export/c_header.h"
#include "gtest/gtest.h"
#include "models/integers.h"
#include "tests/export/proof.h"
#include "tests/testing/python.h"

namespace distill {
namespace {

using testing::MakeTrainedModel;
using testing::NormalizedImages;

// What users with strict rules compile with.
constexpr char kStrict[] =
    "-std=c99 -O2 -Wall -Wextra -Werror -pedantic -Wshadow -Wconversion "
    "-Wdouble-promotion -Wundef -Wsign-conversion -Wmissing-prototypes ";

// Each program of `compilers` finds the logits of the simulation to the bit.
void ExpectSameBits(const LoadedModel& model, const Dataset& dataset,
                    const std::vector<std::string>& compilers) {
  const at::Tensor images = NormalizedImages(model, dataset);
  const QuantizedModel quantized = *QuantizeModel(
      model, images.slice(0, 0, std::min<int64_t>(256, images.size(0))));
  const auto simulation = Simulate(quantized);
  at::Tensor expected;
  {
    const at::NoGradGuard no_grad;
    expected = simulation->Logits(images).to(at::kDouble) *
               std::ldexp(1., LogitBits(quantized));
  }
  const testing::TempFolder folder;
  testing::WriteFile(folder.File("student.h"), CHeader(quantized).text);
  const ImageSpec& image = model.info.image;
  const int64_t pixels = image.height * image.width;
  const std::vector<uint8_t> planes = dataset.images.Bytes();
  std::string bytes(planes.size(), '\0');
  for (int64_t i = 0; i < static_cast<int64_t>(bytes.size()); ++i) {
    const int64_t channel = i % image.channels;
    const int64_t pixel = i / image.channels % pixels;
    bytes[i] = static_cast<char>(
        planes[i / image.size() * image.size() + channel * pixels + pixel]);
  }
  testing::WriteFile(folder.File("images"), bytes);
  for (const std::string& compiler : compilers) {
    const auto result = testing::RunInShell(
        absl::StrCat("cd '", folder.path(), "' && ", compiler, " -I. ",
                     testing::Source("tests/export/logits.c"),
                     " -o program 2>&1 && exec ./program < images"));
    ASSERT_EQ(result.exit_code, 0) << compiler << result.out.substr(0, 2000);
    ASSERT_EQ(result.out.size(), expected.numel() * sizeof(int32_t))
        << compiler << result.out.substr(0, 2000);
    std::vector<int32_t> found(expected.numel());
    std::memcpy(found.data(), result.out.data(), result.out.size());
    const at::Tensor difference =
        at::tensor(c10::ArrayRef<int32_t>(found), at::kInt)
            .view(expected.sizes()) -
        expected;
    // The simulation's are float32, which has 24 of an integer's bits.
    EXPECT_LT(difference.abs().max().item<double>(),
              expected.abs().max().item<double>() * 1e-7 + 0.5)
        << compiler;
  }
}

// The compilers that are here: C99 and C++, and for 32 bits.
std::vector<std::string> Compilers() {
  std::vector<std::string> found;
  for (const std::string& compiler :
       {absl::StrCat("gcc ", kStrict), absl::StrCat("clang ", kStrict),
        absl::StrCat("gcc -m32 ", kStrict),
        std::string("gcc -x c++ -std=c++17 -Wall -Wextra -Wconversion -Werror "
                    "-pedantic")}) {
    const auto trial = testing::RunInShell(absl::StrCat(
        "printf '#include <stdio.h>\\nint main(void) { return 0; }\\n' > "
        "\"$TEST_TMPDIR/a.c\" && ",
        compiler, " \"$TEST_TMPDIR/a.c\" -o \"$TEST_TMPDIR/a\" 2>&1"));
    if (trial.exit_code == 0) found.push_back(compiler);
  }
  return found;
}

TEST(CIntegersTest, EachFamilyHasTheSimulationsBits) {
  const Dataset dataset = testing::RandomImages(256, testing::kSmallColour);
  const std::vector<std::string> compilers = Compilers();
  ASSERT_FALSE(compilers.empty());
  for (const char* spelling : testing::kFamilies) {
    SCOPED_TRACE(spelling);
    ExpectSameBits(MakeTrainedModel(spelling, testing::kSmallColour), dataset,
                   compilers);
  }
}

TEST(CIntegersTest, OddSizesWithEveryAccessChecked) {
  const ImageSpec image = {1, 13, 9};
  for (const char* spelling : {"cnn:3,5,fc6", "resnet:1x4,1x8", "mlp:5"}) {
    ExpectSameBits(MakeTrainedModel(spelling, image),
                   testing::RandomImages(100, image),
                   {absl::StrCat("gcc ", kStrict,
                                 "-fsanitize=address,undefined "
                                 "-fno-sanitize-recover=all")});
  }
}

TEST(CIntegersTest, StudentOnAllTestImages) {
  ExpectSameBits(MakeTrainedModel("cnn:16", {1, 28, 28}), testing::MnistTest(),
                 {absl::StrCat("gcc ", kStrict)});
}

// Of a chain of layers two activations at a time, of residual blocks too.
TEST(CIntegersTest, TheScratchAreaHasTwoActivations) {
  struct Case {
    const char* spelling;
    int64_t bytes;
  };
  for (const Case& one : std::vector<Case>{
           // The image and 16 maps that were pooled; 14 x 14.
           {"cnn:16", 784 + 16 * 196},
           {"mlp:100", 784 + 100},
           // Two of 16 maps of 28 x 28.
           {"resnet8", 2 * 16 * 784},
           {"resnet:1x16,1x32,1x64,b", 2 * 16 * 784},
           // Of 28 x 28, and of 14 x 14.
           {"mobile:16,32s", 16 * 784 + 16 * 196},
       }) {
    const LoadedModel model =
        testing::RandomModel(one.spelling, {1, 28, 28}, 10);
    const QuantizedModel quantized = *QuantizeModel(
        model, NormalizedImages(model, testing::RandomImages(4, {1, 28, 28})));
    EXPECT_EQ(CHeader(quantized).scratch_bytes, one.bytes) << one.spelling;
  }
}

TEST(CIntegersTest, SaysHowLargeAndHowGoodItIs) {
  const LoadedModel model = testing::RandomModel("cnn:16", {1, 28, 28}, 10);
  const QuantizedModel quantized = *QuantizeModel(
      model, NormalizedImages(model, testing::RandomImages(4, {1, 28, 28})));
  const CHeaderFile file =
      CHeader(quantized, {"student", {"97 % of 10,000 images. */ int x;"}});
  // 31,504 weights and 26 biases, multipliers and shifts; the bytes of pixels;
  // two steps of 27 numbers.
  EXPECT_EQ(file.constant_bytes, 31504 + 26 * 9 + 256 + 2 * 108);
  EXPECT_NE(file.text.find(" * 97 % of 10,000 images. _/ int x;\n"),
            std::string::npos);
  EXPECT_NE(file.text.find("32210 bytes of constants, 3920 bytes of scratch"),
            std::string::npos);
  EXPECT_EQ(file.text.find("float "), std::string::npos);
  EXPECT_EQ(file.text.find("distill_"), std::string::npos);
}

}  // namespace
}  // namespace distill
