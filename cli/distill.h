// The program `distill`, without its flags: what tests call.
#ifndef DISTILL_CLI_DISTILL_H_
#define DISTILL_CLI_DISTILL_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "cli/console.h"
#include "training/device.h"
#include "training/experiment.h"
#include "training/seeds.h"

namespace distill {

struct DistillOptions {
  // The flags of the same names.
  ComputeOptions compute;
  std::string lr_schedule = "one_cycle";
  std::string transfer_set = "all";
  std::string omit_classes;  // "3" or "3,7".
  int64_t labels_per_class = 0;
  int64_t seeds = 1;
  bool share_teacher = false;
  // A folder with the four IDX files, see FindDataset.
  std::string data_dir;
  // What its files must be by their content, "MNIST"; empty if any will do.
  std::string dataset;
  // Where a report is left (report/report.h); empty: none is made.
  std::string output_dir;
  bool overwrite = false;  // Whether it may replace one that is there.
  // `schedule`, `transfer_set` and `omit_classes` are set from the texts above,
  // and `labels` from labels_per_class if that is above 0.
  ExperimentOptions experiment;
};

// The two-stage run. Writes lines for people to `out`, and as its last line the
// result as one JSON object; progress and the reason of an error to `err`.
// Returns the exit code: 0, 1 for an error, 2 for options out of range.
//
// Whether a report can be left is tried before anything is trained. Where that
// fails afterwards all the same, it is an error whose JSON object has the
// result.
int RunDistill(const DistillOptions& options, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console);

// The end of a run that failed with `status`: the reason on `err`, the JSON
// object on `out`. Returns the exit code.
int ReportError(const absl::Status& status, std::ostream& out,
                std::ostream& err);

}  // namespace distill

#endif  // DISTILL_CLI_DISTILL_H_
