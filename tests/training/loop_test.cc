#include "training/loop.h"

#include <malloc.h>

#include <cmath>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"
#include "tests/testing/status.h"
#include "training/evaluation.h"

namespace distill {
namespace {

using testing::FailsWith;
using testing::ToyDataset;
using testing::ToyOptions;

Batches MakeBatches(int64_t count, int64_t batch_size, uint64_t seed = 0) {
  ToyOptions toy;
  toy.count = count;
  BatchesOptions options;
  options.batch_size = batch_size;
  options.seed = seed;
  return *Batches::Create(ToyDataset(toy), options);
}

std::shared_ptr<Network> MakeStudent(uint64_t seed = 0) {
  Random random(seed, "test weights");
  return std::make_shared<Network>(StudentGraph(), random);
}

std::shared_ptr<Network> MakeTeacher(uint64_t seed = 0) {
  Random random(seed, "test weights");
  return std::make_shared<Network>(TeacherGraph(), random);
}

std::string Bytes(const Classifier& model) {
  std::string all;
  for (const at::Tensor& parameter : model.parameters()) {
    const at::Tensor values = parameter.detach().contiguous();
    all.append(static_cast<const char*>(values.const_data_ptr()),
               values.nbytes());
  }
  return all;
}

TrainOptions Options(int64_t epochs) {
  TrainOptions options;
  options.name = "model";
  options.epochs = epochs;
  return options;
}

Observer nobody;

TEST(TrainTest, LearnsATinySetByHeart) {
  const Batches batches = MakeBatches(100, 20);
  auto model = MakeStudent();
  const auto result =
      Train(*model, batches, LabelObjective(), Options(15), nobody);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->steps, 15 * 5);
  ASSERT_EQ(result->epochs.size(), 15u);
  EXPECT_GT(result->epochs[0].total, 0.5);
  EXPECT_LT(result->epochs[14].total, 0.01);
  EXPECT_EQ(result->late_accuracy(), 1);
  const FrozenClassifier frozen(model);
  const Evaluation evaluation =
      EvaluateLogits(ComputeLogits(frozen, batches, at::kCPU, "test", nobody),
                     batches.dataset());
  EXPECT_EQ(evaluation.errors, 0);
}

// Bytes that the program has allocated and not freed, as each epoch ends.
class MemoryObserver : public Observer {
 public:
  explicit MemoryObserver(int64_t samples) : samples_(samples) {}

  void OnProgress(int64_t done, double /*loss*/) override {
    if (done % samples_ != 0) return;
    const struct mallinfo2 info = mallinfo2();
    bytes_.push_back(info.uordblks + info.hblkhd);
  }
  const std::vector<size_t>& bytes() const { return bytes_; }

 private:
  const int64_t samples_;
  std::vector<size_t> bytes_;
};

TEST(TrainTest, HoldsNoMoreMemoryAfterHundredsOfEpochs) {
  const Batches batches = MakeBatches(24, 10);
  auto model = MakeTeacher();
  TrainOptions options = Options(200);
  options.learning_rate = 1e-4;
  MemoryObserver observer(batches.sample_count());
  ASSERT_TRUE(Train(*model, batches, LabelObjective(), options, observer).ok());
  ASSERT_EQ(observer.bytes().size(), 200u);
  if (observer.bytes()[0] == 0) {
    GTEST_SKIP() << "the allocator does not say (a sanitizer's does not)";
  }
  // 540 steps later. The losses are kept of every epoch, in a vector that may
  // have room for twice as many; and small blocks that a thread keeps for its
  // next use, which settles in the first epochs, count as held.
  EXPECT_LT(static_cast<double>(observer.bytes()[199]),
            static_cast<double>(observer.bytes()[19]) +
                2 * 200 * sizeof(EpochLosses) + 16384);
}

TEST(TrainTest, StopsAfterSoManyStepsInsideAnEpoch) {
  // 3 batches an epoch, of 64, 64 and 22 samples.
  const Batches batches = MakeBatches(150, 64);
  struct Watcher : Observer {
    void OnBegin(const std::string& /*what*/, int64_t images) override {
      announced = images;
    }
    void OnProgress(int64_t done, double /*loss*/) override { seen = done; }
    int64_t announced = 0, seen = 0;
  };
  const struct {
    int64_t steps;
    size_t epochs;
    int64_t images;
  } cases[] = {{1, 1, 64}, {3, 1, 150}, {4, 2, 214}, {8, 3, 428}};
  for (const auto& [steps, epochs, images] : cases) {
    TrainOptions options = Options(1);
    options.steps = steps;
    Watcher watcher;
    const auto result =
        Train(*MakeStudent(), batches, LabelObjective(), options, watcher);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->steps, steps);
    EXPECT_EQ(result->epochs.size(), epochs);
    EXPECT_EQ(watcher.announced, images);
    EXPECT_EQ(watcher.seen, images);
    EXPECT_TRUE(std::isfinite(result->late_accuracy()));
  }
}

