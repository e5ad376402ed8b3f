// Several runs, handed out among ranks.
#ifndef DISTILL_TRAINING_FARM_H_
#define DISTILL_TRAINING_FARM_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "base/observer.h"
#include "training/device.h"
#include "training/ranks.h"

namespace distill {

// Gives each run to one group of ranks, one at a time, to whichever is free.
// What the groups say of their runs arrives at rank 0, which makes runs itself
// and looks for messages whenever these report progress. All ranks make a Farm
// together. Of one process there is one group, and all happens in order, or
// several runs at once in threads: there the thread that made the Farm is what
// rank 0 is otherwise, and the others are as other groups.
class Farm {
 public:
  // Groups of compute.ranks_per_run ranks, or compute.runs_at_once threads.
  // `take` is called on rank 0 with each message; `observer` watches the runs.
  Farm(const Compute& compute,
       std::function<absl::Status(const std::string&)> take,
       Observer& observer);

  // Those that make a run together with this rank.
  Ranks& group() { return *group_; }
  bool leads() const { return group_->rank() == 0; }
  // Whether this is rank 0, and its first thread.
  bool is_first() const {
    return ranks_.rank() == 0 && std::this_thread::get_id() == thread_;
  }
  // Whoever watches a run on this rank: of another thread nobody.
  Observer& observer();

  // Tells rank 0; by the first rank of a group, while it makes a run.
  void Send(const std::string& message);

  // Makes `count` runs: run(i) is called by all ranks of one group, which may
  // be several threads' at the same time. Returns on
  // all ranks when all runs are made, and all messages taken. Errors: that of a
  // run, or of `take`, at once, after which the ranks are no longer together;
  // Cancelled, on all ranks, where one was interrupted: no run is begun then.
  absl::Status Run(int64_t count,
                   const std::function<absl::Status(int64_t)>& run);

 private:
  // Passes all on, and looks for messages.
  class Watch : public Observer {
   public:
    Watch(Farm& farm, Observer& observer) : farm_(farm), observer_(observer) {}
    void OnBegin(const std::string& what, int64_t images) override {
      observer_.OnBegin(what, images);
    }
    void OnProgress(int64_t done, double loss) override {
      observer_.OnProgress(done, loss);
      farm_.TakeMessages();
    }
    void OnEnd() override { observer_.OnEnd(); }
    void OnLine(const std::string& line) override { observer_.OnLine(line); }

   private:
    Farm& farm_;
    Observer& observer_;
  };

  int64_t NextRun();
  void TakeMessages();
  absl::Status MakeRuns(int64_t count,
                        const std::function<absl::Status(int64_t)>& run);
  std::optional<std::string> Receive();
  void Stop(const absl::Status& why);

  Ranks& ranks_;
  const int64_t size_;  // Of a group.
  const std::unique_ptr<Ranks> group_;
  const std::function<absl::Status(const std::string&)> take_;
  Watch watch_;
  bool takes_first_;        // Rank 0's group, for people to see it.
  int64_t others_at_work_;  // Groups or threads, on rank 0.
  absl::Status taken_;      // The first error of take_.

  const std::thread::id thread_ = std::this_thread::get_id();
  const int64_t at_once_;
  std::mutex mutex_;  // Of what follows, of the tickets and of takes_first_.
  std::deque<std::string> messages_;  // Of threads.
  absl::Status stopped_;              // Why no run is begun any more.
};

}  // namespace distill

#endif  // DISTILL_TRAINING_FARM_H_
