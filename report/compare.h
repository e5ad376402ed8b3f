// Finished runs side by side, from the files that they left.
#ifndef DISTILL_REPORT_COMPARE_H_
#define DISTILL_REPORT_COMPARE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "experiment/statistics.h"
#include "report/chart.h"

namespace distill {

// What is compared of one stage.
struct ComparedStage {
  Interval accuracy;  // Of the seeds; of the images if there was one seed.
  int64_t parameters = 0;
  double latency_ms = 0;                // Of one image; NaN: not known.
  std::map<uint64_t, double> by_seed;   // Test accuracy.
  std::vector<ChartPoint> total, hard;  // Learning curves of the first seed.
  std::vector<ChartPoint> accuracy_by_step;
};

struct ComparedRun {
  std::string name;       // Of its folder.
  Json configuration;     // config.json.
  std::string test_data;  // Checksums of the test images and labels.
  std::string verdict;    // VerdictName.
  std::vector<ComparedStage> stages;  // Teacher, student and maybe control.
};

// From the contents of config.json, report.json and metrics.jsonl. `name` is
// the run's folder. FailedPrecondition, with the file, if one is none of this
// program's.
absl::StatusOr<ComparedRun> ReadComparedRun(const std::string& name,
                                            const std::string& config,
                                            const std::string& report,
                                            const std::string& metrics);

// A setting, and its value in each run.
using SettingValues = std::pair<std::string, std::vector<std::string>>;

// The settings that are not the same in all runs, by their order there; "-"
// where a run has none.
std::vector<SettingValues> SettingsThatDiffer(
    const std::vector<ComparedRun>& runs);

// One run's student against the first run's, on the seeds that both have.
struct StudentsDifference {
  int64_t pairs = 0;    // 0: nothing to compare.
  Interval difference;  // Of the test accuracies, in [0, 1].
  Verdict verdict = Verdict::kUnknown;
  bool other_data = false;  // The runs have other test images: no pairs.
};

// `margin` is in points.
StudentsDifference CompareStudents(const ComparedRun& first,
                                   const ComparedRun& other, double margin);

// "out/b less out/a: +0.21 points of test accuracy (...)", for people.
std::string DifferenceLine(const ComparedRun& first, const ComparedRun& other,
                           double margin);

// The runs as a table of at most 80 columns, for a terminal.
std::string CompareTable(const std::vector<ComparedRun>& runs);

// The page: accuracies, what differs, differences with intervals, curves.
std::string ComparePage(const std::vector<ComparedRun>& runs, double margin);

}  // namespace distill

#endif  // DISTILL_REPORT_COMPARE_H_
