// What a run is asked for.
#ifndef DISTILL_EXPERIMENT_OPTIONS_H_
#define DISTILL_EXPERIMENT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "data/augment.h"
#include "losses/methods.h"
#include "models/zoo.h"
#include "training/optimizer.h"
#include "training/schedule.h"

namespace distill {

constexpr char kSameAugment[] = "same";

// Which of a training's weights a stage ends with.
enum class Keep {
  kLast,
  kBest,  // Those that were best on the validation images after an epoch.
};

// What a student is trained for besides float32.
enum class Quantize { kNone, kInt8 };

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
  // Of the images that the student and the control train on; the teacher is
  // then asked about the very views that the student sees.
  Augment augment;
  // Of the images that the teacher trains on, as Augment::Parse reads it;
  // kSameAugment: the same.
  std::string teacher_augment = kSameAugment;
  // In the teacher's training: share of its hidden units dropped, in [0, 1).
  double teacher_dropout = 0;
  // In the teacher's training: see LabelObjective; in [0, 1).
  double teacher_label_smoothing = 0;
  int64_t batch_size = 64;     // Samples, at least 1.
  int64_t teacher_epochs = 1;  // At least 1.
  int64_t student_epochs = 1;  // At least 1; the control's too.
  // Of every stage.
  OptimizerKind optimizer = OptimizerKind::kAdam;
  double momentum = 0.9;        // Of kSgd; in [0, 1).
  double weight_decay = 0;      // At least 0.
  double learning_rate = 0.01;  // Peak of the schedule; > 0.
  ScheduleKind schedule = ScheduleKind::kOneCycle;
  Keep keep = Keep::kLast;  // Of every stage; kBest needs validation images.
  MethodOptions loss;       // Of the student.
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
  Quantize quantize = Quantize::kNone;
  // With kInt8: epochs after which the student and the control train in
  // simulated 8 bits; -1: three quarters of them.
  double quantize_from = -1;
  // Training images held out of all training, to choose by: the same for every
  // seed, in equal shares of the classes. At least 0.
  int64_t validation = 0;
  // Whether a model is judged after every epoch's steps, by the held out images
  // or else the test images (TrainResult::accuracies). Changes nothing else.
  bool judges_epochs = false;
  // Whether batch norm takes the statistics of all processes' parts of a batch.
  bool sync_batch_norm = false;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Models");
    table.Add("teacher", &teacher, "The teacher: " + ModelHelp() + ".")
        .Common("blocks of channels, then layers")
        .InConfigurationAs("teacherModel");
    table
        .Add("student", &student,
             "The student, and the control; spelled like --teacher.")
        .Common("spelled like it")
        .InConfigurationAs("studentModel");
    table.Group("Training");
    table.Add("batch_size", &batch_size, "Images in a step.").AtLeast(1);
    table
        .Add("teacher_epochs", &teacher_epochs,
             "Times that the teacher sees every training image.")
        .Common("times it sees each image")
        .AtLeast(1);
    table
        .Add("student_epochs", &student_epochs,
             "Times that the student, and the control, see every training "
             "image.")
        .Common("the same for the student")
        .AtLeast(1);
    table.Add("optimizer", &optimizer, OptimizerKinds(),
              "In every stage: adam, or sgd (with momentum), which wants a "
              "--learning_rate of its own.");
    table.Add("momentum", &momentum, "With --optimizer=sgd: of its steps.")
        .AtLeastBelow(0, 1)
        .Unless([this] {
          return std::string(optimizer == OptimizerKind::kSgd
                                 ? ""
                                 : "--optimizer=adam does not use it");
        });
    table
        .Add("weight_decay", &weight_decay,
             "In every stage, of all parameters: with sgd added to the "
             "gradient, with adam apart from it (AdamW).")
        .AtLeast(0);
    table
        .Add("learning_rate", &learning_rate,
             "In every stage: the peak of the one-cycle schedule, where the "
             "cosine begins, or the constant rate.")
        .Above(0);
    table.Add("lr_schedule", &schedule, ScheduleKinds(),
              "one_cycle (linear up over a fifth of the steps, then linear "
              "down), cosine (half a wave down), or constant, at which 0.01 "
              "stops the teacher from "
              "learning with one seed in three.");
    table.Add("sync_batch_norm", &sync_batch_norm,
              "Of several processes: batch norm takes the statistics of the "
              "whole batch, as one process would, and not of each process's "
              "part of it.");
    table.Add("keep", &keep,
              std::vector<std::pair<const char*, Keep>>{{"last", Keep::kLast},
                                                        {"best", Keep::kBest}},
              "The weights that a stage ends with: last, or best, those of the "
              "epoch with the best accuracy on the validation images.");
    table
        .Add("teacher_dropout", &teacher_dropout,
             "In the teacher's training: share of the hidden layers' units "
             "that are dropped in each step.")
        .AtLeastBelow(0, 1);
    table
        .Add("teacher_label_smoothing", &teacher_label_smoothing,
             "In the teacher's training: share of each label that is spread "
             "over all classes (Szegedy et al. 2016).")
        .AtLeastBelow(0, 1);
    table.Add("augment", &augment,
              "What is done to the training images, anew in every epoch, in "
              "this order: " +
                  AugmentNames() +
                  " with commas between them. crop and shift move an image by "
                  "up to N pixels, flip exchanges left and right half of the "
                  "time, cutout blackens a square of N pixels. The teacher is "
                  "asked about the very view that the student sees.");
    table.Add("teacher_augment", &teacher_augment,
              "The same for the teacher's own training; same: as --augment.");
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
        .Common("training images with labels; 0: all")
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
    table.Group("8 bits");
    table.Add("quantize", &quantize,
              std::vector<std::pair<const char*, Quantize>>{
                  {"none", Quantize::kNone}, {"int8", Quantize::kInt8}},
              "int8: the student and the control are trained for 8-bit "
              "integers (quantisation-aware training), and judged in them too. "
              "The teacher is not.");
    table
        .Add("quantize_from", &quantize_from,
             "With --quantize=int8: the epochs after which 8 bits are "
             "simulated in training, like 22.5; --student_epochs: not in "
             "training. Default (-1): three quarters of them.")
        .AtLeast(-1)
        .Unless([this] {
          return std::string(quantize == Quantize::kNone
                                 ? "--quantize=none does not use it"
                                 : "");
        });
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

  // The steps of so many after which 8 bits are simulated.
  int64_t QuantizeFromStep(int64_t steps) const;

  // What teacher_augment says; it must be valid.
  Augment TeacherAugment() const;

  // InvalidArgument, naming the command line's flag, its value and its range.
  absl::Status Validate() const;
};

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_OPTIONS_H_
