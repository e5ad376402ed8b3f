// A grid of experiments: which temperature, which weight of the teacher, with
// how many labels. Chosen by validation images, judged by the test set.
#ifndef DISTILL_EXPERIMENT_SWEEP_H_
#define DISTILL_EXPERIMENT_SWEEP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/observer.h"
#include "data/dataset.h"
#include "experiment/run.h"
#include "experiment/statistics.h"
#include "experiment/teachers.h"
#include "training/device.h"
#include "training/evaluation.h"

namespace distill {

// What tells one student of the grid from another.
struct SweepCell {
  int64_t labels = 0;  // Of training images, at least 1.
  std::string method;
  double temperature = 0;  // 0 if the method has none.
  double alpha = 0;
};

// "T=4, alpha=0.5", or "alpha=0.5" without a temperature.
std::string SettingsText(const SweepCell& cell);

struct SweepOptions {
  // What all cells have in common. Its seed is the first one, and the
  // teacher's; at least one image must be held out, as the test set must not
  // choose, and no class omitted. `labels`, `control`, and of `loss` the
  // method, the temperature and alpha are not looked at.
  ExperimentOptions experiment;
  // The grid's sides: each at least one value and none twice. A number of
  // labels of 0 is all of the training images left.
  std::vector<int64_t> labels = {0};
  std::vector<std::string> methods = {"kd"};
  std::vector<double> temperatures = {5};
  std::vector<double> alphas = {0.5};
  int64_t seeds = 5;  // Runs of each cell; at least 1.
  // A difference of fewer points of accuracy, in percent, does not matter.
  double margin = 0.5;

  // The table of base/settings.h. What the grid varies is no part of a
  // configuration: each run says it.
  template <typename Table>
  void AddSettings(Table& table) {
    experiment.AddSettings(table);
    table.Remove({"labels", "method", "temperature", "alpha", "control",
                  "omit_classes"});
    table.Group("Grid: values with commas between them");
    table.Add("temperature", &temperatures, "T of the distillation loss.")
        .Common("values of the grid")
        .Above(0)
        .NotInConfiguration();
    table
        .Add("alpha", &alphas,
             "Weight of the soft term (the teacher's predictions); the labels "
             "have the rest.")
        .Common("values of the grid")
        .Within(0, 1)
        .NotInConfiguration();
    table
        .Add("labels", &labels,
             "Training images whose labels the students and the controls may "
             "see; 0 is all that are left. The teacher sees all.")
        .Common("values of the grid; 0: all")
        .AtLeast(0)
        .NotInConfiguration();
    table
        .Add("method", &methods,
             "How the student learns from the teacher: " + MethodsHelp() + ".")
        .Common("values of the grid")
        .NotInConfiguration();
    table
        .Add("seeds", &seeds,
             "Runs of each cell, with this many seeds from --seed on. The "
             "teacher is that of the first.")
        .Common("runs of each cell")
        .AtLeast(1)
        .NotInConfiguration();
    table
        .Add("margin", &margin,
             "Points of accuracy that do not matter: a verdict is NO "
             "DIFFERENCE where its interval is narrower.")
        .Above(0)
        .NotInConfiguration();
  }

  // InvalidArgument, naming the command line's flag, for what is wrong of the
  // above or in any cell.
  absl::Status Validate() const;
};

struct SweepScores {
  Evaluation validation, test;
};

// One student of a cell, and what it is compared with.
struct SweepRun {
  SweepCell cell;
  uint64_t seed = 0;
  SweepScores student;
  // A control depends on labels and seed alone. It is trained once for these,
  // in the first of their runs, and that run has it.
  std::optional<SweepScores> control;
  // Of the one teacher, over the validation images: two teachers have two.
  double teacher_loss = 0;
  double seconds = 0;
};

// What a cell's runs say together. Accuracies are in [0, 1], and differences
// the student's less that of the control with the same labels and seed.
struct SweepCellResult {
  SweepCell cell;
  int64_t runs = 0;
  Interval validation, control, difference;
  Verdict verdict = Verdict::kUnknown;  // On the validation images.
  // Whether it has the best mean validation accuracy of all cells with as many
  // labels; of equals the first.
  bool chosen = false;
  // For those alone that are chosen: whoever compares all of these has made
  // the test set another validation set.
  Interval test, test_difference;
  Verdict test_verdict = Verdict::kUnknown;
};

struct SweepResult {
  // By labels, method, temperature and alpha, each in the order of its list.
  std::vector<SweepCellResult> cells;
};

// Keeps what a sweep finds, while it runs.
class SweepObserver {
 public:
  virtual ~SweepObserver() = default;

  // A run has ended. An error ends the sweep.
  virtual absl::Status OnRun(const SweepRun& /*run*/) {
    return absl::OkStatus();
  }
  // All cells have a run of one seed more, and this is what they say so far.
  virtual absl::Status OnSeed(const SweepResult& /*result*/) {
    return absl::OkStatus();
  }
};

// Runs the grid. The teacher is that of `source` for the first seed, and its
// logits are computed once; every student is the one that RunExperiment gives
// with this teacher, to the bit (on the CPU).
//
// The seed runs slowest, so that whoever looks early, or stops, has the whole
// grid, with wide intervals, and not a few cells with narrow ones.
//
// `done` are runs of an earlier sweep with the same common options, data and
// device. Those of this grid are taken over, and the others left alone. If
// nothing is left to run the teacher is not trained either.
//
// With several ranks, of which compute.ranks_per_run make a run together, runs
// are handed out: each group gets the teacher for itself, and of a seed those
// runs that train a control come first. All ranks call this; rank 0 alone
// has `done`, tells its observers, and gets the result; the others' has no
// cells. With compute.runs_at_once runs are handed out to threads, in that
// order.
//
// Errors: InvalidArgument for options out of range, and whatever else
// CheckExperiment finds in any cell, before the first one runs; those of
// RunExperiment, with the run that had it; FailedPrecondition if the teacher is
// not the one that `done` had; those of `sweep_observer`.
absl::StatusOr<SweepResult> RunSweep(
    const SweepOptions& options, const Compute& compute, const Splits& splits,
    TeacherSource& source, const std::vector<SweepRun>& done,
    SweepObserver& sweep_observer, Observer& observer);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_SWEEP_H_
