#include "training/ranks.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/allclose.h"
#include "ATen/ops/equal.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"
#include "training/loop.h"

namespace distill {
namespace {

using testing::ToyDataset;
using testing::ToyOptions;

// Threads of one process as ranks.
class Meeting {
 public:
  explicit Meeting(int64_t size) : given_(size) {}

  // All ranks' `values`, once all have come; rank 0's first.
  std::vector<at::Tensor> Meet(int64_t rank, const at::Tensor& values) {
    std::unique_lock<std::mutex> lock(mutex_);
    given_[rank] = values.clone();
    const int64_t meeting = meeting_;
    if (++there_ == static_cast<int64_t>(given_.size())) {
      all_ = given_;
      there_ = 0;
      ++meeting_;
      complete_.notify_all();
    } else {
      complete_.wait(lock, [&] { return meeting_ != meeting; });
    }
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable complete_;
  std::vector<at::Tensor> given_, all_;
  int64_t there_ = 0, meeting_ = 0;
};

class ThreadRank : public Ranks {
 public:
  ThreadRank(Meeting& meeting, int64_t rank, int64_t size)
      : meeting_(meeting), rank_(rank), size_(size) {}

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }
  void Sum(at::Tensor values) override {
    const auto all = meeting_.Meet(rank_, values);
    values.zero_();
    for (const at::Tensor& one : all) values += one;
  }
  void Broadcast(at::Tensor values) override {
    const at::NoGradGuard no_grad;
    values.copy_(meeting_.Meet(rank_, values)[0]);
  }

 private:
  Meeting& meeting_;
  const int64_t rank_, size_;
};

struct Trained {
  std::vector<at::Tensor> parameters;
  TrainResult result;
};

Trained TrainOn(Ranks& ranks, uint64_t seed) {
  ToyOptions toy;
  toy.count = 41;  // In batches of 8: the last has one sample.
  BatchesOptions options;
  options.batch_size = 8;
  const Batches batches = *Batches::Create(ToyDataset(toy), options);
  Random random(seed, "test weights");
  Network model(StudentGraph(), random);
  TrainOptions train;
  train.name = "model";
  train.epochs = 3;
  train.ranks = &ranks;
  Observer nobody;
  Trained trained;
  trained.result = *Train(model, batches, LabelObjective(), train, nobody);
  trained.parameters = model.parameters();
  return trained;
}

std::vector<Trained> TrainOnRanks(int64_t size) {
  Meeting meeting(size);
  std::vector<Trained> trained(size);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadRank ranks(meeting, rank, size);
      // Other initial weights than rank 0's, which it must take over.
      trained[rank] = TrainOn(ranks, /*seed=*/rank);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return trained;
}

TEST(RanksTest, TakeEachThingOnceAndAboutAsManyEach) {
  for (const int64_t count : {0, 1, 7, 64}) {
    Meeting nobody(3);
    int64_t next = 0;
    for (int64_t rank = 0; rank < 3; ++rank) {
      const Span slice = ThreadRank(nobody, rank, 3).SpanOf(count);
      EXPECT_EQ(slice.first, next);
      EXPECT_GE(slice.count, count / 3);
      EXPECT_LE(slice.count, (count + 2) / 3);
      next += slice.count;
    }
    EXPECT_EQ(next, count);
  }
  EXPECT_EQ(OneProcess().SpanOf(5).count, 5);
}

TEST(RanksTest, SeveralTrainTheModelThatOneTrains) {
  const Trained one = TrainOn(OneProcess(), /*seed=*/0);
  for (const int64_t size : {2, 3}) {
    const std::vector<Trained> several = TrainOnRanks(size);
    for (int64_t rank = 0; rank < size; ++rank) {
      SCOPED_TRACE("rank " + std::to_string(rank) + " of " +
                   std::to_string(size));
      const Trained& trained = several[rank];
      ASSERT_EQ(trained.parameters.size(), one.parameters.size());
      for (size_t i = 0; i < one.parameters.size(); ++i) {
        // The same on each rank; one process sums in another order.
        EXPECT_TRUE(at::equal(trained.parameters[i], several[0].parameters[i]));
        EXPECT_TRUE(at::allclose(trained.parameters[i], one.parameters[i],
                                 /*rtol=*/1e-3, /*atol=*/1e-4));
      }
      EXPECT_NEAR(trained.result.epochs.back().total,
                  one.result.epochs.back().total, 1e-4);
      EXPECT_EQ(trained.result.late_correct, one.result.late_correct);
      EXPECT_EQ(trained.result.late_samples, one.result.late_samples);
    }
  }
}

}  // namespace
}  // namespace distill
