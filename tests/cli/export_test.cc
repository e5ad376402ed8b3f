#include "cli/export.h"

#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <sstream>

#include "base/files.h"
#include "base/random.h"
#include "export/c_header.h"
#include "export/c_integers.h"
#include "export/html.h"
#include "export/onnx.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "nlohmann/json.hpp"
#include "tests/cli/toy_model.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using nlohmann::json;

class ExportTest : public testing::ToyModelTest {
 protected:
  ExportTest() {
    options_.model = model_path_;
    options_.output = folder_.File("out");
  }
  int Run() {
    out_.str("");
    err_.str("");
    return RunExport(options_, out_, err_, {});
  }
  json Last() const {
    testing::ProcessResult result;
    result.out = out_.str();
    return json::parse(result.LastLine());
  }
  std::string Output() const { return testing::ReadFile(options_.output); }

  ExportOptions options_;
  std::ostringstream out_, err_;
};

TEST_F(ExportTest, WritesOnnxWithAndWithoutPixels) {
  ASSERT_EQ(Run(), 0) << err_.str();
  const LoadedModel loaded = *LoadModel(model_path_);
  EXPECT_EQ(Output(), OnnxFile(loaded));
  EXPECT_EQ(Last()["bytes"], Output().size());
  EXPECT_TRUE(Last()["testAccuracy"].is_null());
  options_.pixels = false;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_NE(Output(), OnnxFile(loaded));
  EXPECT_EQ(Output(), OnnxFile(loaded, {false}));
}

TEST_F(ExportTest, WritesThePageOfModelsThatFitEachOther) {
  options_.format = "html";
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_NE(Output().find("Show a picture"), std::string::npos);
  options_.teacher = model_path_;
  // One of digits.
  Random random(1, "test");
  ModelInfo info;
  info.architecture = "mlp:3";
  info.class_names = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
  const auto model = std::make_shared<Network>(
      *ParseModel("m", info.architecture, {1, 28, 28}, 10), random);
  options_.model = folder_.File("digits");
  ASSERT_TRUE(
      WriteFile(options_.model, *SerializeSafeTensors(ModelFile(
                                    FrozenClassifier(model).State(), info)))
          .ok());
  EXPECT_EQ(Run(), 1);
  EXPECT_NE(err_.str().find("different images"), std::string::npos);
  options_.teacher.clear();
  ASSERT_EQ(Run(), 0) << err_.str();
  const LoadedModel loaded = *LoadModel(options_.model);
  EXPECT_EQ(Output(), *HtmlPage(loaded, nullptr));
  options_.teacher = options_.model;
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_EQ(Output(), *HtmlPage(loaded, &loaded));
  options_.format = "onnx";
  EXPECT_EQ(Run(), 2);
  EXPECT_NE(err_.str().find("--format=html alone"), std::string::npos);
}

TEST_F(ExportTest, InputsAreNeverWrittenOver) {
  const std::string bytes = testing::ReadFile(model_path_);
  std::filesystem::create_hard_link(model_path_, options_.output);
  EXPECT_EQ(Run(), 2);
  EXPECT_NE(err_.str().find("would be lost"), std::string::npos);
  options_.output = folder_.File("train-images-idx3-ubyte");
  const std::string images = Output();
  options_.data.data_dir = folder_.path();
  EXPECT_EQ(Run(), 2);
  EXPECT_NE(err_.str().find("would be lost"), std::string::npos);
  EXPECT_TRUE(Output() == images);
  EXPECT_TRUE(testing::ReadFile(model_path_) == bytes);
}

TEST_F(ExportTest, APrefixIsForCAloneAndMustBeAName) {
  options_.given = {"prefix"};
  EXPECT_EQ(Run(), 2);
  EXPECT_NE(
      err_.str().find("--prefix is given and would change nothing: it is for "
                      "--format=c alone, and --format is onnx"),
      std::string::npos);
  options_.format = "c";
  for (const char* wrong : {"", "1st", "_x", "a-b", "a b"}) {
    options_.prefix = wrong;
    EXPECT_EQ(Run(), 2) << wrong;
    EXPECT_NE(err_.str().find("--prefix is \""), std::string::npos);
  }
  options_.prefix = "student";
  EXPECT_EQ(Run(), 0) << err_.str();
  EXPECT_NE(Output().find("int student_predict("), std::string::npos);
}

