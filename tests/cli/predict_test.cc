#include "cli/predict.h"

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include "ATen/ops/empty.h"
#include "data/digit.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "nlohmann/json.hpp"
#include "tests/testing/files.h"
#include "tests/testing/images.h"
#include "tests/testing/process.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using nlohmann::json;

using testing::Draw;
using testing::kSeven;
using testing::NetpbmFile;
using testing::PngFile;

using Bytes = std::vector<uint8_t>;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

LoadedModel SmallModel(int64_t side) {
  LoadedModel loaded;
  ModelInfo& info = loaded.info;
  info.architecture = "cnn:3";
  info.image.height = info.image.width = side;
  info.normalization = {{0.2f}, {0.4f}};
  for (const char* name : {"zero", "one", "two", "three"}) {
    info.class_names.push_back(name);
  }
  info.classes = 4;
  Random random(5, "test");
  loaded.model = std::make_shared<Network>(
      *ParseModel("m", info.architecture, {1, side, side}, 4), random);
  return loaded;
}

struct Ran {
  int code = -1;
  std::string out, err;
  std::vector<json> lines;  // With --json.
};

class PredictTest : public ::testing::Test {
 protected:
  PredictTest() {
    options_.model = Save(SmallModel(28), "student.safetensors");
  }

  std::string Save(const LoadedModel& model, const std::string& name) {
    return testing::WriteFile(
        folder_.File(name),
        *SerializeSafeTensors(
            ModelFile(FrozenClassifier(model.model).State(), model.info)));
  }
  std::string File(const std::string& name, const std::string& contents) {
    return testing::WriteFile(folder_.File(name), contents);
  }
  Ran Run(const std::vector<std::string>& files) {
    options_.files = files;
    std::ostringstream out, err;
    Ran ran;
    ran.code = RunPredict(options_, out, err);
    ran.out = out.str();
    ran.err = err.str();
    std::istringstream lines(ran.out);
    for (std::string line; options_.json && std::getline(lines, line);) {
      ran.lines.push_back(json::parse(line));
    }
    return ran;
  }
  // What the model says of pixels that are fed, by the header of weights.h.
  std::vector<float> Expected(const Bytes& pixels) {
    const LoadedModel model = SmallModel(28);
    at::Tensor image = at::empty({1, 1, 28, 28});
    for (int64_t i = 0; i < 784; ++i) {
      image.mutable_data_ptr<float>()[i] =
          (static_cast<float>(pixels[static_cast<size_t>(i)]) / 255.f - 0.2f) /
          0.4f;
    }
    const at::Tensor logits = model.model->Logits(image);
    return {logits.const_data_ptr<float>(), logits.const_data_ptr<float>() + 4};
  }
  static void ExpectLogits(const json& line, const std::vector<float>& logits) {
    ASSERT_EQ(line["logits"].size(), logits.size());
    double sum = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      EXPECT_NEAR(line["logits"][i].get<float>(), logits[i], 1e-5);
      sum += std::exp(logits[i]);
    }
    const char* names[] = {"zero", "one", "two", "three"};
    double before = 1;
    ASSERT_EQ(line["top"].size(), 3u);
    for (const json& one : line["top"]) {
      const auto found = std::find(names, names + 4, one["class"]) - names;
      ASSERT_LT(found, 4);
      const double probability = one["probability"];
      EXPECT_NEAR(probability,
                  std::exp(logits[static_cast<size_t>(found)]) / sum, 1e-5);
      EXPECT_LE(probability, before);
      before = probability;
    }
    EXPECT_EQ(line["class"], line["top"][0]["class"]);
  }

  testing::TempFolder folder_;
  PredictOptions options_;
};

