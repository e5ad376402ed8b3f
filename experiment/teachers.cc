#include "experiment/teachers.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/text.h"
#include "experiment/learnt.h"
#include "models/renormalized.h"
#include "models/zoo.h"

namespace distill {
namespace {

class OneModel : public Teacher {
 public:
  explicit OneModel(StageResult stage) : Teacher(std::move(stage)) {}

  TeacherLogits LiveLogits() const override {
    return distill::LiveLogits(stage().model);
  }
  TeacherFeature FeatureFor(const std::string& name) const override {
    return LiveFeature(stage().model, name);
  }

 private:
  at::Tensor ComputeTrainingLogits(const Stages& stages) const override {
    return stages.Logits(*stage().model, stages.data().transfer,
                         "teacher: logits for the student");
  }
};

absl::StatusOr<Graph> TeacherNet(const ExperimentOptions& options,
                                 const Dataset& train) {
  return ParseModel("--teacher", options.teacher, train.image, train.classes,
                    options.teacher_dropout);
}

Evaluation OnTrainingImages(const Stages& stages, Teacher& teacher) {
  const Dataset& train = stages.data().train.dataset();
  return EvaluateLogits(
      teacher.TrainingLogits(stages).narrow(0, 0, train.count), train);
}

// What a teacher that has just been trained can be judged by.
LearningEvidence EvidenceOf(const Stages& stages, const LearningBar& bar,
                            Teacher& teacher) {
  const StageResult& stage = teacher.stage();
  LearningEvidence evidence;
  // At no cost, and of images that a training of one epoch had not seen.
  evidence.samples = stage.training.late_samples;
  evidence.correct = stage.training.late_correct;
  evidence.what =
      "the last images of its training, each predicted before it was trained "
      "on";
  // (Of the last weights, which need not be the ones that were kept.)
  if (stage.training.kept_step == 0 && IsEnough(evidence, bar)) return evidence;
  if (stage.validation) {
    const Evaluation& held_out = *stage.validation;
    evidence = {held_out.samples - held_out.errors, held_out.samples,
                "the validation images"};
    if (IsEnough(evidence, bar)) return evidence;
  }
  const Evaluation all = OnTrainingImages(stages, teacher);
  return {all.samples - all.errors, all.samples, "the training images",
          /*exact=*/true};
}

absl::Status DidNotLearn(const ExperimentOptions& options,
                         const LearningBar& bar,
                         const LearningEvidence& evidence, int64_t steps) {
  const double usual_rate =
      options.optimizer == OptimizerKind::kAdam ? 0.001 : 0.1;
  std::vector<std::string> flags;
  // Too few steps are too little at any rate.
  if (steps < 100) {
    flags.push_back(
        absl::StrCat("--teacher_epochs=", 10 * options.teacher_epochs));
  }
  if (options.learning_rate < usual_rate) {
    flags.push_back(absl::StrCat("--learning_rate=", usual_rate));
  } else if (steps >= 100) {
    flags.push_back(
        absl::StrCat("--learning_rate=", options.learning_rate / 10));
  }
  return absl::FailedPreconditionError(absl::StrFormat(
      "the teacher did not learn: it got %s right, and always answering with "
      "the most frequent class gets %s. A student would learn nothing from it. "
      "It took %s with a --learning_rate of %g. Try %s%s, another --seed (it "
      "was %d), or a larger --teacher, and look at the images and labels.",
      evidence.Describe(), Percent(bar.chance), Count(steps, "step"),
      options.learning_rate,
      options.schedule == ScheduleKind::kConstant ? "--lr_schedule=one_cycle, "
                                                  : "",
      absl::StrJoin(flags, ", "), options.seed));
}

}  // namespace

const at::Tensor& Teacher::TrainingLogits(const Stages& stages) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (logits_.defined()) return logits_;
  const auto start = std::chrono::steady_clock::now();
  logits_ = ComputeTrainingLogits(stages);
  logits_seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return logits_;
}

std::shared_ptr<Teacher> ModelTeacher(StageResult stage) {
  return std::make_shared<OneModel>(std::move(stage));
}

absl::StatusOr<ModelOutline> TrainedHere::Outline(
    const ExperimentOptions& options, const Dataset& train) const {
  ASSIGN_OR_RETURN(const Graph net, TeacherNet(options, train));
  if (options.teacher_dropout > 0 && !net.Has(Operation::Kind::kDropout)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--teacher_dropout is ", options.teacher_dropout, ", and the teacher ",
        options.teacher, " has no hidden layer to drop from (like fc128 in ",
        kTeacherModel, ")"));
  }
  return OutlineOf(net);
}

