#include "training/threads.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "training/cpu_limit.h"

namespace distill {
namespace {

// Where threads wait until all are there.
struct Gate {
  std::mutex mutex;
  std::condition_variable opened;
  bool open = false;
};

void* WaitAt(void* argument) {
  Gate& gate = *static_cast<Gate*>(argument);
  std::unique_lock<std::mutex> lock(gate.mutex);
  gate.opened.wait(lock, [&gate] { return gate.open; });
  return nullptr;
}

// "ulimit -u is 5": the limits of this process that threads may meet.
std::string Limits() {
  std::vector<std::string> limits;
  const auto add = [&limits](int resource, const char* name, rlim_t unit) {
    rlimit limit = {};
    if (getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
      limits.push_back(absl::StrCat(name, " is ", limit.rlim_cur / unit));
    }
  };
  add(RLIMIT_NPROC, "ulimit -u (processes and threads of this user)", 1);
  add(RLIMIT_AS, "ulimit -v (KB of addresses)", 1024);
  add(RLIMIT_DATA, "ulimit -d (KB of data)", 1024);
  limits.emplace_back("a control group may have a limit too (pids.max)");
  return absl::StrJoin(limits, "; ");
}

// Threads, besides this one, that OpenMP has already.
int pool_threads = 0;

void StartPool(int threads) {
  at::set_num_threads(threads);
  pool_threads = threads - 1;
#pragma omp parallel num_threads(threads)
  {}
}

}  // namespace

int StartableThreads(int wanted) {
  if (pool_threads == wanted - 1) return wanted;
  Gate gate;
  std::vector<pthread_t> started;
  // A parallel region with fewer threads than the one before ends the others,
  // and the next one starts new ones while those may still be there.
  const int most = 2 * (wanted - 1) - pool_threads;
  while (static_cast<int>(started.size()) < most) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, WaitAt, &gate) != 0) break;
    started.push_back(thread);
  }
  {
    const std::lock_guard<std::mutex> lock(gate.mutex);
    gate.open = true;
  }
  gate.opened.notify_all();
  for (const pthread_t thread : started) pthread_join(thread, nullptr);
  return std::min(wanted,
                  1 + (pool_threads + static_cast<int>(started.size())) / 2);
}

absl::Status UseThreads(int threads) {
  const int startable = StartableThreads(threads);
  if (startable < threads) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "--threads is ", threads, ": found that no more than ", startable,
        " can be started (", Limits(),
        "); expected all. Raise the limit, or pass --threads=", startable,
        "."));
  }
  StartPool(threads);
  return absl::OkStatus();
}

std::string UseStartableThreads() {
  const int limit = CpuLimit();
  const int all = at::get_num_threads();
  // More threads than a control group has time for would stand still for each
  // other.
  const int wanted = limit > 0 ? std::min(limit, all) : all;
  const int startable = StartableThreads(wanted);
  StartPool(startable);
  if (startable == wanted) return "";
  return absl::StrCat("note: computes with ", startable, " of ", wanted,
                      " threads, as no more can be started (", Limits(), ")");
}

}  // namespace distill
