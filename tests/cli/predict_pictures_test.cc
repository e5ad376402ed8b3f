// What a model says of a picture is the same from its training's own way to
// read it, from `predict`, and from the program of docs/deploy.md.
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/predict.h"
#include "data/batches.h"
#include "data/load.h"
#include "export/onnx.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "nlohmann/json.hpp"
#include "tests/testing/files.h"
#include "tests/testing/images.h"
#include "tests/testing/process.h"
#include "tests/testing/python.h"

namespace distill {
namespace {

// A picture with edges and slopes, and a corner that tells how it was turned.
std::string Drawn(int64_t height, int64_t width, int turn, bool jpeg) {
  std::vector<uint8_t> pixels;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      pixels.push_back(static_cast<uint8_t>(255 * x / width));
      pixels.push_back(static_cast<uint8_t>(
          x * 3 < width && y * 4 < height ? 250 : 10 * turn));
      pixels.push_back(static_cast<uint8_t>(255 * y / height));
    }
  }
  if (jpeg) {
    // Exif data with an orientation (a TIFF structure of one entry).
    std::string exif("Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0",
                     24);
    exif += static_cast<char>(turn);
    exif += std::string("\0\0\0\0\0\0\0", 7);
    return testing::JpegFile(height, width, 3, pixels, 95, false, exif);
  }
  testing::PngKind kind;
  kind.color_type = 2;
  return testing::PngFile(height, width, kind, pixels);
}

TEST(PredictPicturesTest, TrainingPredictAndTheDocumentedProgramAgree) {
  testing::TempFolder folder;
  std::vector<std::string> files;
  const auto add = [&](const std::string& name, const std::string& content) {
    files.push_back(
        testing::WriteFile(folder.File("data/train/" + name), content));
  };
  add("a/1.png", Drawn(40, 60, 1, false));
  add("a/2.jpg", Drawn(30, 20, 6, true));
  add("b/1.jpg", Drawn(12, 16, 3, true));
  add("b/2.png", Drawn(12, 16, 2, false));
  // Half transparent, and 16 bits of grey.
  testing::PngKind kind;
  kind.color_type = 6;
  std::vector<uint8_t> samples(12 * 16 * 4);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<uint8_t>(i % 4 == 3 ? i / 4 : 40 * i);
  }
  add("b/3.png", testing::PngFile(12, 16, kind, samples));
  kind = {};
  kind.depth = 16;
  samples.resize(12 * 16 * 2);
  add("b/4.png", testing::PngFile(12, 16, kind, samples));
  const auto count = static_cast<int64_t>(files.size());
  testing::WriteFile(folder.File("data/test/a/1.png"), Drawn(9, 9, 1, false));
  DatasetOptions options;
  options.pictures.image_size = {12, 16};
  options.pictures.cache_dir = folder.File("cache");
  const auto train = LoadDataset(folder.File("data"), Split::kTrain, options);
  ASSERT_TRUE(train.ok()) << train.status();

  ModelInfo info;
  info.architecture = "cnn:3";
  info.image = train->image;
  info.classes = 2;
  info.class_names = train->class_names;
  info.normalization = NormalizationOf(*train);
  info.fit = train->fit;
  Random random(5, "test");
  const auto model = std::make_shared<Network>(
      *ParseModel("m", info.architecture, info.image, 2), random);
  const std::string path = folder.File("student.safetensors");
  testing::WriteFile(path, *SerializeSafeTensors(ModelFile(
                               FrozenClassifier(model).State(), info)));

  BatchesOptions batches;
  batches.normalization = info.normalization;
  const at::Tensor logits = model->Logits(
      Batches::Create(std::make_shared<const Dataset>(*train), batches)
          ->Range(0, count)
          .images);

  PredictOptions predict;
  predict.model = path;
  predict.files = files;
  predict.json = true;
  std::ostringstream out, err;
  ASSERT_EQ(RunPredict(predict, out, err), 0) << err.str();
  const std::vector<std::string> lines = absl::StrSplit(out.str(), '\n');
  for (int64_t i = 0; i < count; ++i) {
    const auto line = nlohmann::json::parse(lines[i]);
    for (int64_t c = 0; c < 2; ++c) {
      EXPECT_NEAR(line["logits"][c].get<float>(), logits[i][c].item<float>(),
                  1e-5);
    }
  }

  if (const std::string why = testing::WhyNoPython(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  const auto loaded = LoadModel(path);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  testing::WriteFile(folder.File("student.onnx"), OnnxFile(*loaded));
  std::string arguments =
      absl::StrCat(testing::Source("docs/examples/onnx_picture.py"), " '",
                   folder.File("student.onnx"), "'");
  for (const std::string& file : files) {
    absl::StrAppend(&arguments, " '", file, "'");
  }
  const testing::ProcessResult result = testing::RunPython(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.out;
  const std::vector<std::string> theirs = absl::StrSplit(result.out, '\n');
  for (int64_t i = 0; i < count; ++i) {
    const std::vector<std::string> words = absl::StrSplit(theirs[i], ' ');
    ASSERT_EQ(words.size(), 4u) << theirs[i];
    for (int64_t c = 0; c < 2; ++c) {
      // One level of each pixel, at most, is 1/255 over a deviation of some
      // 0.3; a net of some hundred weights below 0.3 adds them up with signs.
      EXPECT_NEAR(std::stof(words[2 + c]), logits[i][c].item<float>(), 0.02);
    }
  }
}

}  // namespace
}  // namespace distill
