// The program `distill`, without its flags: what tests call.
#ifndef DISTILL_CLI_DISTILL_H_
#define DISTILL_CLI_DISTILL_H_

#include <cstdint>
#include <ostream>
#include <string>

#include "cli/console.h"
#include "cli/experiment_arguments.h"
#include "experiment/seeds.h"
#include "experiment/students.h"
#include "experiment/teacher_files.h"
#include "training/ranks.h"

namespace distill {

// The flags of the same names.
struct DistillOptions : ExperimentArguments, SeedsOptions {
  // Models of others to distill, or to train.
  TeacherFiles teacher_files;
  StudentFiles student_files;
  // experiment.labels is set from it if it is above 0.
  int64_t labels_per_class = 0;
  // What a run leaves behind (docs/usage.md); empty: nothing.
  std::string output_dir;
  bool overwrite = false;  // Whether it may replace a run that is there.
  bool resume = false;     // Whether it goes on with one that is there.
  // Steps between two training states, besides the ends of epochs; 0: none.
  int64_t checkpoint_every = 0;
  // A file with the configuration of another run, which is applied before these
  // options are used (ApplyConfiguration); empty: none.
  std::string config;
  // Says what would run, and runs nothing.
  bool print_config = false;
  OutputOptions output;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    ExperimentArguments::AddSettings(table);
    SeedsOptions::AddSettings(table);
    table.Group("What the student learns from");
    table
        .Add("labels_per_class", &labels_per_class,
             "The same as --labels, counted by class.")
        .AtLeast(0)
        .NotInConfiguration();
    teacher_files.AddSettings(table);
    student_files.AddSettings(table);
    table.Group("Files");
    table
        .Add("output_dir", &output_dir,
             "Folder for what the run leaves behind: teacher.safetensors, "
             "student.safetensors and student.onnx (of the first seed), "
             "report.html for people, its numbers in report.json, "
             "metrics.jsonl (the learning curves) and predictions.csv, and "
             "while it runs the states to resume from. Default: nothing is "
             "left.")
        .Common("folder for models and report")
        .Path()
        .NotInConfiguration();
    table
        .Add("overwrite", &overwrite,
             "With --output_dir: replace a run that is there.")
        .NotInConfiguration();
    table
        .Add("resume", &resume,
             "With --output_dir: go on with a run that was stopped there, to "
             "the bits of one that was not. Without one there, begin.")
        .Common("go on with the run in it")
        .NotInConfiguration();
    table
        .Add("checkpoint_every", &checkpoint_every,
             "With --output_dir: steps after which a training's state is kept, "
             "besides the end of each epoch.")
        .AtLeast(0)
        .NotInConfiguration()
        .Unless([this] {
          return std::string(output_dir.empty()
                                 ? "without --output_dir no state is kept"
                                 : "");
        });
    table
        .Add("config", &config,
             "A run's config.json: its settings are taken, but for those that "
             "are typed beside it.")
        .Path()
        .NotInConfiguration();
    table
        .Add("print_config", &print_config,
             "Print the configuration that would run, as config.json has it, "
             "and stop there.")
        .NotInConfiguration();
    output.AddSettings(table);
    AddLossConditions(table, [this] {
      return LossUse{{experiment.loss.method},
                     experiment.loss.kd.alpha > 0,
                     experiment.labels > 0 || labels_per_class > 0,
                     experiment.transfer_set == TransferSet::kLabelled};
    });
  }
};

// The two-stage run. Writes lines for people to `out`, and as its last line the
// result as one JSON object; progress and the reason of an error to `err`.
// Returns the exit code: 0, 1 for an error, 2 for options out of range.
//
// Stopped by SIGINT, SIGTERM or SIGHUP (see CatchInterrupts) it returns 128 and
// the signal's number, and with an output_dir the training's state is there to
// go on from.
//
// Whether a report can be left is tried before anything is trained. Where that
// fails afterwards all the same, it is an error whose JSON object has the
// result.
//
// Of several ranks all call it with the same options; all but rank 0 compute
// and write nothing. FailedPrecondition where one has other data or settings.
int RunDistill(const DistillOptions& options, std::ostream& out,
               std::ostream& err, const ConsoleOptions& console,
               Ranks& ranks = OneProcess());

}  // namespace distill

#endif  // DISTILL_CLI_DISTILL_H_
