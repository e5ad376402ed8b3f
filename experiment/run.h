// The two-stage run: a teacher learns, then a student learns from it, and a
// control student learns without it.
#ifndef DISTILL_EXPERIMENT_RUN_H_
#define DISTILL_EXPERIMENT_RUN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/observer.h"
#include "data/dataset.h"
#include "experiment/features.h"
#include "experiment/options.h"
#include "experiment/stages.h"
#include "experiment/students.h"
#include "experiment/teachers.h"
#include "models/classifier.h"
#include "training/checkpoint.h"
#include "training/device.h"

namespace distill {

struct ExperimentResult {
  StageResult teacher, student;
  std::optional<StageResult> control;
  // What the student trained on: labels, and images with the teacher's term.
  int64_t labels = 0, transfer_images = 0;
  // Of transfer_images, those of a set that has no labels.
  int64_t unlabelled_images = 0;
  int64_t training_images = 0;            // That the teacher learnt from.
  std::optional<FeatureChoice> features;  // If the method compares them.
  // What was learnt with the student and is no part of it: [] or [weight,
  // bias].
  std::vector<NamedTensor> regressor;
  // 0 where nobody needed them: the student's training was over already.
  double teacher_logits_seconds = 0;
  double seconds = 0;  // From first to last step, evaluations included.
};

// What the student had: "With 1,000 of 60,000 labels".
std::string Condition(const ExperimentResult& result);

// And the control: "from these alone, in as many steps".
std::string HowTheControlLearnt(const ExperimentResult& result);

// What one run says of distillation, in two sentences.
std::string VerdictLine(const ExperimentResult& result);

// Gets the teacher, then trains the student on the same samples (but for
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
// With a `checkpoints` each training goes on from where it was kept ("seed 0,
// teacher", "seed 0, student", "seed 0, control"): see Train.
//
// Errors: those of the teacher's source, before any student is trained;
// FailedPrecondition if a loss is not finite; InvalidArgument if train and test
// differ in size of image or classes, or for options out of range.
absl::StatusOr<ExperimentResult> RunExperiment(
    const ExperimentOptions& options, const Compute& compute,
    const Splits& splits, Observer& observer, TeacherSource& teacher,
    RunCheckpoints* checkpoints = nullptr,
    const StudentSource& student = DefaultStudent());

// The same with a teacher that is trained here.
absl::StatusOr<ExperimentResult> RunExperiment(const ExperimentOptions& options,
                                               const Compute& compute,
                                               const Splits& splits,
                                               Observer& observer);

// The first part of RunExperiment: the teacher alone, the one that it would
// get. `introduces`: whether `observer` is told what runs, too. Errors as
// there.
absl::StatusOr<std::shared_ptr<Teacher>> GetTeacher(
    const ExperimentOptions& options, const Compute& compute,
    const Splits& splits, Observer& observer, TeacherSource& source,
    bool introduces, const StudentSource& student = DefaultStudent(),
    RunCheckpoints* checkpoints = nullptr);

// What RunExperiment would refuse before it trains anything.
absl::Status CheckExperiment(const ExperimentOptions& options,
                             const Splits& splits, const TeacherSource& teacher,
                             const StudentSource& student = DefaultStudent());

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_RUN_H_
