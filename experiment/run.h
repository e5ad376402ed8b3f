// The two-stage run: a teacher learns, then a student learns from it, and a
// control student learns without it.
#ifndef DISTILL_EXPERIMENT_RUN_H_
#define DISTILL_EXPERIMENT_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "experiment/features.h"
#include "experiment/omitted.h"
#include "losses/methods.h"
#include "models/classifier.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "training/device.h"
#include "training/evaluation.h"
#include "training/loop.h"
#include "training/observer.h"

namespace distill {

// What a student with few labels learns from.
enum class TransferSet {
  kAll,  // Every image; those without a label have the teacher's term alone.
  kLabelled,  // The images with labels alone.
};

// The defaults are the specification's values, but for the schedule of the
// learning rate (training/schedule.h says why).
struct ExperimentOptions {
  // As models/zoo.h spells them.
  std::string teacher = kTeacherModel;
  std::string student = kStudentModel;
  // In the teacher's training: share of its hidden units dropped, in [0, 1),
  // and pixels by which its images are moved, 0 to 64 (see BatchesOptions).
  double teacher_dropout = 0;
  int64_t teacher_jitter = 0;
  int64_t batch_size = 64;      // Samples, at least 1.
  int64_t teacher_epochs = 1;   // At least 1.
  int64_t student_epochs = 1;   // At least 1; the control's too.
  double learning_rate = 0.01;  // Adam's, peak of the schedule; > 0.
  ScheduleKind schedule = ScheduleKind::kOneCycle;
  MethodOptions loss;  // Of the student.
  // What methods that compare features compare; empty: see ChooseFeatures.
  std::string teacher_feature, student_feature;
  // Of initial weights and orders; the student and the control share both.
  uint64_t seed = 0;
  // Whether the control is trained.
  bool control = true;
  // Training images whose labels the student and the control may see, drawn by
  // the seed, in equal shares of the classes; 0: all. The teacher sees all.
  int64_t labels = 0;
  TransferSet transfer_set = TransferSet::kAll;
  // Classes whose images the student and the control never train on; the
  // teacher does.
  std::vector<int64_t> omit_classes;
  // Training images held out of all training, to choose by: the same for every
  // seed, in equal shares of the classes. At least 0.
  int64_t validation = 0;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Models");
    table.Add("teacher", &teacher, "The teacher: " + ModelHelp() + ".")
        .InConfigurationAs("teacherModel");
    table
        .Add("student", &student,
             "The student, and the control; spelled like --teacher.")
        .InConfigurationAs("studentModel");
    table.Group("Training");
    table.Add("batch_size", &batch_size, "Images in a step.").AtLeast(1);
    table
        .Add("teacher_epochs", &teacher_epochs,
             "Times that the teacher sees every training image.")
        .AtLeast(1);
    table
        .Add("student_epochs", &student_epochs,
             "Times that the student, and the control, see every training "
             "image.")
        .AtLeast(1);
    table
        .Add("learning_rate", &learning_rate,
             "Of Adam, in every stage: the peak of the one-cycle schedule, or "
             "the constant rate.")
        .Above(0);
    table.Add("lr_schedule", &schedule, ScheduleKinds(),
              "one_cycle (linear up over a fifth of the steps, then linear "
              "down) or constant, at which 0.01 stops the teacher from "
              "learning with one seed in three.");
    table
        .Add("teacher_dropout", &teacher_dropout,
             "In the teacher's training: share of the hidden layers' units "
             "that are dropped in each step.")
        .AtLeastBelow(0, 1);
    table
        .Add("teacher_jitter", &teacher_jitter,
             "In the teacher's training: each image is moved by up to so many "
             "pixels in each direction, anew in every epoch.")
        .Within(0, 64);
    table.Add("seed", &seed,
              "Of initial weights and of the order of the images. The same "
              "seed, device, threads and precision give the same bits on the "
              "CPU.");
    table.Group("What the student learns from");
    loss.AddSettings(table);
    table.Add("teacher_feature", &teacher_feature,
              "With fitnets, at and rkd: the teacher's layer to compare with, "
              "like conv1 or fc1. Default: for maps the last one of the "
              "student's height and width, for rkd the last one.");
    table.Add("student_feature", &student_feature,
              "With fitnets, at and rkd: the student's layer. Default: its "
              "last.");
    table
        .Add("labels", &labels,
             "Training images whose labels the student and the control may "
             "see, drawn by the seed in equal shares of the classes; 0: all. "
             "The teacher sees all.")
        .AtLeast(0);
    table.Add(
        "transfer_set", &transfer_set,
        std::vector<std::pair<const char*, TransferSet>>{
            {"all", TransferSet::kAll}, {"labelled", TransferSet::kLabelled}},
        "With --labels: what the student trains on. all (the other "
        "images have the teacher's predictions alone) or labelled.");
    table
        .Add("omit_classes", &omit_classes,
             "Classes, like 3 or 3,7, whose images the student and the control "
             "never train on. The teacher does, and its predictions for other "
             "images tell of them (Hinton et al. 2015, section 3).")
        .InConfigurationAs("omittedClasses");
    table.Group("Proof");
    table.Add("control", &control,
              "Also train the same student without the teacher, to see what "
              "distillation changed.");
    table
        .Add("validation", &validation,
             "Training images held out, in equal shares of the classes, to "
             "choose hyperparameters by: choosing by the test set would spoil "
             "it.")
        .AtLeast(0)
        .InConfigurationAs("validationImages");
  }

