// Everything that a report says of a result, as numbers.
#ifndef DISTILL_REPORT_ANALYSIS_H_
#define DISTILL_REPORT_ANALYSIS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/observer.h"
#include "data/dataset.h"
#include "experiment/seeds.h"
#include "report/metrics.h"
#include "training/device.h"

namespace distill {

// A stage of one run.
struct StageAnalysis {
  const StageResult* stage = nullptr;
  ModelMetrics metrics;
  // Of the student and the control, if the teacher was asked about the test
  // images.
  std::optional<Fidelity> fidelity;
};

// The size of its parameters as float32, in bytes.
int64_t WeightBytes(const StageResult& stage);

// Its accuracy by step, from its training and, last, its evaluation: of the
// validation images, or if there are none of the test images. Empty if it was
// not trained.
std::vector<AccuracyPoint> AccuraciesOf(const StageResult& stage);

// Median times of a forward pass, in milliseconds; NaN where the teacher is no
// model of ours.
struct Latency {
  double batch1 = 0, batch64 = 0;
};

struct RunAnalysis {
  uint64_t seed = 0;
  // Teacher, student and, if there was one, control.
  std::vector<StageAnalysis> stages;
};

constexpr int kTeacherStage = 0;
constexpr int kStudentStage = 1;
constexpr int kControlStage = 2;

// "teacher", "student", "control".
std::string StageName(int stage);

struct Analysis {
  std::vector<RunAnalysis> runs;  // As SeedsResult::runs.
  bool shares_teacher = false;    // See SharesTeacher.
  // Of the first run, by stage; without samples of a teacher that was not asked
  // about the test images.
  std::vector<Predictions> predictions;
  std::vector<Latency> latencies;
  // The first is the student, the second the control, if there is one.
  std::optional<Discordance> discordance;
  // Test images, see MostDarkKnowledge and StudentAlone.
  std::vector<int64_t> dark_knowledge, only_student_right, only_student_wrong;

  const RunAnalysis& first() const { return runs[0]; }
  bool has_control() const { return first().stages.size() > kControlStage; }
};

// How many images of dark knowledge an analysis names.
constexpr int64_t kDarkImages = 12;

// The analysis of `result`, which must outlive it, and the test set that it was
// evaluated on. Asks no model but for its latency: the logits are the stages'.
//
// Internal, or ResourceExhausted, if LibTorch fails, or a logit is not finite.
absl::StatusOr<Analysis> Analyse(const SeedsResult& result, uint64_t first_seed,
                                 double temperature,
                                 const std::shared_ptr<const Dataset>& test,
                                 const Compute& compute, Observer& observer);

}  // namespace distill

#endif  // DISTILL_REPORT_ANALYSIS_H_
