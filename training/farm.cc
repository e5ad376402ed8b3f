#include "training/farm.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "ATen/ops/full.h"
#include "base/status.h"

namespace distill {
namespace {

// A group has no run left. (Of others a message has a text.)
constexpr char kDone[] = "";
// More than there are runs.
constexpr int64_t kNoMore = int64_t{1} << 40;

}  // namespace

Farm::Farm(Ranks& ranks, int64_t ranks_per_run,
           std::function<absl::Status(const std::string&)> take,
           Observer& observer)
    : ranks_(ranks),
      size_(std::max<int64_t>(ranks_per_run, 1)),
      group_(ranks.Group(size_)),
      take_(std::move(take)),
      watch_(*this, observer),
      takes_first_(ranks.rank() < size_),
      others_at_work_((ranks.size() - 1) / size_) {}

void Farm::Send(const std::string& message) {
  if (ranks_.rank() > 0) {
    ranks_.Send(message);
  } else {
    taken_.Update(take_(message));
  }
}

void Farm::TakeMessages() {
  if (ranks_.rank() > 0) return;
  while (const auto message = ranks_.Receive()) {
    if (*message == kDone) {
      --others_at_work_;
    } else {
      taken_.Update(take_(*message));
    }
  }
}

int64_t Farm::NextRun() {
  int64_t number = 0;
  if (std::exchange(takes_first_, false)) return number;
  if (leads()) number = 1 + ranks_.TakeTickets(1);
  const at::Tensor next = at::full({1}, number, at::kLong);
  group_->Broadcast(next);
  return next.item<int64_t>();
}

absl::Status Farm::Run(int64_t count,
                       const std::function<absl::Status(int64_t)>& run) {
  absl::Status interrupted;
  for (int64_t next = NextRun(); next < count; next = NextRun()) {
    const absl::Status status = run(next);
    TakeMessages();
    RETURN_IF_ERROR(taken_);
    if (absl::IsCancelled(status)) {
      interrupted = status;
      ranks_.TakeTickets(kNoMore);
    } else if (!status.ok()) {
      return status;
    }
  }
  if (leads() && ranks_.rank() > 0) ranks_.Send(kDone);
  while (ranks_.rank() == 0 && others_at_work_ > 0) {
    TakeMessages();
    RETURN_IF_ERROR(taken_);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ranks_.Wait();
  if (!ranks_.Any(!interrupted.ok())) return absl::OkStatus();
  return interrupted.ok() ? absl::CancelledError("interrupted") : interrupted;
}

}  // namespace distill
