#include "cli/experiment_flags.h"

#include <cstdint>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "cli/flags.h"
#include "cli/paths.h"
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
ABSL_FLAG(
    int, threads, 0,
    "Threads on the CPU; 0 takes the processors that the process may use. "
    "Another number gives other rounding, and so another run.");
ABSL_FLAG(std::string, dataset, "",
          "One of " + distill::DatasetNames() +
              ", or a folder. Default: mnist, or whatever is in --data_dir. "
              "The content says whether files are MNIST's or Fashion-MNIST's; "
              "the other names are taken at your word.");
ABSL_FLAG(std::string, data_dir, "",
          "Folder with the four IDX files, plain or .gz, or the one above "
          "MNIST/raw. Default for MNIST: what Bazel fetched, else ./data; for "
          "Fashion-MNIST Debian's package dataset-fashion-mnist, else "
          "./data/FashionMNIST/raw; for the others ./data/KMNIST and "
          "./data/EMNIST, with or without raw.");
ABSL_FLAG(int, classes, 0,
          "The number of classes; 0: as many as the training labels say, from "
          "0 to the greatest.");
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
ABSL_FLAG(std::string, transfer_set, "all",
          "With --labels: what the student trains on. all (the other images "
          "have the teacher's predictions alone) or labelled.");

namespace distill {

const char kExperimentFlagsFile[] = __FILE__;

absl::StatusOr<ExperimentArguments> ReadExperimentFlags(
    const std::string& argv0) {
  ExperimentArguments arguments;
  arguments.compute.device = absl::GetFlag(FLAGS_device);
  arguments.compute.precision = absl::GetFlag(FLAGS_precision);
  arguments.compute.threads = absl::GetFlag(FLAGS_threads);
  arguments.lr_schedule = absl::GetFlag(FLAGS_lr_schedule);
  arguments.transfer_set = absl::GetFlag(FLAGS_transfer_set);
  auto choice = ChooseDataset(absl::GetFlag(FLAGS_dataset),
                              absl::GetFlag(FLAGS_data_dir), argv0);
  if (!choice.ok()) return choice.status();
  arguments.data = *std::move(choice);
  arguments.data.classes = absl::GetFlag(FLAGS_classes);
  if (arguments.data.classes < 0 || arguments.data.classes > 256) {
    return absl::InvalidArgumentError(
        absl::StrCat("--classes is ", arguments.data.classes,
                     "; it must be 1 to 256, or 0 for as many as the training "
                     "labels say"));
  }
  arguments.given = GivenFlags();
  ExperimentOptions& experiment = arguments.experiment;
  experiment.teacher = absl::GetFlag(FLAGS_teacher);
  experiment.student = absl::GetFlag(FLAGS_student);
  experiment.teacher_dropout = absl::GetFlag(FLAGS_teacher_dropout);
  experiment.teacher_jitter = absl::GetFlag(FLAGS_teacher_jitter);
  experiment.batch_size = absl::GetFlag(FLAGS_batch_size);
  experiment.teacher_epochs = absl::GetFlag(FLAGS_teacher_epochs);
  experiment.student_epochs = absl::GetFlag(FLAGS_student_epochs);
  experiment.learning_rate = absl::GetFlag(FLAGS_learning_rate);
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
  return arguments;
}

}  // namespace distill
