// What numbers at the ends of their ranges do, and beyond: docs/reliability.md
// has the table. Each is refused before anything is trained, or ends as an
// error that says where, or runs and gives finite numbers.
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "base/interrupt.h"
#include "cli/distill.h"
#include "data/safetensors.h"
#include "gtest/gtest.h"
#include "models/weights.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"

namespace distill {
namespace {

using nlohmann::json;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class NumbersTest : public ::testing::Test {
 protected:
  NumbersTest() {
    Write(*testing::ToyDataset(Toy(320, Split::kTrain)));
    Write(*testing::ToyDataset(Toy(100, Split::kTest)));
    options_.compute.device = "cpu";
    options_.data.data_dir = folder_.path();
    options_.experiment.teacher = "mlp:20";
    options_.experiment.student = "mlp:8";
    options_.experiment.batch_size = 16;
    options_.experiment.teacher_epochs = 3;
    options_.experiment.learning_rate = 0.002;
  }

  static testing::ToyOptions Toy(int64_t count, Split split) {
    testing::ToyOptions toy;
    toy.count = count;
    toy.split = split;
    toy.seed = split == Split::kTrain ? 1 : 2;
    return toy;
  }
  void Write(const Dataset& dataset) {
    testing::WriteDataset(dataset, folder_.path());
  }
  // Replaces a split by what `change` makes of it.
  void Change(Split split, const std::function<void(Dataset*)>& change) {
    Dataset changed =
        *testing::ToyDataset(Toy(split == Split::kTrain ? 320 : 100, split));
    change(&changed);
    Write(changed);
  }

  struct Finished {
    int exit_code;
    std::string text;
    json result;
  };
  Finished Run() {
    std::ostringstream out, err;
    Finished finished;
    finished.exit_code = RunDistill(options_, out, err, ConsoleOptions());
    finished.text = out.str();
    const size_t last = finished.text.rfind('\n', finished.text.size() - 2);
    finished.result = json::parse(
        last == std::string::npos ? finished.text : finished.text.substr(last),
        nullptr, false);
    EXPECT_TRUE(finished.result.is_object()) << finished.text;
    return finished;
  }
  // Refused, naming the flag, before anything is read or trained.
  void ExpectRefused(const std::string& flag) {
    const Finished finished = Run();
    EXPECT_EQ(finished.exit_code, 2) << finished.text;
    EXPECT_NE(finished.result["message"].get<std::string>().find(flag),
              std::string::npos)
        << finished.text;
    EXPECT_EQ(finished.text.find("teacher:"), std::string::npos);
  }
  void ExpectError(const std::string& reason) {
    const Finished finished = Run();
    EXPECT_EQ(finished.exit_code, 1) << finished.text;
    EXPECT_NE(finished.result["message"].get<std::string>().find(reason),
              std::string::npos)
        << finished.text;
  }
  void ExpectRun() {
    const Finished finished = Run();
    EXPECT_EQ(finished.exit_code, 0) << finished.text;
    for (const char* stage : {"teacher", "student", "control"}) {
      EXPECT_TRUE(finished.result[stage]["trainLoss"].is_number())
          << finished.text;
      EXPECT_TRUE(finished.result[stage]["testLoss"].is_number())
          << finished.text;
    }
  }

  testing::TempFolder folder_;
  DistillOptions options_;
};

TEST_F(NumbersTest, LearningRatesThatAreNoneAreRefused) {
  for (double rate : {0.0, -0.01, kNan, kInfinity, -kInfinity}) {
    options_.experiment.learning_rate = rate;
    ExpectRefused("--learning_rate");
  }
}

// An mlp's answers do not depend on the size of its weights: it may learn.
TEST_F(NumbersTest, ALearningRateOfAMillionIsAnErrorOrARun) {
  options_.experiment.learning_rate = 1e6;
  ExpectRun();
  options_.experiment.teacher = "cnn:4,fc8";
  ExpectError("--learning_rate");
}

TEST_F(NumbersTest, AnInfiniteLossSaysItsStep) {
  options_.experiment.learning_rate = 1e38;
  ExpectError("step ");
}

TEST_F(NumbersTest, ALearningRateOfNearlyNothingTeachesNothing) {
  options_.experiment.learning_rate = 1e-30;
  ExpectError("the teacher did not learn");
}

TEST_F(NumbersTest, TemperaturesThatAreNoneAreRefused) {
  for (double temperature : {0.0, -1.0, kNan, kInfinity}) {
    options_.experiment.loss.kd.temperature = temperature;
    ExpectRefused("--temperature");
  }
}

TEST_F(NumbersTest, TemperaturesOfAnyOtherSizeRun) {
  for (double temperature : {1e-6, 1e6}) {
    for (bool standardize : {false, true}) {
      options_.experiment.loss.kd.temperature = temperature;
      options_.experiment.loss.standardize_logits = standardize;
      ExpectRun();
    }
  }
}

TEST_F(NumbersTest, AlphasOutsideOfZeroToOneAreRefused) {
  for (double alpha : {-1.0, -1e-9, 1 + 1e-9, 2.0, kNan}) {
    options_.experiment.loss.kd.alpha = alpha;
    ExpectRefused("--alpha");
  }
}

TEST_F(NumbersTest, AlphasOfZeroAndOneRun) {
  for (double alpha : {0.0, 1.0}) {
    options_.experiment.loss.kd.alpha = alpha;
    const Finished finished = Run();
    EXPECT_EQ(finished.exit_code, 0) << finished.text;
    EXPECT_TRUE(finished.result["finalLoss"].is_number()) << finished.text;
  }
}

TEST_F(NumbersTest, BatchesOfNoneAreRefused) {
  for (int64_t size :
       {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    options_.experiment.batch_size = size;
    ExpectRefused("--batch_size");
  }
}

TEST_F(NumbersTest, BatchesOfOneAndOfMoreThanAllRun) {
  // The larger ones are one step an epoch.
  options_.experiment.batch_size = 1;
  options_.experiment.learning_rate = 0.0005;
  ExpectRun();
  options_.experiment.teacher_epochs = options_.experiment.student_epochs = 40;
  options_.experiment.learning_rate = 0.01;
  for (int64_t size :
       {int64_t{321}, int64_t{60001}, std::numeric_limits<int64_t>::max()}) {
    options_.experiment.batch_size = size;
    ExpectRun();
  }
}

TEST_F(NumbersTest, NoEpochsAreRefused) {
  options_.experiment.teacher_epochs = 0;
  ExpectRefused("--teacher_epochs");
  options_.experiment.teacher_epochs = 1;
  options_.experiment.student_epochs = -3;
  ExpectRefused("--student_epochs");
}

TEST_F(NumbersTest, MoreEpochsThanCanBeCountedAreRefused) {
  for (int64_t epochs : {std::numeric_limits<int64_t>::max(),
                         std::numeric_limits<int64_t>::max() / 20}) {
    options_.experiment.teacher_epochs = epochs;
    ExpectRefused("--teacher_epochs");
  }
}

TEST_F(NumbersTest, EpochsForAYearAndMoreBegin) {
  options_.experiment.teacher_epochs = int64_t{1} << 40;
  // It stops after its first step.
  SetInterruptSignal(15);
  const Finished finished = Run();
  SetInterruptSignal(0);
  EXPECT_EQ(finished.exit_code, 143) << finished.text;
}

TEST_F(NumbersTest, ALabelThatNoTrainingImageHasRuns) {
  Change(Split::kTrain, [](Dataset* train) {
    for (int32_t& label : train->labels) label = label == 4 ? 5 : label;
  });
  options_.experiment.teacher_epochs = 6;
  ExpectRun();
}

TEST_F(NumbersTest, TwoClassesRunAndOneIsRefused) {
  for (Split split : {Split::kTrain, Split::kTest}) {
    Change(split, [](Dataset* set) {
      for (int32_t& label : set->labels) label %= 2;
    });
  }
  ExpectRun();
  for (Split split : {Split::kTrain, Split::kTest}) {
    Change(split, [](Dataset* set) {
      for (int32_t& label : set->labels) label = 0;
    });
  }
  ExpectError("class");
}

TEST_F(NumbersTest, ImagesThatAreAllAlikeTeachNothing) {
  for (uint8_t pixel : {0, 7, 255}) {
    for (Split split : {Split::kTrain, Split::kTest}) {
      Change(split, [pixel](Dataset* set) {
        const int64_t size = set->images.size();
        set->images = Pixels(
            std::vector<uint8_t>(set->images.count() * size, pixel), size);
      });
    }
    ExpectError("the teacher did not learn");
  }
}

TEST_F(NumbersTest, ATeacherThatIsAlwaysWrongIsAnError) {
  options_.output_dir = folder_.File("out");
  ASSERT_EQ(Run().exit_code, 0);
  // Its logits in another order: each class is taken for the next one.
  const std::string path = options_.output_dir + "/teacher.safetensors";
  SafeTensors file = *ReadSafeTensors(path);
  for (SafeTensor& tensor : file.tensors) {
    if (tensor.name != "fc2.weight" && tensor.name != "fc2.bias") continue;
    const size_t row = tensor.bytes.size() / 10;
    tensor.bytes = tensor.bytes.substr(row) + tensor.bytes.substr(0, row);
  }
  testing::WriteFile(path, *SerializeSafeTensors(file));
  options_.teacher_files.from = {path};
  options_.output_dir.clear();
  options_.experiment.teacher = ExperimentOptions().teacher;
  options_.experiment.teacher_epochs = 1;
  ExpectError("found a teacher that gets");
}

}  // namespace
}  // namespace distill
