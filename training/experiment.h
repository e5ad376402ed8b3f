// The two-stage run: a teacher learns, then a student learns from it, and a
// control student learns without it.
#ifndef DISTILL_TRAINING_EXPERIMENT_H_
#define DISTILL_TRAINING_EXPERIMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "losses/methods.h"
#include "models/classifier.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "training/device.h"
#include "training/evaluation.h"
#include "training/features.h"
#include "training/loop.h"
#include "training/observer.h"
#include "training/omitted.h"

namespace distill {

// What a student with few labels learns from.
enum class TransferSet {
  kAll,  // Every image; those without a label have the teacher's term alone.
  kLabelled,  // The images with labels alone.
};

// "all" or "labelled"; InvalidArgument that names both for anything else.
absl::StatusOr<TransferSet> ParseTransferSet(const std::string& name);

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

#endif  // DISTILL_TRAINING_EXPERIMENT_H_
