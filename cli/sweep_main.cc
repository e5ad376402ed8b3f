// bazel run //cli:sweep: the flags, and nothing else.
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "cli/console.h"
#include "cli/experiment_flags.h"
#include "cli/paths.h"
#include "cli/program.h"
#include "cli/sweep.h"
#include "losses/methods.h"

ABSL_FLAG(std::string, temperature, "1,2,4,8",
          "T of the distillation loss, above 0: values with commas between "
          "them.");
ABSL_FLAG(std::string, alpha, "0.1,0.5,0.9",
          "Weight of the soft term (the teacher's predictions), from 0 to 1: "
          "values with commas between them.");
ABSL_FLAG(std::string, labels, "0",
          "Training images whose labels the students and the controls may see: "
          "values with commas between them. 0, or more than there are left, is "
          "all. The teacher sees all.");
ABSL_FLAG(std::string, method, "kd",
          "How the student learns from the teacher's logits, with commas "
          "between several: " +
              distill::MethodsHelp() + ".");
ABSL_FLAG(int64_t, seeds, 5,
          "Runs of each cell, with this many seeds from --seed on. The teacher "
          "is that of the first.");
ABSL_FLAG(int64_t, validation, 5000,
          "Training images held out, in equal shares of the classes, to choose "
          "by; at least 1.");
ABSL_FLAG(std::string, output_dir, "sweep_out",
          "Folder for runs.jsonl, sweep.csv and sweep.html. Runs that are "
          "there already are taken over.");

namespace {

constexpr char kUsage[] =
    "sweep: trains one teacher, and a student for each temperature, alpha and\n"
    "number of labels, several times; chooses by validation images, and says "
    "what\n"
    "the chosen ones achieve on the test set.\n"
    "\n"
    "  bazel run //cli:sweep -- --device=cpu --labels=1000\n"
    "  bazel-bin/cli/sweep --device=cpu --temperature=1,2,4,8 "
    "--alpha=0.1,0.5,0.9\n"
    "      --labels=100,1000,60000 --seeds=5 --output_dir=sweep_out\n"
    "\n"
    "Stop it when you like: the same command goes on where it was. The last "
    "line of\nstdout is one JSON object. Exit code: 0, 1 for an error, 2 for "
    "wrong flags.\n";

absl::StatusOr<distill::SweepArguments> ArgumentsFromFlags(
    const std::string& argv0) {
  auto shared = distill::ReadExperimentFlags(argv0);
  if (!shared.ok()) return shared.status();
  distill::SweepArguments arguments;
  static_cast<distill::ExperimentArguments&>(arguments) = *std::move(shared);
  arguments.experiment.validation = absl::GetFlag(FLAGS_validation);
  arguments.temperature = absl::GetFlag(FLAGS_temperature);
  arguments.alpha = absl::GetFlag(FLAGS_alpha);
  arguments.labels = absl::GetFlag(FLAGS_labels);
  arguments.method = absl::GetFlag(FLAGS_method);
  arguments.seeds = absl::GetFlag(FLAGS_seeds);
  arguments.output_dir =
      distill::FromUsersFolder(absl::GetFlag(FLAGS_output_dir));
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  return distill::RunProgram(
      {"sweep", kUsage, {__FILE__, distill::kExperimentFlagsFile}}, argc, argv,
      [argv]() -> absl::StatusOr<int> {
        const auto arguments = ArgumentsFromFlags(argv[0]);
        if (!arguments.ok()) return arguments.status();
        return distill::RunSweepProgram(*arguments, std::cout, std::cerr,
                                        distill::ConsoleOptionsOfStderr());
      });
}
