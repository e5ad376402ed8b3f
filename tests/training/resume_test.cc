// A training that was stopped and goes on is the training that never was.
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/uniform_tensor.h"
#include "data/safetensors.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/status.h"
#include "training/checkpoint.h"
#include "training/checkpoint_folder.h"
#include "training/loop.h"

namespace distill {
namespace {

using testing::FailsWith;
using testing::TempFolder;

// Stops the training once that many images are done.
class Stopper : public Observer {
 public:
  explicit Stopper(int64_t images) : images_(images) {}
  void OnProgress(int64_t done, double /*loss*/) override {
    if (images_ > 0 && done >= images_) SetInterruptSignal(SIGINT);
  }
  void OnLine(const std::string& line) override { lines += line + "\n"; }
  std::string lines;

 private:
  const int64_t images_;
};

// A training with all that there is to keep: two epochs with a short batch, an
// augmentation, a dropout, a regressor beside the model, and few labels; judged
// in the middle of an epoch and at the first one's end.
struct Case {
  explicit Case(bool keep_the_best = false) : keep_best(keep_the_best) {
    testing::ToyOptions toy;
    toy.count = 90;
    toy.image.height = 14;
    toy.image.width = 14;
    BatchesOptions options;
    options.batch_size = 20;
    options.augment = *Augment::Parse("crop:2,flip,cutout:3");
    batches = *Batches::Create(testing::ToyDataset(toy), options);
    Random random(1, "test");
    model = std::make_shared<Network>(
        *ParseModel("m", "cnn:4,fc12", {1, 14, 14}, 10, /*dropout=*/0.3),
        random);
    auto teacher =
        std::make_shared<const FrozenClassifier>(std::make_shared<Network>(
            *ParseModel("m", "cnn:6", {1, 14, 14}, 10), random));
    const auto leaf = [&](const std::vector<int64_t>& sizes) {
      return UniformTensor(sizes, 0.5, random).requires_grad_(true);
    };
    MethodOptions method;
    method.method = "fitnets";
    const at::Tensor weight = leaf({6, 4});
    objective = FeatureObjective(LiveFeature(teacher, "conv1"), "conv1", method,
                                 {weight, leaf({6})},
                                 at::arange(90).remainder(7).eq(0));
  }
  absl::StatusOr<TrainResult> Run(CheckpointStore* checkpoints,
                                  Observer& observer) {
    TrainOptions options;
    options.name = "model";
    options.epochs = 2;
    options.checkpoints = checkpoints;
    options.judged = &*batches;
    options.judge_every = 2;
    options.keep_best = keep_best;
    if (keep_best) {
      // The best is not the last one, as the test says.
      options.schedule = ScheduleKind::kConstant;
      options.learning_rate = 0.05;
    }
    SetInterruptSignal(0);
    auto result = Train(*model, *batches, objective, options, observer);
    SetInterruptSignal(0);
    return result;
  }
  std::string Bytes() const {
    std::string bytes;
    auto parameters = model->parameters();
    parameters.insert(parameters.end(), objective.parameters.begin(),
                      objective.parameters.end());
    for (const at::Tensor& parameter : parameters) {
      bytes.append(static_cast<const char*>(parameter.const_data_ptr()),
                   parameter.nbytes());
    }
    return bytes;
  }

