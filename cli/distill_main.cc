// bazel run //cli:distill: the flags, and nothing else.
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "cli/console.h"
#include "cli/distill.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "losses/methods.h"
#include "models/zoo.h"

ABSL_FLAG(
    std::string, device, "cuda",
    "Where to compute: cuda, cuda:N, cpu, or auto (CUDA if it works, else "
    "the CPU). Only auto ever falls back.");
ABSL_FLAG(
    std::string, precision, "auto",
    "Of the products in convolutions and hidden layers: f32, tf32 (GPUs "
    "only), bf16, or auto (bf16 where the device multiplies it natively). "
    "Weights, losses and the optimizer's state are float32 always.");
ABSL_FLAG(bool, deterministic, false,
          "On a GPU: only algorithms that give the same bits every time, which "
          "may be slower ones. The CPU's always do.");
ABSL_FLAG(
    int, threads, 0,
    "Threads on the CPU; 0 takes the processors that the process may use. "
    "Another number gives other rounding, and so another run.");
ABSL_FLAG(std::string, dataset, "",
          "mnist, fashion_mnist (Debian's package dataset-fashion-mnist, else "
          "./data/FashionMNIST/raw), or a folder. Default: mnist, or whatever "
          "is in --data_dir. The files' content says what they are.");
ABSL_FLAG(std::string, data_dir, "",
          "Folder with the four IDX files, plain or .gz, or the one above "
          "MNIST/raw. Default for MNIST: what Bazel fetched, else ./data.");
ABSL_FLAG(std::string, teacher, distill::kTeacherModel,
          "The teacher: " + distill::ModelHelp() + ".");
ABSL_FLAG(std::string, student, distill::kStudentModel,
          "The student, and the control; spelled like --teacher.");
ABSL_FLAG(double, teacher_dropout, 0,
          "In the teacher's training: share of the hidden layers' units that "
          "are dropped in each step, from 0 to below 1.");
ABSL_FLAG(int64_t, teacher_jitter, 0,
          "In the teacher's training: each image is moved by up to so many "
          "pixels in each direction, anew in every epoch.");
ABSL_FLAG(int64_t, batch_size, 64, "Images in a step.");
ABSL_FLAG(int64_t, teacher_epochs, 1,
          "Times that the teacher sees every training image.");
ABSL_FLAG(int64_t, student_epochs, 1,
          "Times that the student, and the control, see every training image.");
ABSL_FLAG(double, learning_rate, 0.01,
          "Of Adam, in every stage: the peak of the one-cycle schedule, or the "
          "constant rate.");
ABSL_FLAG(
    std::string, lr_schedule, "one_cycle",
    "one_cycle (linear up over a fifth of the steps, then linear down) or "
    "constant, at which 0.01 stops the teacher from learning with one seed "
    "in three.");
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
ABSL_FLAG(bool, standardize_logits, false,
          "Compare logits less their mean and over their standard deviation "
          "(Sun et al. 2024), whatever the method.");
ABSL_FLAG(double, dkd_target_weight, 1,
          "With --method=dkd: of the label's class; the paper's alpha.");
ABSL_FLAG(double, dkd_nontarget_weight, 8,
          "With --method=dkd: of the other classes; the paper's beta.");
ABSL_FLAG(double, hint_weight, 1,
          "With --method=fitnets: of the mean square of the difference.");
ABSL_FLAG(double, attention_weight, 5,
          "With --method=at: of the squared distance. The authors' 1000, with "
          "its distance divided by the number of places, is 5.1 for maps of 14 "
          "x 14.");
ABSL_FLAG(double, rkd_distance_weight, 25,
          "With --method=rkd: of the distances (the paper's).");
ABSL_FLAG(double, rkd_angle_weight, 50,
          "With --method=rkd: of the angles (the paper's).");
ABSL_FLAG(std::string, teacher_feature, "",
          "With fitnets, at and rkd: the teacher's layer to compare with, like "
          "conv1 or fc1. Default: for maps the last one of the student's "
          "height and width, for rkd the last one.");
ABSL_FLAG(std::string, student_feature, "",
          "With fitnets, at and rkd: the student's layer. Default: its last.");
ABSL_FLAG(uint64_t, seed, 0,
          "Of initial weights and of the order of the images. The same seed, "
          "device, threads and precision give the same bits on the CPU.");
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
ABSL_FLAG(std::string, transfer_set, "all",
          "With --labels: what the student trains on. all (the other images "
          "have the teacher's predictions alone) or labelled.");
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
ABSL_FLAG(std::string, output_dir, "",
          "Folder to leave a report in: report.html for people, and its "
          "numbers in report.json, metrics.jsonl (the learning curves) and "
          "predictions.csv. Default: none is made.");