TEST_F(PredictTest, FeedsPreparedPicturesAndRawOnesAsTheyAre) {
  options_.json = true;
  const Picture drawn = Draw(28, 28, kSeven, 0.1, 20, 240);
  const std::string png = File("seven", PngFile(drawn));
  const std::string pgm = File("seven.png", NetpbmFile(drawn));  // By content.
  Ran ran = Run({png, pgm});
  ASSERT_EQ(ran.code, 0) << ran.err;
  ASSERT_EQ(ran.lines.size(), 2u);
  EXPECT_EQ(ran.lines[0]["file"], png);
  EXPECT_EQ(ran.err, "");
  for (const json& line : ran.lines) {
    ExpectLogits(line, Expected(*PrepareDigit(drawn)));
  }
  options_.raw = true;
  ran = Run({png, pgm});
  for (const json& line : ran.lines) ExpectLogits(line, Expected(drawn.pixels));
}

TEST_F(PredictTest, TakesImagesOfAnIdxFileByTheirNumbers) {
  options_.json = true;
  Bytes values;
  for (int i = 0; i < 300; ++i)
    values.insert(values.end(), 784, static_cast<uint8_t>(i % 256));
  const std::string idx = testing::IdxFile({300, 28, 28}, values);
  const std::string plain = File("images", idx);
  const std::string packed = File("packed", testing::Gzip(idx));
  options_.index = "3,7-9,299";
  for (const std::string& file : {plain, packed}) {
    const Ran ran = Run({file});
    ASSERT_EQ(ran.code, 0) << ran.err;
    ASSERT_EQ(ran.lines.size(), 5u);
    const int expected[] = {3, 7, 8, 9, 299};
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(ran.lines[i]["index"], expected[i]);
      ExpectLogits(ran.lines[i],
                   Expected(Bytes(784, static_cast<uint8_t>(expected[i]))));
    }
  }
  // More than are computed at once.
  options_.index = "0-299";
  EXPECT_EQ(Run({plain}).lines.size(), 300u);
  options_.index = "";
  EXPECT_EQ(Run({plain}).lines.size(), 10u);
  options_.index = "300";
  const Ran ran = Run({plain});
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(Contains(ran.err, "found 300 images; expected image 300"));
}

TEST_F(PredictTest, ABadFileFailsAlone) {
  options_.json = true;
  const std::string good =
      File("good", PngFile(Draw(60, 60, kSeven, 0.1, 0, 255)));
  const std::string blank = File("blank", NetpbmFile({1, 1, 1, {200}}));
  const std::string cut = File("cut", testing::ReadFile(good).substr(0, 99));
  const std::string labels = File("labels", testing::IdxFile({3}, {1, 2, 3}));
  const std::string small =
      File("small", testing::IdxFile({1, 2, 2}, {1, 2, 3, 4}));
  const Ran ran = Run({good, blank, cut, labels, small, folder_.File("none"),
                       folder_.path(), File("empty", ""), "/dev/zero", good});
  EXPECT_EQ(ran.code, 1);
  ASSERT_EQ(ran.lines.size(), 10u);
  EXPECT_EQ(ran.lines[0].count("error"), 0u);
  EXPECT_EQ(ran.lines[0]["logits"], ran.lines[9]["logits"]);
  const std::vector<std::string> parts = {
      "nothing drawn", "cannot be decoded", "1 dimensions",  "2 x 2",
      "No such file",  "a folder",          "an empty file", "a device"};
  for (size_t i = 0; i < parts.size(); ++i) {
    const json& line = ran.lines[i + 1];
    ASSERT_EQ(line.count("error"), 1u) << line;
    EXPECT_TRUE(Contains(line["error"], parts[i])) << line;
    EXPECT_TRUE(Contains(line["error"], line["file"])) << line;
    EXPECT_TRUE(Contains(ran.err, line["error"]));
  }
}

TEST_F(PredictTest, PrintsForPeopleAndShowsWhatIsFed) {
  const std::string file =
      File("a", NetpbmFile(Draw(28, 28, kSeven, 0.1, 255, 0)));
  options_.show = true;
  const Ran ran = Run({file});
  ASSERT_EQ(ran.code, 0) << ran.err;
  std::istringstream lines(ran.out);
  std::string line, last;
  int count = 0, full = 0;
  while (std::getline(lines, line)) {
    last = line;
    ++count;
    full += Contains(line, "████") ? 1 : 0;
  }
  EXPECT_EQ(count, 29);
  EXPECT_GE(full, 15);  // The seven is 20 pixels high.
  EXPECT_EQ(last.find(file + ": "), 0u);
  EXPECT_TRUE(Contains(last, " %), "));
}

