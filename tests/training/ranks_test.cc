#include "training/ranks.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/allclose.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/linspace.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/batch_norm.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"
#include "training/farm.h"
#include "training/loop.h"
#include "training/stepper.h"

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

 public:
  std::atomic<int64_t> tickets = 0;
  std::deque<std::string> messages;
  std::mutex of_messages;
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
  // (Groups of one.)
  std::unique_ptr<Ranks> Group(int64_t size) override {
    EXPECT_EQ(size, 1);
    return OneProcess().Group(1);
  }
  int64_t TakeTickets(int64_t count) override {
    return meeting_.tickets.fetch_add(count);
  }
  void Send(const std::string& bytes) override {
    const std::lock_guard<std::mutex> lock(meeting_.of_messages);
    meeting_.messages.push_back(bytes);
  }
  std::optional<std::string> Receive() override {
    const std::lock_guard<std::mutex> lock(meeting_.of_messages);
    if (meeting_.messages.empty()) return std::nullopt;
    const std::string first = meeting_.messages.front();
    meeting_.messages.pop_front();
    return first;
  }
  void Wait() override { meeting_.Meet(rank_, at::zeros({1})); }

 private:
  Meeting& meeting_;
  const int64_t rank_, size_;
};

// Calls run(ranks) in a thread of each of `size` ranks, and waits for all.
template <typename Run>
void OnRanks(int64_t size, const Run& run) {
  Meeting meeting(size);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank) {
    threads.emplace_back([&meeting, &run, rank, size] {
      ThreadRank ranks(meeting, rank, size);
      run(ranks);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Values, gradients and running statistics.
struct Normalized {
  at::Tensor out, grad_x, grad_weight, mean, variance;
};

Normalized Normalize(const at::Tensor& images, const at::Tensor& weights,
                     const BatchSum& sum) {
  const int64_t channels = images.size(3);
  const BatchNormState state = {at::linspace(0.5, 2, channels).requires_grad_(),
                                at::linspace(-1, 1, channels).requires_grad_(),
                                at::zeros({channels}), at::ones({channels}),
                                sum};
  const at::Tensor x = images.detach().clone().requires_grad_();
  const at::Tensor out = BatchNorm(x, state, {}, /*relu=*/true, true);
  (out * weights).sum().backward();
  return {out.detach(), x.grad(), state.weight.grad(), state.running_mean,
          state.running_var};
}

TEST(RanksTest, ASyncedBatchNormIsThatOfTheWholeBatch) {
  Random random(1, "test images");
  const at::Tensor x = UniformTensor({13, 5, 3, 6}, 2, random) + 3;
  const at::Tensor weights = UniformTensor({13, 5, 3, 6}, 1, random);
  const Normalized whole = Normalize(x, weights, nullptr);
  constexpr int64_t kSize = 3;
  std::vector<Normalized> parts(kSize);
  OnRanks(kSize, [&](Ranks& ranks) {
    const Span part = ranks.SpanOf(13);
    parts[ranks.rank()] =
        Normalize(x.narrow(0, part.first, part.count),
                  weights.narrow(0, part.first, part.count),
                  [&](const at::Tensor& values) { ranks.Sum(values); });
  });
  std::vector<at::Tensor> outs, gradients;
  at::Tensor of_weight = at::zeros({6});
  for (const Normalized& part : parts) {
    outs.push_back(part.out);
    gradients.push_back(part.grad_x);
    of_weight += part.grad_weight;
    EXPECT_TRUE(at::allclose(part.mean, whole.mean, 1e-6, 1e-6));
    EXPECT_TRUE(at::allclose(part.variance, whole.variance, 1e-6, 1e-6));
  }
  EXPECT_TRUE(at::allclose(at::cat(outs), whole.out, 1e-5, 1e-5));
  EXPECT_TRUE(at::allclose(at::cat(gradients), whole.grad_x, 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(of_weight, whole.grad_weight, 1e-4, 1e-4));
}

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
  std::vector<Trained> trained(size);
  OnRanks(size, [&](Ranks& ranks) {
    // Other initial weights than rank 0's, which it must take over.
    trained[ranks.rank()] = TrainOn(ranks, /*seed=*/ranks.rank());
  });
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

// What run(i) gives on `size` ranks that share `count` runs, or on one with so
// many threads; each run says its number, and what rank 0 heard is in `heard`.
std::vector<absl::Status> Share(int64_t size, int64_t count,
                                std::multiset<std::string>& heard,
                                const std::function<absl::Status(int64_t)>& run,
                                int64_t at_once = 1) {
  std::vector<absl::Status> ends(size);
  OnRanks(size, [&](Ranks& ranks) {
    Observer nobody;
    Compute compute;
    compute.ranks = &ranks;
    compute.runs_at_once = at_once;
    Farm farm(
        compute,
        [&](const std::string& message) {
          heard.insert(message);
          return absl::OkStatus();
        },
        nobody);
    ends[ranks.rank()] = farm.Run(count, [&](int64_t i) {
      farm.Send(absl::StrCat("run ", i));
      return run(i);
    });
  });
  return ends;
}

TEST(FarmTest, EachRunIsMadeOnceAndHeardOf) {
  for (const int64_t at_once : {1, 4}) {
    for (const int64_t size : {1, 2, 5}) {
      if (size > 1 && at_once > 1) continue;
      for (const int64_t count : {0, 1, 17}) {
        std::multiset<std::string> heard, expected;
        for (int64_t i = 0; i < count; ++i) {
          expected.insert(absl::StrCat("run ", i));
        }
        for (const absl::Status& end : Share(
                 size, count, heard, [](int64_t) { return absl::OkStatus(); },
                 at_once)) {
          EXPECT_TRUE(end.ok()) << end;
        }
        EXPECT_EQ(heard, expected) << size << " ranks, " << at_once;
      }
    }
  }
}

TEST(FarmTest, AnInterruptionEndsAllOfThem) {
  std::multiset<std::string> heard;
  for (const absl::Status& end : Share(3, 1000000, heard, [](int64_t i) {
         return i == 20 ? absl::CancelledError("interrupted")
                        : absl::OkStatus();
       })) {
    EXPECT_TRUE(absl::IsCancelled(end)) << end;
  }
  EXPECT_EQ(heard.count("run 20"), 1);
  EXPECT_LT(heard.size(), 100000);
}

TEST(FarmTest, OfThreadsAnErrorOrAnInterruptionEndsAll) {
  for (const absl::Status& why :
       {absl::CancelledError("interrupted"), absl::InternalError("no")}) {
    std::multiset<std::string> heard;
    const auto ends = Share(
        1, 1000000, heard,
        [&](int64_t i) { return i == 20 ? why : absl::OkStatus(); },
        /*at_once=*/3);
    EXPECT_EQ(ends[0], why);
    EXPECT_EQ(heard.count("run 20"), 1);
    EXPECT_LT(heard.size(), 1000000);
  }
}

TEST(FarmTest, AThreadsExceptionIsAnError) {
  std::multiset<std::string> heard;
  const auto ends = Share(
      1, 9, heard,
      [&](int64_t i) -> absl::Status {
        TORCH_CHECK(i != 5, "no");
        return absl::OkStatus();
      },
      /*at_once=*/3);
  EXPECT_NE(ends[0].message().find("no"), std::string::npos) << ends[0];
}

TEST(FarmTest, AloneTheRunsAreInOrderAndAnErrorIsTheLast) {
  std::multiset<std::string> heard;
  std::vector<int64_t> made;
  const absl::Status end = Share(1, 9, heard, [&](int64_t i) {
    made.push_back(i);
    return i == 3 ? absl::InternalError("no") : absl::OkStatus();
  })[0];
  EXPECT_EQ(end, absl::InternalError("no"));
  EXPECT_EQ(made, (std::vector<int64_t>{0, 1, 2, 3}));
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

// Losses of three ranks' steps, and what they leave.
std::vector<Trained> StepOnRanks(bool on_device) {
  std::vector<Trained> all(3);
  OnRanks(3, [&](Ranks& ranks) {
    Trained& trained = all[ranks.rank()];
    ToyOptions toy;
    toy.count = 41;
    BatchesOptions options;
    options.batch_size = 8;
    const Batches batches = *Batches::Create(ToyDataset(toy), options);
    Random random(0, "test weights");
    Network model(StudentGraph(), random);
    const Schedule schedule{ScheduleKind::kOneCycle, 0.01,
                            batches.batch_count()};
    const Objective objective = LabelObjective();
    const StepperInputs inputs = {model,    batches, objective,
                                  schedule, {},      ranks};
    const auto stepper = on_device ? MakeDeviceStepper(inputs, at::kCPU)
                                   : MakeHostStepper(inputs);
    stepper->BeginEpoch({batches.Order(0), {}, 0, 0});
    for (int64_t i = 0; i < batches.batch_count(); ++i) {
      stepper->Step(/*count_correct=*/true);
    }
    LossSums sums;
    for (const StepLosses& step : stepper->Read()) {
      sums.Add(step);
      trained.result.late_correct += step.correct;
      trained.result.late_samples += step.samples;
    }
    trained.result.epochs = {sums.Means()};
    trained.parameters = model.parameters();
  });
  return all;
}

TEST(RanksTest, OnADeviceTheyStepAsOnTheHost) {
  const std::vector<Trained> host = StepOnRanks(/*on_device=*/false);
  const std::vector<Trained> device = StepOnRanks(/*on_device=*/true);
  for (size_t rank = 0; rank < host.size(); ++rank) {
    for (size_t i = 0; i < host[rank].parameters.size(); ++i) {
      EXPECT_TRUE(at::allclose(device[rank].parameters[i],
                               host[rank].parameters[i], /*rtol=*/1e-4,
                               /*atol=*/1e-6));
    }
    EXPECT_EQ(device[rank].result.late_correct, host[rank].result.late_correct);
    EXPECT_EQ(device[rank].result.late_samples, 41);
    EXPECT_NEAR(device[rank].result.epochs[0].total,
                host[rank].result.epochs[0].total, 1e-5);
  }
}

}  // namespace
}  // namespace distill