TEST(TrainTest, AsManyStepsAsTheEpochsHaveAreTheSameTraining) {
  const Batches batches = MakeBatches(150, 64);
  auto by_epochs = MakeStudent(), by_steps = MakeStudent();
  TrainOptions options = Options(2);
  ASSERT_TRUE(
      Train(*by_epochs, batches, LabelObjective(), options, nobody).ok());
  options.epochs = 1;
  options.steps = 6;
  ASSERT_TRUE(
      Train(*by_steps, batches, LabelObjective(), options, nobody).ok());
  EXPECT_EQ(Bytes(*by_epochs), Bytes(*by_steps));
}

class TrainBitsTest : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(TrainBitsTest, TheSameSeedGivesTheSameBitsTwice) {
  // With whatever random numbers others draw meanwhile.
  auto train = [](uint64_t global_seed, uint64_t seed) {
    at::manual_seed(global_seed);
    auto model = MakeTeacher(seed);
    model->set_compute_dtype(GetParam());
    const auto result = Train(*model, MakeBatches(300, 64, seed),
                              LabelObjective(), Options(2), nobody);
    EXPECT_TRUE(result.ok()) << result.status();
    return Bytes(*model);
  };
  const std::string first = train(1, 3);
  EXPECT_EQ(train(2, 3), first);
  EXPECT_NE(train(1, 4), first);
}

INSTANTIATE_TEST_SUITE_P(Precisions, TrainBitsTest,
                         ::testing::Values(at::kFloat, at::kBFloat16));

TEST(TrainTest, SeesEverySampleOnceAnEpochAndKeepsTheShortBatch) {
  const Batches batches = MakeBatches(150, 64);
  std::vector<int64_t> sizes, seen;
  Objective spy;
  spy.loss = [&](const Batch& batch, const Outputs& outputs) {
    sizes.push_back(batch.labels.size(0));
    for (int64_t i = 0; i < batch.indices.size(0); ++i) {
      seen.push_back(batch.indices[i].item<int64_t>());
    }
    return LabelObjective().loss(batch, outputs);
  };
  ASSERT_TRUE(Train(*MakeStudent(), batches, spy, Options(2), nobody).ok());
  EXPECT_EQ(sizes, (std::vector<int64_t>{64, 64, 22, 64, 64, 22}));
  ASSERT_EQ(seen.size(), 300u);
  const std::set<int64_t> first(seen.begin(), seen.begin() + 150);
  const std::set<int64_t> second(seen.begin() + 150, seen.end());
  EXPECT_EQ(first.size(), 150u);
  EXPECT_EQ(second.size(), 150u);
  EXPECT_FALSE(std::equal(seen.begin(), seen.begin() + 150, seen.begin() + 150))
      << "the second epoch has the order of the first";
}

