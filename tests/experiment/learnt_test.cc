#include "experiment/learnt.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>

#include "experiment/run.h"
#include "gtest/gtest.h"
#include "tests/testing/experiment.h"
#include "tests/testing/status.h"
#include "training/evaluation.h"

namespace distill {
namespace {

using testing::Cpu;
using testing::FailsWith;

Dataset WithLabels(const std::vector<int>& counts) {
  Dataset dataset;
  dataset.classes = static_cast<int>(counts.size());
  for (size_t c = 0; c < counts.size(); ++c) {
    dataset.labels.insert(dataset.labels.end(), counts[c],
                          static_cast<int32_t>(c));
  }
  dataset.count = static_cast<int64_t>(dataset.labels.size());
  return dataset;
}

// The probability of at least `hits` of n tries, each of which comes true with
// probability p: the sum itself.
double AtLeast(int64_t hits, int64_t n, double p) {
  double sum = 0;
  const auto m = static_cast<double>(n);
  for (auto k = static_cast<double>(hits); k <= m; ++k) {
    sum += std::exp(std::lgamma(m + 1) - std::lgamma(k + 1) -
                    std::lgamma(m - k + 1) + k * std::log(p) +
                    (m - k) * std::log1p(-p));
  }
  return sum;
}

TEST(LearningBarTest, SoManyImagesAreEnoughThatNeitherErrorIsLikely) {
  for (const std::vector<int>& counts :
       {std::vector<int>(10, 6), {50, 50}, {90, 5, 5}, {1, 2, 3, 4}}) {
    const Dataset dataset = WithLabels(counts);
    const LearningBar bar = BarOf(dataset);
    const double distance = bar.bar - bar.chance;
    EXPECT_NEAR(distance, 0.1 * (1 - bar.chance), 1e-12);
    const auto hits = static_cast<int64_t>(
        std::ceil(bar.bar * static_cast<double>(bar.enough)));
    // By the normal distribution once in 2,000 times; the binomial is somewhat
    // wider where chance is near 0 or 1.
    EXPECT_LT(AtLeast(hits, bar.enough, bar.chance), 2e-3) << bar.enough;
    EXPECT_LT(1 - AtLeast(hits, bar.enough, bar.bar + distance), 2e-3)
        << bar.enough;
    // And not many more than needed.
    const int64_t half = bar.enough / 2;
    const auto half_hits =
        static_cast<int64_t>(std::ceil(bar.bar * static_cast<double>(half)));
    EXPECT_GT(AtLeast(half_hits, half, bar.chance) + 1 -
                  AtLeast(half_hits, half, bar.bar + distance),
              2e-3);
  }
  EXPECT_NEAR(BarOf(WithLabels(std::vector<int>(10, 6))).chance, 0.1, 1e-12);
}

TEST(LearningEvidenceTest, SaysItsInterval) {
  // Wilson's interval of 30 of 100: 21.89 to 39.58 (his formula, computed
  // in Python with z = 1.959964).
  EXPECT_EQ((LearningEvidence{30, 100, "the images"}.Describe()),
            "30.00 % of the images (100 of them; 95 % interval 21.89 % to "
            "39.58 %)");
  EXPECT_EQ((LearningEvidence{30, 100, "the images", true}.Describe()),
            "30.00 % of the images");
}

class GuardTest : public ::testing::Test {
 protected:
  GuardTest() {
    TrainOn(120);
    test_ = testing::ToySplit(120, Split::kTest, 0.2, 12);
    options_.teacher = "mlp:16";
    options_.student = "mlp:4";
    options_.teacher_epochs = 10;
    options_.control = false;
  }
  void TrainOn(int64_t count) {
    train_ = testing::ToySplit(count, Split::kTrain, 0.2, 12);
  }
  absl::StatusOr<std::shared_ptr<Teacher>> Train() {
    Observer nobody;
    TrainedHere source;
    return GetTeacher(options_, Cpu(), {train_, test_}, nobody, source,
                      /*introduces=*/false);
  }
  std::shared_ptr<const Dataset> train_, test_;
  ExperimentOptions options_;
};

// "0.00 % of the last images", which was one, refused a teacher that knew most.
TEST_F(GuardTest, WithEveryBatchSizeATeacherThatLearntTeaches) {
  for (int64_t size = 1; size <= train_->count; ++size) {
    options_.batch_size = size;
    const auto teacher = Train();
    ASSERT_TRUE(teacher.ok()) << size << ": " << teacher.status();
    // All training images were asked.
    EXPECT_GT((*teacher)->logits_seconds(), 0);
    BatchesOptions options;
    options.normalization = NormalizationOf(*train_);
    Observer nobody;
    const at::Tensor logits =
        ComputeLogits(*(*teacher)->stage().model,
                      *Batches::Create(train_, options), at::kCPU, "", nobody);
    EXPECT_GE(EvaluateLogits(logits, *train_).accuracy(), BarOf(*train_).bar)
        << size;
  }
}

TEST_F(GuardTest, WithEveryBatchSizeATeacherThatDidNotLearnIsRefused) {
  options_.learning_rate = 1e-30;
  options_.teacher_epochs = 1;
  for (int64_t size = 1; size <= train_->count; ++size) {
    options_.batch_size = size;
    EXPECT_TRUE(FailsWith(
        Train().status(), absl::StatusCode::kFailedPrecondition,
        {"the teacher did not learn", "of the training images right"}))
        << size;
  }
}

TEST_F(GuardTest, ATailThatIsLongEnoughIsTheEvidence) {
  TrainOn(3200);
  options_.learning_rate = 1e-30;
  options_.teacher_epochs = 1;
  options_.batch_size = 32;
  EXPECT_TRUE(FailsWith(
      Train().status(), absl::StatusCode::kFailedPrecondition,
      {"of the last images of its training", "(320 of them; 95 % interval "}));
  // Of 13 batches one is the tail, and too short.
  options_.batch_size = 250;
  EXPECT_TRUE(FailsWith(Train().status(), absl::StatusCode::kFailedPrecondition,
                        {"of the training images right"}));
}

TEST_F(GuardTest, ValidationImagesAreTheEvidenceWhereTheyAreEnough) {
  TrainOn(600);
  options_.learning_rate = 1e-30;
  options_.teacher_epochs = 1;
  options_.validation = 300;
  EXPECT_TRUE(FailsWith(Train().status(), absl::StatusCode::kFailedPrecondition,
                        {"of the validation images (300 of them; "}));
  options_.validation = 100;
  EXPECT_TRUE(FailsWith(Train().status(), absl::StatusCode::kFailedPrecondition,
                        {"of the training images right"}));
}

}  // namespace
}  // namespace distill
