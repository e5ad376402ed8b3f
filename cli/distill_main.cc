// bazel run //cli:distill: the flags, and nothing else.
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "cli/console.h"
#include "cli/distill.h"
#include "cli/experiment_flags.h"
#include "cli/paths.h"
#include "cli/program.h"
#include "losses/methods.h"
#include "training/interrupt.h"

ABSL_FLAG(bool, deterministic, false,
          "On a GPU: only algorithms that give the same bits every time, which "
          "may be slower ones. The CPU's always do.");
ABSL_FLAG(
    double, temperature, 5,
    "T of the distillation loss; above 0. Both models' logits are divided "
    "by it, and the soft term is multiplied by its square.");
ABSL_FLAG(
    double, alpha, 0.5,
    "Weight of the soft term (the teacher's predictions), from 0 to 1; the "
    "labels have the rest.");
ABSL_FLAG(std::string, method, "kd",
          "How the student learns from the teacher: " + distill::MethodsHelp() +
              ".");
ABSL_FLAG(int64_t, seeds, 1,
          "Runs to make, with this many seeds from --seed on. One seed proves "
          "nothing; with several the difference between student and control "
          "has an interval and a verdict.");
ABSL_FLAG(bool, share_teacher, false,
          "With several seeds: one teacher, of the first seed, for all.");
ABSL_FLAG(int64_t, labels, 0,
          "Training images whose labels the student and the control may see, "
          "drawn by the seed in equal shares of the classes; 0: all. The "
          "teacher sees all.");
ABSL_FLAG(int64_t, labels_per_class, 0,
          "The same as --labels, counted by class.");
ABSL_FLAG(std::string, omit_classes, "",
          "Classes, like 3 or 3,7, whose images the student and the control "
          "never train on. The teacher does, and its predictions for other "
          "images tell of them (Hinton et al. 2015, section 3).");
ABSL_FLAG(int64_t, validation, 0,
          "Training images held out, in equal shares of the classes, to choose "
          "hyperparameters by: choosing by the test set would spoil it.");
ABSL_FLAG(bool, control, true,
          "Also train the same student without the teacher, to see what "
          "distillation changed.");
ABSL_FLAG(std::string, teacher_weights, "",
          "A .safetensors file with a teacher that has learnt already, from "
          "another run's output_dir or from PyTorch (docs/deploy.md), instead "
          "of one trained here. Its accuracy is checked first.");
ABSL_FLAG(std::string, output_dir, "",
          "Folder for what the run leaves behind: teacher.safetensors, "
          "student.safetensors and student.onnx (of the first seed), "
          "report.html for people, "
          "its numbers in report.json, metrics.jsonl (the learning curves) and "
          "predictions.csv, and while it runs the states to resume from. "
          "Default: nothing is left.");
ABSL_FLAG(bool, overwrite, false,
          "With --output_dir: replace a run that is there.");
ABSL_FLAG(bool, resume, false,
          "With --output_dir: go on with a run that was stopped there, to the "
          "bits of one that was not. Without one there, begin.");
ABSL_FLAG(int64_t, checkpoint_every, 0,
          "With --output_dir: steps after which a training's state is kept, "
          "besides the end of each epoch.");

namespace {

constexpr char kUsage[] =
    "distill: trains a teacher on MNIST, then a small student on the "
    "teacher's\n"
    "softened predictions and the labels, and says whether that helped.\n"
    "\n"
    "  bazel run //cli:distill -- --device=cpu\n"
    "  bazel-bin/cli/distill --device=cpu --temperature=2 --alpha=0.9\n"
    "  bazel-bin/cli/distill --device=cpu --labels=1000 --seeds=5\n"
    "  bazel-bin/cli/distill --device=cpu --output_dir=out\n"
    "\n"
    "The last line of stdout is one JSON object. Exit code: 0, 1 for an error, "
    "2 for\nwrong flags; 128 and the signal's number when one stopped it (130 "
    "for "
    "Ctrl-C),\nafter which --resume goes on.\n";

absl::StatusOr<distill::DistillOptions> OptionsFromFlags(
    const std::string& argv0) {
  auto shared = distill::ReadExperimentFlags(argv0);
  if (!shared.ok()) return shared.status();
  distill::DistillOptions options;
  static_cast<distill::ExperimentArguments&>(options) = *std::move(shared);
  options.compute.deterministic = absl::GetFlag(FLAGS_deterministic);
  options.teacher_weights =
      distill::FromUsersFolder(absl::GetFlag(FLAGS_teacher_weights));
  options.output_dir =
      distill::FromUsersFolder(absl::GetFlag(FLAGS_output_dir));
  options.overwrite = absl::GetFlag(FLAGS_overwrite);
  options.resume = absl::GetFlag(FLAGS_resume);
  options.checkpoint_every = absl::GetFlag(FLAGS_checkpoint_every);
  distill::ExperimentOptions& experiment = options.experiment;
  experiment.loss.kd.temperature = absl::GetFlag(FLAGS_temperature);
  experiment.loss.kd.alpha = absl::GetFlag(FLAGS_alpha);
  experiment.loss.method = absl::GetFlag(FLAGS_method);
  experiment.control = absl::GetFlag(FLAGS_control);
  experiment.labels = absl::GetFlag(FLAGS_labels);
  experiment.validation = absl::GetFlag(FLAGS_validation);
  options.labels_per_class = absl::GetFlag(FLAGS_labels_per_class);
  options.omit_classes = absl::GetFlag(FLAGS_omit_classes);
  options.seeds = absl::GetFlag(FLAGS_seeds);
  options.share_teacher = absl::GetFlag(FLAGS_share_teacher);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  return distill::RunProgram(
      {"distill", kUsage, {__FILE__, distill::kExperimentFlagsFile}}, argc,
      argv, [argv]() -> absl::StatusOr<int> {
        const auto options = OptionsFromFlags(argv[0]);
        if (!options.ok()) return options.status();
        distill::CatchInterrupts();
        return distill::RunDistill(*options, std::cout, std::cerr,
                                   distill::ConsoleOptionsOfStderr());
      });
}
