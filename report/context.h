// What a report says besides the result.
#ifndef DISTILL_REPORT_CONTEXT_H_
#define DISTILL_REPORT_CONTEXT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "data/dataset.h"
#include "report/result_json.h"
#include "training/device.h"

namespace distill {

struct ReportContext {
  // What ran, a field a line; and all that the program prints of the result,
  // which report.json starts with.
  Json configuration, printed;
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
