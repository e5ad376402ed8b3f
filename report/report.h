// What a run leaves behind: a page for people, and its numbers for programs.
#ifndef DISTILL_REPORT_REPORT_H_
#define DISTILL_REPORT_REPORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/observer.h"
#include "experiment/seeds.h"
#include "report/context.h"

namespace distill {

// The contents of the files of these names.
struct Report {
  std::string html;             // report.html
  std::string json;             // report.json
  std::string metrics_jsonl;    // metrics.jsonl
  std::string predictions_csv;  // predictions.csv
  std::string events;           // events.out.tfevents.distill
};

// The report on `result`, whose stages were evaluated on context.test;
// docs/usage.md says what is in it. Where it is of one seed, that is the first.
//
// Internal, or ResourceExhausted, if LibTorch fails, or a logit is not finite.
absl::StatusOr<Report> MakeReport(const ReportContext& context,
                                  const SeedsResult& result,
                                  Observer& observer);

}  // namespace distill

#endif  // DISTILL_REPORT_REPORT_H_