  const bool keep_best;
  std::optional<Batches> batches;
  std::shared_ptr<Network> model;
  Objective objective;
};

std::string Text(const TrainResult& result) {
  std::string text = std::to_string(result.steps) + " " +
                     std::to_string(result.kept_step) + " " +
                     std::to_string(result.late_accuracy()) + "\n";
  const auto add = [&text](const EpochLosses& losses) {
    char line[100];
    snprintf(line, sizeof(line), "%a %a %a\n", losses.total, losses.soft,
             losses.hard);
    text += line;
  };
  for (const EpochLosses& epoch : result.epochs) add(epoch);
  for (const CurvePoint& point : result.curve) {
    text += std::to_string(point.step) + " ";
    add(point.losses);
  }
  for (const AccuracyPoint& point : result.accuracies) {
    text += std::to_string(point.step) + ": " + std::to_string(point.accuracy) +
            "\n";
  }
  return text;
}

class ResumedTest : public ::testing::TestWithParam<bool> {};

TEST_P(ResumedTest, GivesTheBitsOfATrainingThatWasNeverStopped) {
  Case whole(GetParam());
  Stopper nobody(0);
  const auto expected = whole.Run(nullptr, nobody);
  ASSERT_TRUE(expected.ok()) << expected.status();
  // After 2, 4, 6 and 8 steps, and to keep the best after 10.
  EXPECT_EQ(expected->accuracies.size(), GetParam() ? 5u : 4u);
  EXPECT_EQ(expected->kept_step > 0, GetParam());
  // Ten steps of 20, 20, 20, 20 and 10 images twice; stopped after each one.
  for (int64_t step = 1; step < 10; ++step) {
    const int64_t images = step < 5 ? 20 * step : 90 + 20 * (step - 5);
    TempFolder folder;
    Stopper stopper(images);
    CheckpointFolder checkpoints(folder.path(), 0, stopper);
    Case first(GetParam());
    const auto stopped =
        first.Run(checkpoints.Of("seed 0, model").get(), stopper);
    EXPECT_TRUE(FailsWith(stopped.status(), absl::StatusCode::kCancelled,
                          {"interrupted in the model's training, after step " +
                           std::to_string(step) + " of 10"}));
    EXPECT_EQ(first.Bytes() == whole.Bytes(), step == expected->kept_step);

    Case second(GetParam());
    const auto resumed =
        second.Run(checkpoints.Of("seed 0, model").get(), nobody);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    EXPECT_EQ(second.Bytes(), whole.Bytes()) << step;
    EXPECT_EQ(Text(*resumed), Text(*expected)) << step;

    // And what is over takes no step.
    struct NoTraining : Observer {
      void OnBegin(const std::string& what, int64_t) override {
        ADD_FAILURE() << what;
      }
    } idle;
    Case third(GetParam());
    const auto again = third.Run(checkpoints.Of("seed 0, model").get(), idle);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(third.Bytes(), whole.Bytes());
    EXPECT_EQ(Text(*again), Text(*expected));
    EXPECT_EQ(again->seconds, resumed->seconds);
  }
}

INSTANTIATE_TEST_SUITE_P(KeepsBest, ResumedTest, ::testing::Bool());

TEST(ResumeTest, KeepingStatesChangesNothing) {
  Case whole, kept;
  Stopper nobody(0);
  const auto expected = whole.Run(nullptr, nobody);
  TempFolder folder;
  CheckpointFolder checkpoints(folder.path(), 1, nobody);
  const auto result = kept.Run(checkpoints.Of("seed 0, model").get(), nobody);
  ASSERT_TRUE(expected.ok() && result.ok());
  EXPECT_EQ(Text(*result), Text(*expected));
  EXPECT_EQ(kept.Bytes(), whole.Bytes());
}

TEST(CheckpointFolderTest, ADamagedFileIsNamedAndTheOtherOneUsed) {
  Case whole;
  Stopper nobody(0);
  ASSERT_TRUE(whole.Run(nullptr, nobody).ok());
  for (bool damage_both : {false, true}) {
    TempFolder folder;
    Stopper stopper(70);
    CheckpointFolder checkpoints(folder.path(), 1, stopper);
    Case first;
    EXPECT_FALSE(
        first.Run(checkpoints.Of("seed 0, model").get(), stopper).ok());
    const std::string newest = folder.File("running-b.safetensors");
    const std::string older = folder.File("running-a.safetensors");
    const auto steps_in = [](const std::string& path) {
      return StateFromFile(*ReadFile(path), path)->state.result.steps;
    };
    ASSERT_EQ(steps_in(newest), 4);
    ASSERT_EQ(steps_in(older), 3);
    const auto damage = [](const std::string& path) {
      std::string bytes = *ReadFile(path);
      bytes[bytes.size() / 2] ^= 1;
      ASSERT_TRUE(WriteFile(path, bytes).ok());
    };
    damage(newest);
    if (damage_both) damage(older);
    auto state = checkpoints.Of("seed 0, model")->Latest();
    ASSERT_TRUE(state.ok());
    EXPECT_EQ(state->has_value(), !damage_both);
    if (!damage_both) {
      EXPECT_EQ((*state)->result.steps, 3);
    }
    EXPECT_NE(stopper.lines.find("warning: " + newest +
                                 ": found another "
                                 "checksum"),
              std::string::npos)
        << stopper.lines;
    Case second;
    ASSERT_TRUE(second.Run(checkpoints.Of("seed 0, model").get(), nobody).ok());
    EXPECT_EQ(second.Bytes(), whole.Bytes());
  }
}

TEST(CheckpointFolderTest, StatesOfAnotherTrainingAreLeftAlone) {
  TempFolder folder;
  Stopper stopper(40);
  CheckpointFolder checkpoints(folder.path(), 0, stopper);
  Case one;
  EXPECT_FALSE(one.Run(checkpoints.Of("seed 0, model").get(), stopper).ok());
  EXPECT_FALSE(checkpoints.Of("seed 1, model")->Latest()->has_value());
  EXPECT_TRUE(checkpoints.Of("seed 0, model")->Latest()->has_value());
}

TEST(CheckpointFolderTest, AStateThatCannotBeWrittenEndsTheTraining) {
  TempFolder folder;
  Stopper nobody(0);
  CheckpointFolder checkpoints(folder.File("missing"), 0, nobody);
  Case one;
  EXPECT_TRUE(
      FailsWith(one.Run(checkpoints.Of("seed 0, model").get(), nobody).status(),
                absl::StatusCode::kNotFound,
                {folder.File("missing/running-a.safetensors")}));
}

TEST(TrainingStateTest, AnyBitThatChangesIsAnError) {
  TrainingState state;
  state.result.steps = 7;
  state.result.epochs = {{1.5, std::nan(""), 0.1}};
  state.result.curve = {{7, {1.5, std::nan(""), 0.1}}};
  state.of_epoch = {0.1, std::nan(""), 0.2, 30};
  state.result.late_correct = 3;
  state.result.late_samples = 9;
  state.tensors = {{"model.a", at::ones({2})},
                   {"model.n", at::full({}, 5, at::kLong)}};
  const std::string bytes = *StateToFile(state, "seed 0, model");
  const auto back = StateFromFile(bytes, "f");
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->training, "seed 0, model");
  EXPECT_EQ(Text(back->state.result), Text(state.result));
  EXPECT_EQ(back->state.of_epoch.samples, 30);
  EXPECT_EQ(back->state.of_epoch.total, 0.1);
  EXPECT_EQ(back->state.result.late_samples, 9);
  ASSERT_EQ(back->state.tensors.size(), 2u);
  EXPECT_EQ(*StateToFile(back->state, "seed 0, model"), bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_TRUE(FailsWith(StateFromFile(damaged, "f").status(),
                          absl::StatusCode::kDataLoss, {"f: found"}))
        << bit;
  }
}

// Found by tools/fuzz: 1e277 steps were turned into an integer.
TEST(TrainingStateTest, CountsThatAreNoneAreAnError) {
  TrainingState state;
  state.result.curve = {{7, {1.5, std::nan(""), 0.1}}};
  const std::string bytes = *StateToFile(state, "seed 0, model");
  for (const char* name : {"found.numbers", "found.sums", "found.curve"}) {
    for (double count : {1e277, -1.0, std::nan(""), 1e16}) {
      SafeTensors file = *ParseSafeTensors(bytes, "f");
      for (SafeTensor& tensor : file.tensors) {
        if (tensor.name != name) continue;
        // The count is the first number, and of the sums the fourth.
        const size_t at = std::string(name) == "found.sums" ? 24 : 0;
        tensor.bytes.replace(at, 8, reinterpret_cast<const char*>(&count), 8);
      }
      file.metadata.erase("crc32");
      file.metadata["crc32"] =
          absl::StrFormat("%08x", Crc32(*SerializeSafeTensors(file)));
      EXPECT_TRUE(FailsWith(
          StateFromFile(*SerializeSafeTensors(file), "f").status(),
          absl::StatusCode::kDataLoss, {"no whole record of the losses"}))
          << name << " " << count;
    }
  }
}

TEST(TrainingStateTest, IsNotRestoredIntoAnotherModel) {
  const std::vector<NamedTensor> kept = {{"a", at::ones({2})}};
  const std::vector<NamedTensor> same = {{"a", at::zeros({2})}};
  EXPECT_TRUE(Restore(kept, same).ok());
  EXPECT_TRUE(at::equal(same[0].value, kept[0].value));
  for (const std::vector<NamedTensor>& other :
       std::vector<std::vector<NamedTensor>>{
           {},
           {{"b", at::zeros({2})}},
           {{"a", at::zeros({3})}},
           {{"a", at::zeros({2}, at::kDouble)}}}) {
    EXPECT_TRUE(FailsWith(Restore(kept, other),
                          absl::StatusCode::kFailedPrecondition,
                          {"of another model"}));
  }
}

}  // namespace
}  // namespace distill
