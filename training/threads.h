// How many threads the machine and its limits let this process have.
#ifndef DISTILL_TRAINING_THREADS_H_
#define DISTILL_TRAINING_THREADS_H_

#include <string>

#include "absl/status/status.h"

namespace distill {

// How many of `wanted` >= 1 threads, this one included, OpenMP can be given
// now. It starts them, and as many again (OpenMP may have that many for a
// moment, when it exchanges some), and lets them end.
//
// OpenMP has no error for a thread that cannot be started: it ends the process,
// and may hang in that.
int StartableThreads(int wanted);

// Has LibTorch compute with `threads` threads, all of which are started.
// ResourceExhausted, with the limits that are set, if there cannot be so many.
absl::Status UseThreads(int threads);

// The same with as many of LibTorch's own number as can be started, and no more
// than CpuLimit(). A line that says so if fewer can be started than that, else
// nothing.
std::string UseStartableThreads();

}  // namespace distill

#endif  // DISTILL_TRAINING_THREADS_H_
