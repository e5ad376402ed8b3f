// The program `sweep`, without its flags: what tests call.
#ifndef DISTILL_CLI_SWEEP_H_
#define DISTILL_CLI_SWEEP_H_

#include <algorithm>
#include <ostream>
#include <string>

#include "cli/console.h"
#include "cli/experiment_arguments.h"
#include "experiment/sweep.h"
#include "experiment/teacher_files.h"

namespace distill {

// `compute.deterministic` is not looked at: a sweep that is stopped trains the
// same teacher again, and so always computes what gives the same bits.
struct SweepArguments : ExperimentArguments, SweepOptions {
  SweepArguments() {
    experiment.validation = 5000;
    temperatures = {1, 2, 4, 8};
    alphas = {0.1, 0.5, 0.9};
  }

  TeacherFiles teacher_files;
  std::string output_dir = "sweep_out";
  OutputOptions output;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    ExperimentArguments::AddSettings(table);
    table.Remove({"deterministic"});
    SweepOptions::AddSettings(table);
    teacher_files.AddSettings(table);
    table.Group("Files");
    table
        .Add("output_dir", &output_dir,
             "Folder for runs.jsonl, sweep.csv and sweep.html. Runs that are "
             "there already are taken over.")
        .Common("table, page, runs; goes on there")
        .Path()
        .NotInConfiguration();
    output.AddSettings(table);
    const auto above_0 = [](const auto& values) {
      return std::any_of(values.begin(), values.end(),
                         [](auto value) { return value > 0; });
    };
    AddLossConditions(table, [this, above_0] {
      return LossUse{methods, above_0(alphas), above_0(labels),
                     experiment.transfer_set == TransferSet::kLabelled};
    });
  }
};

// The sweep (experiment/sweep.h). Keeps its runs in output_dir and takes over
// those that it finds there (cli/run_log.h); leaves sweep.csv and sweep.html
// there after each seed. Writes lines for people to `out`, and as its last line
// the result as one JSON object; progress and the reason of an error to `err`.
// Returns the exit code: 0, 1 for an error, 2 for options out of range.
int RunSweepProgram(const SweepArguments& arguments, std::ostream& out,
                    std::ostream& err, const ConsoleOptions& console,
                    Ranks& ranks = OneProcess());

}  // namespace distill

#endif  // DISTILL_CLI_SWEEP_H_