TEST(TrainTest, LossesAreMeansOverSamplesNotBatches) {
  // Batches of 64, 64 and 22 with a loss of 1, 1 and 10.
  const Batches batches = MakeBatches(150, 64);
  Objective objective;
  objective.loss = [](const Batch& batch, const Outputs& outputs) {
    LossTerms terms;
    const double value = batch.labels.size(0) == 64 ? 1 : 10;
    terms.total = outputs.logits.sum() * 0 + value;
    terms.hard = at::scalar_tensor(2 * value);
    return terms;
  };
  const auto result =
      Train(*MakeStudent(), batches, objective, Options(1), nobody);
  ASSERT_TRUE(result.ok());
  const double mean = (128 * 1 + 22 * 10) / 150.0;
  EXPECT_NEAR(result->epochs[0].total, mean, 1e-6);
  EXPECT_NEAR(result->epochs[0].hard, 2 * mean, 1e-6);
  EXPECT_TRUE(std::isnan(result->epochs[0].soft)) << "it was not evaluated";
}

// The rate is so small that the model stays what it is: the mean over the
// labelled samples is their loss, whatever batches they come in.
TEST(TrainTest, TheHardTermIsTheMeanOverTheSamplesWithALabel) {
  const Batches batches = MakeBatches(150, 64);
  auto model = MakeStudent();
  MethodOptions method;
  method.kd.alpha = 0;
  const at::Tensor labelled = at::arange(150).remainder(11).eq(3);
  TrainOptions options = Options(1);
  options.learning_rate = 1e-12;
  const auto result =
      Train(*model, batches, DistillationObjective({}, method, labelled),
            options, nobody);
  ASSERT_TRUE(result.ok()) << result.status();
  const Batch all = batches.Range(0, 150);
  const double expected =
      at::cross_entropy_loss(
          model->Logits(all.images).detach().index({labelled}),
          all.labels.index({labelled}))
          .item<double>();
  EXPECT_NEAR(result->epochs[0].hard, expected, 1e-5);
  // The total is still the mean over all: 14 of 150 have a label.
  EXPECT_NEAR(result->epochs[0].total, expected * 14 / 150, 1e-5);
}