TEST_F(PredictTest, OptionsThatMakeNoSenseAreCodeTwo) {
  EXPECT_EQ(Run({}).code, 2);
  EXPECT_TRUE(Contains(Run({}).err, "no files"));
  options_.index = "1-";
  EXPECT_EQ(Run({"x"}).code, 2);
  options_.index = "";
  options_.json = options_.show = true;
  EXPECT_EQ(Run({"x"}).code, 2);
  options_.json = options_.show = false;
  options_.model = "";
  EXPECT_TRUE(Contains(Run({"x"}).err, "--model is missing"));
  options_.model = folder_.File("none");
  EXPECT_EQ(Run({"x"}).code, 1);
}

TEST_F(PredictTest, PicturesGetAModelsOwnSizeUnlessTheyAreRaw) {
  options_.model = Save(SmallModel(8), "small.safetensors");
  const std::string file =
      File("a", NetpbmFile(Draw(8, 8, kSeven, 0.2, 255, 0)));
  const std::string large =
      File("b", NetpbmFile(Draw(9, 8, kSeven, 0.2, 255, 0)));
  const std::string prepared = Run({file}).out;
  EXPECT_EQ(Run({large}).code, 0);
  options_.raw = true;
  EXPECT_EQ(Run({file}).out, prepared) << "it has the size";
  EXPECT_TRUE(
      Contains(Run({large}).err, "9 x 8 (rows x columns); expected 8 x 8"));
}

TEST_F(PredictTest, TheProgramTakesFlagsAndFilesInAnyOrder) {
  File("a b.png", PngFile(Draw(60, 60, kSeven, 0.1, 0, 255)));
  const std::string program = "'" + testing::ProgramPath("cli/predict") + "'";
  const auto result = testing::RunInShell(
      "cd '" + folder_.path() + "' && " + program +
      " 'a b.png' --json --model=student.safetensors 'a b.png' 2>&1");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(json::parse(result.LastLine())["file"], "a b.png") << result.out;
  EXPECT_EQ(testing::RunInShell(program + " --modle=x 2>&1").exit_code, 2);
  EXPECT_EQ(testing::RunInShell(program + " --help").exit_code, 0);
}

TEST(ParseIndexTest, ReadsNumbersAndRanges) {
  const auto ranges = ParseIndex("3,10-12");
  ASSERT_TRUE(ranges.ok());
  ASSERT_EQ(ranges->size(), 2u);
  EXPECT_EQ((*ranges)[0].first, 3);
  EXPECT_EQ((*ranges)[0].last, 3);
  EXPECT_EQ((*ranges)[1].first, 10);
  EXPECT_EQ((*ranges)[1].last, 12);
  for (const char* text : {"", "a", "-1", "3-", "3-2", "1-2-3", "1,,2", "1.5",
                           "99999999999999999999"}) {
    EXPECT_TRUE(testing::FailsWith(ParseIndex(text).status(),
                                   absl::StatusCode::kInvalidArgument,
                                   {std::string("\"") + text + "\"", "0-9"}));
  }
}

TEST_F(PredictTest, FlagsThatNoFileNeedsAreRefused) {
  const std::string picture =
      File("a.png", PngFile(Draw(60, 60, kSeven, 0.1, 0, 255)));
  const std::string idx =
      File("images", testing::IdxFile({1, 28, 28}, Bytes(784, 0)));
  options_.index = "0";
  Ran ran = Run({picture});
  EXPECT_EQ(ran.code, 2);
  EXPECT_TRUE(Contains(ran.err, "--index is given, and no file is an IDX"))
      << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(Run({picture, idx}).code, 0);
  options_.index = "";
  options_.raw = true;
  ran = Run({idx});
  EXPECT_EQ(ran.code, 2);
  EXPECT_TRUE(Contains(ran.err, "--raw is given, and all files are IDX"))
      << ran.err;
}

}  // namespace
}  // namespace distill
