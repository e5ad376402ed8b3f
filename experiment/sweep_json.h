// A run of a sweep as text.
#ifndef DISTILL_EXPERIMENT_SWEEP_JSON_H_
#define DISTILL_EXPERIMENT_SWEEP_JSON_H_

#include "base/json.h"
#include "experiment/sweep.h"

namespace distill {

// What identifies the run, and its scores. Numbers come back as they were, to
// the bit; what is not finite as NaN.
Json RunJson(const SweepRun& run);

// The reverse. Throws Json::exception for what is no run.
SweepRun RunFrom(const Json& line);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_SWEEP_JSON_H_