TEST(TrainTest, IsJudgedBetweenStepsAndLearnsTheSame) {
  const Batches batches = MakeBatches(150, 64);
  std::string bytes[2];
  for (const bool judged : {false, true}) {
    auto model = MakeTeacher();
    TrainOptions options = Options(4);
    options.judge_every = 3;
    if (judged) options.judged = &batches;
    const auto result =
        Train(*model, batches, LabelObjective(), options, nobody);
    ASSERT_TRUE(result.ok()) << result.status();
    bytes[judged] = Bytes(*model);
    ASSERT_EQ(result->accuracies.size(), judged ? 3u : 0u);
    if (!judged) continue;
    EXPECT_EQ(result->accuracies[0].step, 3);
    EXPECT_EQ(result->accuracies[2].step, 9);
    EXPECT_GT(result->accuracies[2].accuracy, result->accuracies[0].accuracy);
    EXPECT_TRUE(model->is_training());
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

// What learns for two epochs and unlearns for two.
Objective ThereAndBack(int64_t steps_of_epoch) {
  Objective objective;
  objective.loss = [=, calls = 0](const Batch& batch,
                                  const Outputs& outputs) mutable {
    LossTerms terms = LabelObjective().loss(batch, outputs);
    if (calls++ >= 2 * steps_of_epoch) terms.total = -terms.total;
    return terms;
  };
  return objective;
}

TEST(TrainTest, KeepsTheWeightsOfTheBestEpoch) {
  const Batches batches = MakeBatches(150, 64);
  TrainOptions options = Options(4);
  options.schedule = ScheduleKind::kConstant;
  options.judged = &batches;
  options.judge_every = batches.batch_count();
  const auto train = [&](const std::shared_ptr<Network>& model) {
    const auto result =
        Train(*model, batches, ThereAndBack(3), options, nobody);
    EXPECT_TRUE(result.ok()) << result.status();
    return *result;
  };
  auto last = MakeStudent(), best = MakeStudent(), two_epochs = MakeStudent();
  const TrainResult of_last = train(last);
  options.keep_best = true;
  const TrainResult of_best = train(best);
  EXPECT_EQ(of_best.kept_step, 6);
  EXPECT_EQ(of_best.steps, 12);
  // Judged after the last epoch too, and otherwise the same training.
  ASSERT_EQ(of_best.accuracies.size(), 4u);
  EXPECT_EQ(of_best.accuracies[3].step, 12);
  EXPECT_LT(of_best.accuracies[3].accuracy, of_best.accuracies[1].accuracy);
  EXPECT_EQ(of_last.accuracies.size(), 3u);
  EXPECT_EQ(of_last.kept_step, 0);
  for (int epoch = 0; epoch < 4; ++epoch) {
    EXPECT_EQ(of_best.epochs[epoch].total, of_last.epochs[epoch].total);
  }
  // What it has is what two epochs give, which is the best of those.
  options.steps = 6;
  const TrainResult of_two = train(two_epochs);
  EXPECT_EQ(of_two.kept_step, 0) << "the last is the best";
  EXPECT_EQ(Bytes(*best), Bytes(*two_epochs));
  EXPECT_NE(Bytes(*best), Bytes(*last));
}

TEST(TrainTest, OfEquallyGoodWeightsItKeepsTheFirst) {
  const Batches batches = MakeBatches(150, 64);
  TrainOptions options = Options(3);
  options.learning_rate = 1e-12;
  options.judged = &batches;
  options.judge_every = 3;
  options.keep_best = true;
  const auto result =
      Train(*MakeStudent(), batches, LabelObjective(), options, nobody);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->accuracies[2].accuracy, result->accuracies[0].accuracy);
  EXPECT_EQ(result->kept_step, 3);
}

TEST(TrainTest, StopsAtTheStepWhoseLossIsNotFinite) {
  for (double bad : {std::nan(""), HUGE_VAL}) {
    const Batches batches = MakeBatches(100, 10);
    auto model = MakeStudent();
    int calls = 0;
    std::string before;
    Objective objective;
    objective.loss = [&](const Batch& batch, const Outputs& outputs) {
      LossTerms terms = LabelObjective().loss(batch, outputs);
      if (++calls == 14) {
        before = Bytes(*model);
        terms.total = terms.total * bad;
      }
      return terms;
    };
    const auto result = Train(*model, batches, objective, Options(3), nobody);
    EXPECT_TRUE(FailsWith(result.status(),
                          absl::StatusCode::kFailedPrecondition,
                          {"the model's loss is not a finite number",
                           "step 14 of 30", "--learning_rate=0.001"}));
    EXPECT_EQ(calls, 14);
    EXPECT_EQ(Bytes(*model), before) << "the bad step was taken";
  }
}

TEST(TrainTest, LateAccuracyIsOfPredictionsBeforeTheyAreTrainedOn) {
  // One batch that is all of the set: what it predicts is what the untrained
  // model predicts.
  const Batches batches = MakeBatches(100, 100);
  auto untrained = MakeStudent();
  const FrozenClassifier frozen(untrained);
  const Evaluation before =
      EvaluateLogits(ComputeLogits(frozen, batches, at::kCPU, "test", nobody),
                     batches.dataset());
  const auto result =
      Train(*MakeStudent(), batches, LabelObjective(), Options(1), nobody);
  ASSERT_TRUE(result.ok());
  EXPECT_DOUBLE_EQ(result->late_accuracy(), before.accuracy());
}

TEST(TrainTest, TheLearningCurveIsEvenlySpacedAndHasTheEpochsMean) {
  // 260 samples one by one: more steps than points.
  const auto long_one = Train(*MakeStudent(), MakeBatches(260, 1),
                              LabelObjective(), Options(1), nobody);
  ASSERT_TRUE(long_one.ok());
  ASSERT_EQ(long_one->curve.size(), 87);  // Every third step, and the last.
  double sum = 0;
  int64_t before = 0;
  for (const CurvePoint& point : long_one->curve) {
    EXPECT_EQ(point.step, std::min<int64_t>(before + 3, 260));
    EXPECT_TRUE(std::isnan(point.losses.soft));
    sum += point.losses.total * static_cast<double>(point.step - before);
    before = point.step;
  }
  EXPECT_EQ(before, 260);
  EXPECT_NEAR(sum / 260, long_one->epochs[0].total, 1e-9);

  const auto short_one = Train(*MakeStudent(), MakeBatches(50, 20),
                               LabelObjective(), Options(2), nobody);
  ASSERT_TRUE(short_one.ok());
  ASSERT_EQ(short_one->curve.size(), 6);  // Every step.
}

TEST(TrainTest, TellsItsObserver) {
  struct Spy : Observer {
    void OnBegin(const std::string& what, int64_t images) override {
      begun = what;
      total = images;
    }
    void OnProgress(int64_t done, double loss) override {
      progress.push_back(done);
      EXPECT_TRUE(std::isfinite(loss));
    }
    void OnEnd() override { ++ended; }
    std::string begun;
    int64_t total = 0;
    std::vector<int64_t> progress;
    int ended = 0;
  } spy;
  ASSERT_TRUE(Train(*MakeStudent(), MakeBatches(50, 20), LabelObjective(),
                    Options(2), spy)
                  .ok());
  EXPECT_EQ(spy.begun, "model: training");
  EXPECT_EQ(spy.total, 100);
  EXPECT_EQ(spy.progress, (std::vector<int64_t>{20, 40, 50, 70, 90, 100}));
  EXPECT_EQ(spy.ended, 1);
}

// The teacher learns a little first, so that its logits say something.
std::shared_ptr<Network> TrainedTeacher(const Batches& batches) {
  auto teacher = MakeTeacher();
  EXPECT_TRUE(
      Train(*teacher, batches, LabelObjective(), Options(1), nobody).ok());
  return teacher;
}

class DistillBitsTest : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(DistillBitsTest, CachedAndLiveLogitsGiveTheSameStudent) {
  const Batches batches = MakeBatches(300, 64);
  auto model = TrainedTeacher(batches);
  model->set_compute_dtype(GetParam());
  const auto teacher = std::make_shared<const FrozenClassifier>(model);
  auto distil = [&](TeacherLogits logits) {
    auto student = MakeStudent();
    student->set_compute_dtype(GetParam());
    EXPECT_TRUE(Train(*student, batches,
                      DistillationObjective(std::move(logits), MethodOptions()),
                      Options(2), nobody)
                    .ok());
    return Bytes(*student);
  };
  const std::string cached = distil(
      CachedLogits(ComputeLogits(*teacher, batches, at::kCPU, "test", nobody)));
  EXPECT_EQ(distil(LiveLogits(teacher)), cached);
}

INSTANTIATE_TEST_SUITE_P(Precisions, DistillBitsTest,
                         ::testing::Values(at::kFloat, at::kBFloat16));

TEST(DistillTest, LeavesTheTeacherAsItWasToTheByte) {
  const Batches batches = MakeBatches(300, 64);
  auto model = TrainedTeacher(batches);
  const std::string before = Bytes(*model);
  const auto teacher = std::make_shared<const FrozenClassifier>(model);
  auto student = MakeStudent();
  const std::string student_before = Bytes(*student);
  ASSERT_TRUE(Train(*student, batches,
                    DistillationObjective(LiveLogits(teacher), MethodOptions()),
                    Options(1), nobody)
                  .ok());
  EXPECT_EQ(Bytes(*model), before);
  EXPECT_FALSE(model->is_training()) << "training the student woke it";
  EXPECT_NE(Bytes(*student), student_before);
}

TEST(DistillTest, TheStudentImitatesATeacherThatIsWrong) {
  // With alpha 1 the labels say nothing: the student follows the teacher even
  // where the teacher has every class shifted by one.
  const Batches batches = MakeBatches(200, 20);
  at::Tensor logits = at::zeros({200, 10});
  for (int64_t i = 0; i < 200; ++i) {
    logits[i][(batches.dataset().labels[i] + 1) % 10] = 8;
  }
  MethodOptions loss;
  loss.kd.alpha = 1;
  loss.kd.temperature = 2;
  auto student = MakeStudent();
  ASSERT_TRUE(Train(*student, batches,
                    DistillationObjective(CachedLogits(logits), loss),
                    Options(10), nobody)
                  .ok());
  const FrozenClassifier frozen(student);
  const at::Tensor answers =
      ComputeLogits(frozen, batches, at::kCPU, "test", nobody).argmax(1);
  EXPECT_TRUE(at::equal(answers, logits.argmax(1)));
}

}  // namespace
}  // namespace distill
