// A result as JSON: the program's last line, and most of report.json.
#ifndef DISTILL_REPORT_RESULT_JSON_H_
#define DISTILL_REPORT_RESULT_JSON_H_

#include <cstdint>
#include <string>

#include "base/json.h"
#include "experiment/seeds.h"

namespace distill {

// `value` for people: a string without its quotes.
std::string Word(const Json& value);

// `count`, or null for 0, which is of what is not known.
Json Known(int64_t count);

// "mean", "low" and "high".
Json IntervalJson(const Interval& interval);

// The student's total loss of its last epoch, the mean over the seeds.
double MeanFinalLoss(const SeedsResult& result);

// The verdict, the losses, the seconds and the stages; with several seeds also
// each one's, from `first_seed` on. docs/usage.md says what the fields are.
Json ResultJson(const SeedsResult& result, uint64_t first_seed);

}  // namespace distill

#endif  // DISTILL_REPORT_RESULT_JSON_H_
