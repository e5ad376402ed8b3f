#include "training/farm.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "ATen/ops/full.h"
#include "base/status.h"
#include "base/torch_status.h"

namespace distill {
namespace {

// A group has no run left. (Of others a message has a text.)
constexpr char kDone[] = "";
// More than there are runs.
constexpr int64_t kNoMore = int64_t{1} << 40;

}  // namespace

Farm::Farm(const Compute& compute,
           std::function<absl::Status(const std::string&)> take,
           Observer& observer)
    : ranks_(*compute.ranks),
      size_(std::max<int64_t>(compute.ranks_per_run, 1)),
      group_(ranks_.Group(size_)),
      take_(std::move(take)),
      watch_(*this, observer),
      takes_first_(ranks_.rank() < size_),
      others_at_work_((ranks_.size() - 1) / size_),
      at_once_(compute.runs_at_once) {}

Observer& Farm::observer() {
  static Observer nobody;
  return std::this_thread::get_id() == thread_ ? watch_ : nobody;
}

void Farm::Send(const std::string& message) {
  if (is_first()) {
    taken_.Update(take_(message));
  } else if (ranks_.rank() > 0) {
    ranks_.Send(message);
  } else {
    const std::lock_guard<std::mutex> lock(mutex_);
    messages_.push_back(message);
  }
}

std::optional<std::string> Farm::Receive() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (messages_.empty()) return ranks_.Receive();
  std::optional<std::string> first = std::move(messages_.front());
  messages_.pop_front();
  return first;
}

void Farm::TakeMessages() {
  if (!is_first()) return;
  while (const auto message = Receive()) {
    if (*message == kDone) {
      --others_at_work_;
    } else {
      taken_.Update(take_(*message));
    }
  }
}

int64_t Farm::NextRun() {
  const std::lock_guard<std::mutex> lock(mutex_);
  int64_t number = 0;
  if (std::this_thread::get_id() == thread_ &&
      std::exchange(takes_first_, false)) {
    return number;
  }
  if (!stopped_.ok()) return kNoMore;
  if (leads()) number = 1 + ranks_.TakeTickets(1);
  const at::Tensor next = at::full({1}, number, at::kLong);
  group_->Broadcast(next);
  return next.item<int64_t>();
}

absl::Status Farm::MakeRuns(int64_t count,
                            const std::function<absl::Status(int64_t)>& run) {
  absl::Status interrupted;
  for (int64_t next = NextRun(); next < count; next = NextRun()) {
    const absl::Status status =
        CatchTorchErrors("making a run", [&] { return run(next); });
    TakeMessages();
    if (is_first()) RETURN_IF_ERROR(taken_);
    if (absl::IsCancelled(status)) {
      const std::lock_guard<std::mutex> lock(mutex_);
      interrupted = status;
      ranks_.TakeTickets(kNoMore);
    } else if (!status.ok()) {
      return status;
    }
  }
  return interrupted;
}

void Farm::Stop(const absl::Status& why) {
  const std::lock_guard<std::mutex> lock(mutex_);
  stopped_.Update(why);
}

absl::Status Farm::Run(int64_t count,
                       const std::function<absl::Status(int64_t)>& run) {
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min(at_once_, count); ++i) {
    ++others_at_work_;
    threads.emplace_back([&] {
      Stop(MakeRuns(count, run));
      Send(kDone);
    });
  }
  const absl::Status status = MakeRuns(count, run);
  Stop(status);
  if (leads() && ranks_.rank() > 0) ranks_.Send(kDone);
  // Other processes are ended by an error; threads end their runs.
  const auto is_over = [&](const absl::Status& why) {
    return threads.empty() && !why.ok() && !absl::IsCancelled(why);
  };
  if (is_over(status)) return status;
  while (is_first() && others_at_work_ > 0) {
    TakeMessages();
    Stop(taken_);
    if (is_over(taken_)) return taken_;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (std::thread& thread : threads) thread.join();
  if (!threads.empty()) return stopped_;
  ranks_.Wait();
  if (!ranks_.Any(!status.ok())) return absl::OkStatus();
  return status.ok() ? absl::CancelledError("interrupted") : status;
}

}  // namespace distill
