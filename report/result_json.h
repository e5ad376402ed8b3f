// A result as JSON: the program's last line, and most of report.json.
#ifndef DISTILL_REPORT_RESULT_JSON_H_
#define DISTILL_REPORT_RESULT_JSON_H_

#include <cstdint>
#include <string>

#include "nlohmann/json.hpp"
#include "training/seeds.h"

namespace distill {

// Keeps the order in which fields are added, which is the order to read them.
using Json = nlohmann::ordered_json;

// `value`, or null for NaN and infinity, which JSON does not have.
Json Number(double value);

// "mean", "low" and "high".
Json IntervalJson(const Interval& interval);

// `json` as text, on one line unless `indent` is at least 0. What is not UTF-8
// (a path can be anything) is replaced.
std::string JsonText(const Json& json, int indent = -1);

// The reverse, of a file that anybody may have written: discarded
// (is_discarded()) if it is no JSON, or nested deeper than anything that this
// project writes. What works its way down into JSON would run out of stack
// there.
Json ParseJson(const std::string& text);

// What differs between the configurations of an earlier run and of this one:
// "temperature was 5 and is 4; seed was 0 and is 1"; nothing if nothing does.
// Of long values the beginning is shown.
std::string Differences(const Json& then, const Json& now);

// The student's total loss of its last epoch, the mean over the seeds.
double MeanFinalLoss(const SeedsResult& result);

// The verdict, the losses, the seconds and the stages; with several seeds also
// each one's, from `first_seed` on. README.md says what the fields are.
Json ResultJson(const SeedsResult& result, uint64_t first_seed);

}  // namespace distill

#endif  // DISTILL_REPORT_RESULT_JSON_H_
