// Whole runs on colour images, from CIFAR's files and from folders of pictures.
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/interrupt.h"
#include "base/random.h"
#include "cli/distill.h"
#include "cli/evaluate.h"
#include "data/safetensors.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/files.h"
#include "tests/testing/images.h"

namespace distill {
namespace {

constexpr int kClasses = 10;

// An image of a class: planes of 32 x 32 that tell the class by their
// brightness, and noise.
std::string Planes(int label, Random& random) {
  std::string planes;
  for (int plane = 0; plane < 3; ++plane) {
    for (int i = 0; i < 1024; ++i) {
      const int bright = (label >> plane & 1) != 0 ? 150 : 20;
      const int stripe = label >= 8 && i / 32 % 4 < 2 ? 60 : 0;
      planes += static_cast<char>(bright + stripe + random.Below(40));
    }
  }
  return planes;
}

class PicturesRunTest : public ::testing::Test {
 protected:
  // The same samples in the same order, which is that of folders: class by
  // class.
  PicturesRunTest() {
    Random random(1, "test");
    for (const char* split : {"train", "test"}) {
      const bool train = split[1] == 'r';
      const int of_class = train ? 30 : 10;
      std::vector<std::string> files(train ? 5 : 1);
      for (int i = 0; i < kClasses * of_class; ++i) {
        const int label = i / of_class;
        const std::string planes = Planes(label, random);
        const size_t file = i * files.size() / (kClasses * of_class);
        files[file] += static_cast<char>(label) + planes;
        std::vector<uint8_t> pixels;
        for (int p = 0; p < 1024; ++p) {
          for (int c = 0; c < 3; ++c) pixels.push_back(planes[1024 * c + p]);
        }
        testing::PngKind kind;
        kind.color_type = 2;
        testing::WriteFile(folder_.File(absl::StrFormat(
                               "pictures/%s/c%d/%03d.png", split, label, i)),
                           testing::PngFile(32, 32, kind, pixels));
      }
      for (size_t i = 0; i < files.size(); ++i) {
        testing::WriteFile(
            folder_.File(train
                             ? absl::StrCat("cifar/data_batch_", i + 1, ".bin")
                             : "cifar/test_batch.bin"),
            files[i]);
      }
    }
    std::string names;
    for (int c = 0; c < kClasses; ++c) absl::StrAppend(&names, "c", c, "\n");
    testing::WriteFile(folder_.File("cifar/batches.meta.txt"), names);
  }

  struct Ran {
    int exit_code;
    nlohmann::json result;
    std::string text;
  };
  Ran Run(const std::string& data, const std::string& out,
          const std::string& augment = "none", ImageSize size = {}) {
    DistillOptions options;
    options.compute.device = "cpu";
    options.data.data_dir = folder_.File(data);
    options.data.pictures.cache_dir = folder_.File("cache");
    options.data.pictures.image_size = size;
    options.experiment.teacher = "cnn:6,fc16";
    options.experiment.student = "cnn:3";
    options.experiment.batch_size = 16;
    options.experiment.teacher_epochs = options.experiment.student_epochs = 3;
    options.experiment.augment = *Augment::Parse(augment);
    options.output_dir = folder_.File(out);
    std::ostringstream text, err;
    Ran ran;
    ran.exit_code = RunDistill(options, text, err, ConsoleOptions());
    ran.text = text.str() + err.str();
    const std::vector<std::string> lines = absl::StrSplit(text.str(), '\n');
    if (lines.size() > 1) {
      ran.result =
          nlohmann::json::parse(lines[lines.size() - 2], nullptr, false);
    }
    return ran;
  }
  SafeTensors Student(const std::string& out) const {
    return *ReadSafeTensors(folder_.File(out + "/student.safetensors"));
  }
  // That `evaluate` counts the errors that `run`, which left `out`, has
  // counted.
  void ExpectEvaluated(const Ran& run, const std::string& out) const {
    EvaluateOptions evaluate;
    evaluate.model = folder_.File(out + "/student.safetensors");
    evaluate.data.data_dir = folder_.File("pictures");
    evaluate.data.pictures.cache_dir = folder_.File("cache");
    std::ostringstream text, err;
    ASSERT_EQ(RunEvaluate(evaluate, text, err, ConsoleOptions()), 0)
        << err.str();
    const int errors = run.result["student"]["testErrors"];
    EXPECT_NE(text.str().find(absl::StrCat("\"errors\":", errors)),
              std::string::npos)
        << text.str();
  }
  testing::TempFolder folder_;
};

TEST_F(PicturesRunTest, PicturesEndWithTheBitsOfTheFilesTheyWereMadeFrom) {
  const Ran cifar = Run("cifar", "a"), pictures = Run("pictures", "b");
  ASSERT_EQ(cifar.exit_code, 0) << cifar.text;
  ASSERT_EQ(pictures.exit_code, 0) << pictures.text;
  EXPECT_EQ(cifar.result["finalLoss"], pictures.result["finalLoss"]);
  EXPECT_EQ(cifar.result["trainImagesCrc32"],
            pictures.result["trainImagesCrc32"]);
  const SafeTensors a = Student("a"), b = Student("b");
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].name, b.tensors[i].name);
    EXPECT_EQ(a.tensors[i].bytes, b.tensors[i].bytes) << a.tensors[i].name;
  }
  EXPECT_EQ(a.metadata.count("resize"), 0u);
  EXPECT_EQ(b.metadata.at("resize"), "crop");
  EXPECT_EQ(b.metadata.at("channels"), "3");
  EXPECT_GT(pictures.result["student"]["testAccuracy"].get<double>(), 0.5);

  ExpectEvaluated(pictures, "b");
}

TEST_F(PicturesRunTest, EvaluatingPreparesPicturesAsTheModelsTrainingDid) {
  const Ran run = Run("pictures", "a", "none", {16, 12});
  ASSERT_EQ(run.exit_code, 0) << run.text;
  ExpectEvaluated(run, "a");
}

TEST_F(PicturesRunTest, ViewsAreTheSameTwiceAndChangeTheStudent) {
  ASSERT_EQ(Run("pictures", "a", "crop:4,flip").exit_code, 0);
  ASSERT_EQ(Run("pictures", "b", "crop:4,flip").exit_code, 0);
  ASSERT_EQ(Run("pictures", "c").exit_code, 0);
  const SafeTensors a = Student("a"), b = Student("b"), c = Student("c");
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].bytes, b.tensors[i].bytes) << a.tensors[i].name;
    EXPECT_NE(a.tensors[i].bytes, c.tensors[i].bytes) << a.tensors[i].name;
  }
}

TEST_F(PicturesRunTest, AStopWhilePackingHasTheSignalsCode) {
  SetInterruptSignal(15);
  const Ran run = Run("pictures", "a");
  SetInterruptSignal(0);
  EXPECT_EQ(run.exit_code, 143) << run.text;
  EXPECT_NE(run.text.find("stopped while packing"), std::string::npos)
      << run.text;
}

TEST_F(PicturesRunTest, AnUnreadablePictureStopsItBeforeItTrains) {
  testing::WriteFile(folder_.File("pictures/train/c3/bad.png"), "nothing");
  const Ran run = Run("pictures", "a");
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.text.find("train/c3/bad.png"), std::string::npos) << run.text;
  EXPECT_EQ(run.text.find("teacher: training"), std::string::npos) << run.text;
}

}  // namespace
}  // namespace distill
