// What a report says besides the result.
#ifndef DISTILL_REPORT_CONTEXT_H_
#define DISTILL_REPORT_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "report/result_json.h"
#include "training/device.h"

namespace distill {

struct ReportContext {
  // What ran: groups by title, each a field a line; and all that the program
  // prints of the result, which report.json starts with.
  Json what_ran, printed;
  // The command that repeats the run, by what program, and when it ended, in
  // words and in seconds since 1970.
  std::string command, version, date;
  int64_t ended = 0;
  // What a user should know before believing it: "warning: ...".
  std::vector<std::string> remarks;
  // The student's loss, for people.
  std::string formula;
  uint64_t first_seed = 0;
  double temperature = 1;  // Softens the teacher's predictions of images.
  Compute compute;
  std::shared_ptr<const Dataset> train, test;
};

// By what it was made and from what: "deviceDescription", "versions" (of
// LibTorch and the compiler), and "data" (both splits, with their checksums).
Json ProvenanceJson(const ReportContext& context);

}  // namespace distill

#endif  // DISTILL_REPORT_CONTEXT_H_
