// The experiment with several seeds: whether distillation helps.
#ifndef DISTILL_EXPERIMENT_SEEDS_H_
#define DISTILL_EXPERIMENT_SEEDS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/observer.h"
#include "data/dataset.h"
#include "experiment/options.h"
#include "experiment/run.h"
#include "experiment/statistics.h"
#include "training/device.h"

namespace distill {

struct SeedsOptions {
  // Of the first run; its seed is the first seed, and the others follow it.
  ExperimentOptions experiment;
  int64_t seeds = 1;  // At least 1.
  // One teacher, of the first seed, for all: quicker, and the intervals then
  // say nothing of how teachers differ.
  bool share_teacher = false;
  // A difference of fewer points of accuracy, in percent, does not matter.
  double margin = 0.5;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    experiment.AddSettings(table);
    const auto needs_several = [this] {
      return std::string(seeds > 1 ? ""
                                   : "there is one seed; --seeds makes more");
    };
    table
        .Add("seeds", &seeds,
             "Runs to make, with this many seeds from --seed on. One seed "
             "proves nothing; with several the difference between student and "
             "control has an interval and a verdict.")
        .Common("runs; with several, a verdict")
        .AtLeast(1);
    table
        .Add("share_teacher", &share_teacher,
             "With several seeds: one teacher, of the first seed, for all.")
        .Unless(needs_several);
    table
        .Add("margin", &margin,
             "Points of test accuracy that do not matter: with several seeds "
             "the verdict is NO DIFFERENCE where the interval is narrower.")
        .Above(0)
        .NotInConfiguration()
        .Unless(needs_several);
    if (auto* const row = table.Find("runs_at_once"))
      row->Unless(needs_several);
  }

  // InvalidArgument, naming the command line's flag.
  absl::Status Validate() const;
};

// InvalidArgument unless there are `seeds` seeds from `first` on.
absl::Status CheckSeeds(uint64_t first, int64_t seeds);

struct SeedsResult {
  std::vector<ExperimentResult> runs;  // By seed; at least 1.
  // Of the test accuracies, in [0, 1]. The difference is the student's less the
  // control's of the same seed.
  Interval teacher, student;
  std::optional<Interval> control, difference;
  Verdict verdict = Verdict::kUnknown;
  double margin = 0;  // Of the verdict, in points.
  // Where the verdict is kInconclusive: how many pairs would probably decide
  // it; 0 if more than 1,000.
  int64_t pairs_to_decide = 0;
  double seconds = 0;
};

// Whether all of several seeds learnt from one teacher.
bool SharesTeacher(const SeedsResult& result);

// The verdict in words and numbers: with one run, that run's.
std::string VerdictLine(const SeedsResult& result);

// Runs the experiment once a seed. In each pair the student and the control
// share initial weights, order and steps, so that what is left between them is
// the teacher. With one seed the observer is told all lines of that run; with
// more, what runs, a line a seed, and the verdict.
//
// With several ranks, of which compute.ranks_per_run make a run together, or
// with compute.runs_at_once, seeds are handed out. Each gives what it gives in
// one process with as many threads, alone.
//
// `teacher` says where each seed's teacher comes from, `student` what is
// trained; with share_teacher the first seed's is there for all. `checkpoints`
// as in RunExperiment. Errors: those of RunExperiment, of the first seed that
// has one.
absl::StatusOr<SeedsResult> RunSeeds(
    const SeedsOptions& options, const Compute& compute, const Splits& splits,
    Observer& observer, TeacherSource& teacher,
    RunCheckpoints* checkpoints = nullptr,
    const StudentSource& student = DefaultStudent());

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_SEEDS_H_