// By the program: into a pipe that stays one, and into stdout alone.
TEST_F(ExportTest, APipeIsWrittenToAndStdoutHasTheModelAlone) {
  const auto result = testing::RunInShell(
      "cd '" + folder_.path() + "' && mkfifo pipe && (cat pipe > got &) && '" +
      testing::ProgramPath("cli/export") +
      "' --model=m.safetensors --format=safetensors --output=pipe >out && "
      "test -p pipe && cmp got m.safetensors && '" +
      testing::ProgramPath("cli/export") +
      "' --model=m.safetensors --format=safetensors --output=/dev/stdout "
      "2>err | cmp - m.safetensors && cat err");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_NE(result.out.find("\"status\":\"success\""), std::string::npos)
      << result.out;
}

TEST_F(ExportTest, WritesSafetensorsAgain) {
  options_.format = "safetensors";
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_EQ(Output(), testing::ReadFile(model_path_));
}

TEST_F(ExportTest, WritesCWithoutAMeasurement) {
  options_.format = "c";
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_EQ(Output(), CHeader(*LoadModel(model_path_))->text);
  EXPECT_EQ(Last()["constantBytes"], 690 * 4);
}

TEST_F(ExportTest, WritesTheAccuracyOfInt8) {
  options_.format = "c";
  options_.int8 = true;
  options_.data.data_dir = folder_.path();
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_NEAR(Last()["floatTestAccuracy"]["mean"], Expected(*test_).accuracy(),
              1e-12);
  BatchesOptions options;
  options.normalization = model_.info.normalization;
  const auto quantized =
      QuantizeModel(*LoadModel(model_path_), *Batches::Create(train_, options));
  ASSERT_TRUE(quantized.ok()) << quantized.status();
  CHeaderFile expected = CHeader(*quantized);
  EXPECT_EQ(Last()["constantBytes"], expected.constant_bytes);
  EXPECT_EQ(Last()["scratchBytes"], expected.scratch_bytes);
  for (const std::string& text : {out_.str(), Output()}) {
    EXPECT_NE(text.find("In 8 bits: accuracy "), std::string::npos);
    EXPECT_NE(text.find(" of 90 predictions changed"), std::string::npos);
    EXPECT_NE(text.find(" of 90 test images"), std::string::npos);
  }
  // All but the remarks at its top.
  const auto code = [](const std::string& text) {
    return text.substr(text.find("#ifndef"));
  };
  EXPECT_EQ(code(Output()), code(expected.text));
}

TEST_F(ExportTest, RefusesWhatItCannotDo) {
  struct Case {
    std::function<void()> change;
    int exit_code;
    std::string part;
  };
  const Case cases[] = {
      {[&] { options_.format = "pdf"; }, 2, "must be one of onnx"},
      {[&] { options_.int8 = true; }, 2, "pass --dataset or --data_dir"},
      {[&] { options_.format = "html", options_.int8 = true; }, 2,
       "--int8 is given"},
      {[&] { options_.format = "c", options_.pixels = false; }, 2,
       "--nopixels is given"},
      {[&] { options_.output = ""; }, 2, "--output is missing"},
      {[&] { options_.output = model_path_; }, 2, "the model itself"},
      {[&] { options_.model = folder_.File("none"); }, 1, "none"},
      {[&] { options_.output = folder_.File("none/out"); }, 1, "none/out"},
      {[&] {
         options_.data.dataset = "mnist";
         options_.data.data_dir = folder_.path();
       },
       1, "were to be MNIST"},
  };
  const ExportOptions good = options_;
  for (const Case& one : cases) {
    options_ = good;
    one.change();
    EXPECT_EQ(Run(), one.exit_code) << one.part;
    EXPECT_EQ(Last()["status"], "error");
    EXPECT_NE(err_.str().find(one.part), std::string::npos) << err_.str();
    EXPECT_NE(access(folder_.File("out").c_str(), F_OK), 0) << one.part;
  }
}

TEST_F(ExportTest, TheProgramReadsItsFlags) {
  const std::string program = testing::ProgramPath("cli/export");
  const auto result = testing::RunInShell(
      "cd '" + folder_.path() + "' && '" + program +
      "' --model=m.safetensors --format=c --int8 --data_dir=. --output=m.h");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(json::parse(result.LastLine())["output"], "m.h");
  EXPECT_NE(testing::ReadFile(folder_.File("m.h")).find("int8_t"),
            std::string::npos);
  EXPECT_EQ(testing::RunInShell("'" + program + "' --formt=x 2>&1").exit_code,
            2);
}

}  // namespace
}  // namespace distill