ABSL_FLAG(bool, overwrite, false,
          "With --output_dir: replace a report that is there.");

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
    "2 for\nwrong flags.\n";

absl::StatusOr<distill::DistillOptions> OptionsFromFlags(
    const std::string& argv0) {
  distill::DistillOptions options;
  options.compute.device = absl::GetFlag(FLAGS_device);
  options.compute.precision = absl::GetFlag(FLAGS_precision);
  options.compute.threads = absl::GetFlag(FLAGS_threads);
  options.compute.deterministic = absl::GetFlag(FLAGS_deterministic);
  options.lr_schedule = absl::GetFlag(FLAGS_lr_schedule);
  auto choice = distill::ChooseDataset(absl::GetFlag(FLAGS_dataset),
                                       absl::GetFlag(FLAGS_data_dir), argv0);
  if (!choice.ok()) return choice.status();
  options.data_dir = choice->folder;
  options.dataset = choice->name;
  options.output_dir =
      distill::FromUsersFolder(absl::GetFlag(FLAGS_output_dir));
  options.overwrite = absl::GetFlag(FLAGS_overwrite);
  distill::ExperimentOptions& experiment = options.experiment;
  experiment.teacher = absl::GetFlag(FLAGS_teacher);
  experiment.student = absl::GetFlag(FLAGS_student);
  experiment.teacher_dropout = absl::GetFlag(FLAGS_teacher_dropout);
  experiment.teacher_jitter = absl::GetFlag(FLAGS_teacher_jitter);
  experiment.batch_size = absl::GetFlag(FLAGS_batch_size);
  experiment.teacher_epochs = absl::GetFlag(FLAGS_teacher_epochs);
  experiment.student_epochs = absl::GetFlag(FLAGS_student_epochs);
  experiment.learning_rate = absl::GetFlag(FLAGS_learning_rate);
  experiment.loss.kd.temperature = absl::GetFlag(FLAGS_temperature);
  experiment.loss.kd.alpha = absl::GetFlag(FLAGS_alpha);
  experiment.loss.method = absl::GetFlag(FLAGS_method);
  experiment.loss.standardize_logits = absl::GetFlag(FLAGS_standardize_logits);
  experiment.loss.dkd_target_weight = absl::GetFlag(FLAGS_dkd_target_weight);
  experiment.loss.dkd_nontarget_weight =
      absl::GetFlag(FLAGS_dkd_nontarget_weight);
  experiment.loss.hint_weight = absl::GetFlag(FLAGS_hint_weight);
  experiment.loss.attention_weight = absl::GetFlag(FLAGS_attention_weight);
  experiment.loss.rkd_distance_weight =
      absl::GetFlag(FLAGS_rkd_distance_weight);
  experiment.loss.rkd_angle_weight = absl::GetFlag(FLAGS_rkd_angle_weight);
  experiment.teacher_feature = absl::GetFlag(FLAGS_teacher_feature);
  experiment.student_feature = absl::GetFlag(FLAGS_student_feature);
  experiment.seed = absl::GetFlag(FLAGS_seed);
  experiment.control = absl::GetFlag(FLAGS_control);
  experiment.labels = absl::GetFlag(FLAGS_labels);
  experiment.validation = absl::GetFlag(FLAGS_validation);
  options.labels_per_class = absl::GetFlag(FLAGS_labels_per_class);
  options.transfer_set = absl::GetFlag(FLAGS_transfer_set);
  options.omit_classes = absl::GetFlag(FLAGS_omit_classes);
  options.seeds = absl::GetFlag(FLAGS_seeds);
  options.share_teacher = absl::GetFlag(FLAGS_share_teacher);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const auto help =
      distill::ParseFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (!help.ok()) {
    return distill::ReportError(help.status(), std::cout, std::cerr);
  }
  if (*help) {
    std::cout << distill::HelpText(kUsage, __FILE__);
    return 0;
  }
  const auto options = OptionsFromFlags(argv[0]);
  if (!options.ok()) {
    return distill::ReportError(options.status(), std::cout, std::cerr);
  }
  return distill::RunDistill(*options, std::cout, std::cerr,
                             distill::ConsoleOptionsOfStderr());
}