  // InvalidArgument, naming the command line's flag, its value and its range.
  absl::Status Validate() const;
};

struct StageResult {
  int64_t parameters = 0;
  TrainResult training;
  std::optional<Evaluation> validation;  // If images were held out.
  Evaluation test;
  // If classes were omitted: of the test images, with a bias chosen by the
  // validation images, or if there are none by the test images.
  std::optional<OmittedResult> omitted;
  int64_t flop = 0;          // Of one image's forward pass.
  std::string architecture;  // Classifier::Describe().
  // What learnt, for good.
  std::shared_ptr<const FrozenClassifier> model;
  at::Tensor test_logits;  // [test images, classes] float32, on the CPU.
};

// A teacher that has learnt (stage.model is null before), and what a student
// needs of it.
struct TrainedTeacher {
  StageResult stage;
  // [training images, classes] float32; undefined if unused.
  at::Tensor logits;
  double logits_seconds = 0;
};

struct ExperimentResult {
  StageResult teacher, student;
  std::optional<StageResult> control;
  // What the student trained on: labels, and images with the teacher's term.
  int64_t labels = 0, transfer_images = 0;
  std::optional<FeatureChoice> features;  // If the method compares them.
  // What was learnt with the student and is no part of it: [] or [weight,
  // bias].
  std::vector<NamedTensor> regressor;
  double teacher_logits_seconds = 0;
  double seconds = 0;  // From first to last step, evaluations included.
};

// What one run says of distillation, in a sentence or two.
std::string VerdictLine(const ExperimentResult& result);

// Trains the teacher on `train`, then the student on the same samples (but for
// omitted classes) with the method's loss over the teacher's logits (computed
// once), and, if asked, the control: the student's initial weights, batches,
// steps and rates with the labels alone. Each is evaluated on `test`, which
// decides nothing but the omitted classes' bias, and that only where no images
// are held out. What happens is told to `observer`, line by line.
//
// With options.labels the control learns from the labelled images alone, in as
// many steps with as many images as the student's: more epochs of fewer images
// where the student's transfer set has all of them.
//
// If `teacher` is given and holds a model, that is the teacher; if it holds
// none, the trained one is left there.
//
// With a `keeper` each training goes on from where it was kept ("seed 0,
// teacher", "seed 0, student", "seed 0, control"): see Train.
//
// FailedPrecondition if the teacher did not learn (training/learnt.h: by the
// last images of its training if these are enough to be sure, else by the
// validation images, else by all training images), before any student is
// trained, or if a loss is not finite. InvalidArgument if train and test differ
// in size of image or classes, or for options out of range.
absl::StatusOr<ExperimentResult> RunExperiment(
    const ExperimentOptions& options, const Compute& compute,
    std::shared_ptr<const Dataset> train, std::shared_ptr<const Dataset> test,
    Observer& observer, TrainedTeacher* teacher = nullptr,
    Keeper* keeper = nullptr);

// The first part of RunExperiment: the teacher alone, the one that it would
// train. Errors as there.
absl::StatusOr<TrainedTeacher> TrainTeacher(
    const ExperimentOptions& options, const Compute& compute,
    std::shared_ptr<const Dataset> train, std::shared_ptr<const Dataset> test,
    Observer& observer);

// A teacher that was trained elsewhere, as RunExperiment takes it: with its
// logits, and judged as one that was trained here. `from` names its file.
// options.teacher must be its architecture. Where it has the data set's class
// names in another order, `loaded` is given the data set's order.
//
// FailedPrecondition if it is made for other images or classes, or if its
// accuracy on `train` is below the bar of training/learnt.h. Other errors as
// RunExperiment's.
absl::StatusOr<TrainedTeacher> AdoptTeacher(
    const ExperimentOptions& options, const Compute& compute,
    LoadedModel& loaded, const std::string& from,
    std::shared_ptr<const Dataset> train, std::shared_ptr<const Dataset> test,
    Observer& observer);

// What RunExperiment would refuse before it trains anything.
absl::Status CheckExperiment(const ExperimentOptions& options,
                             const Compute& compute,
                             std::shared_ptr<const Dataset> train,
                             std::shared_ptr<const Dataset> test);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_RUN_H_