absl::StatusOr<std::shared_ptr<Teacher>> TrainedHere::Get(
    const Stages& stages) {
  const ExperimentOptions& options = stages.options();
  const DataDivision& data = stages.data();
  ASSIGN_OR_RETURN(const Graph net, TeacherNet(options, data.train.dataset()));
  ASSIGN_OR_RETURN(
      StageResult stage,
      stages.Train(
          "teacher", OutlineOf(net), stages.Make(net, "teacher's weights"),
          {data.teachers, LabelObjective(options.teacher_label_smoothing),
           options.teacher_epochs}));
  auto teacher = ModelTeacher(std::move(stage));
  const LearningBar bar = BarOf(data.train.dataset());
  const LearningEvidence evidence = EvidenceOf(stages, bar, *teacher);
  if (evidence.accuracy() >= bar.bar) return teacher;
  return DidNotLearn(options, bar, evidence, teacher->stage().training.steps);
}

absl::StatusOr<std::optional<SafeTensors>> TrainedHere::File(
    const ExperimentOptions& options, const StageResult& teacher,
    const Dataset& train) const {
  return StageFile("teacher", options.teacher, teacher, train);
}

absl::StatusOr<std::shared_ptr<Teacher>> FromFile::Get(const Stages& stages) {
  if (teacher_ != nullptr) return teacher_;
  ASSIGN_OR_RETURN(auto teacher, Load(stages));
  const double accuracy = OnTrainingImages(stages, *teacher).accuracy();
  const LearningBar bar = BarOf(stages.data().train.dataset());
  if (accuracy < bar.bar) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: found a teacher that gets %s of the training images of %s right; "
        "expected at least %s: always answering with the most frequent class "
        "gets %s. %s",
        from_, Percent(accuracy), stages.data().name, Percent(bar.bar),
        Percent(bar.chance), Doubt()));
  }
  stages.observer().OnLine(absl::StrCat("teacher: from ", from_, ", which has ",
                                        Percent(accuracy),
                                        " of the training images right"));
  teacher_ = std::move(teacher);
  return teacher_;
}

absl::StatusOr<ModelOutline> FromWeights::Outline(
    const ExperimentOptions& /*options*/, const Dataset& train) const {
  RETURN_IF_ERROR(CheckFits(loaded_.info, train,
                            absl::StrCat(from(), ": the training images")));
  RETURN_IF_ERROR(MatchClasses(loaded_.info, train, from()).status());
  return OutlineOf(loaded_.model->graph());
}

absl::StatusOr<std::shared_ptr<Teacher>> FromWeights::Load(
    const Stages& stages) {
  const DataDivision& data = stages.data();
  ASSIGN_OR_RETURN(const ClassMatch match,
                   MatchClasses(loaded_.info, data.train.dataset(), from()));
  ReorderClasses(match, &loaded_);
  if (!match.note.empty()) stages.observer().OnLine("note: " + match.note);
  const std::shared_ptr<Network> model = loaded_.model;
  model->to(stages.compute().device);
  model->set_compute_dtype(stages.compute().dtype);
  return ModelTeacher(
      stages.Evaluate("teacher", OutlineOf(model->graph()),
                      Renormalize(model, loaded_.info.normalization,
                                  data.train.options().normalization)));
}

std::string FromWeights::Doubt() const {
  const Normalization& own = loaded_.info.normalization;
  return absl::StrCat(
      "Was it trained on these classes, in this order, and with the \"mean\" "
      "and \"std\" that its file says (",
      NumbersText(own.mean), "; ", NumbersText(own.std), ")?");
}

absl::StatusOr<std::optional<SafeTensors>> FromWeights::File(
    const ExperimentOptions& /*options*/, const StageResult& /*teacher*/,
    const Dataset& /*train*/) const {
  return ModelFile(FrozenClassifier(loaded_.model).State(), loaded_.info);
}

absl::StatusOr<std::shared_ptr<Teacher>> OneForAll::Get(const Stages& stages) {
  if (teacher_ == nullptr) {
    ASSIGN_OR_RETURN(teacher_, source_.Get(stages));
  }
  return teacher_;
}

}  // namespace distill
