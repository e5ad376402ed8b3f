#include "training/experiment.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "data/batches.h"
#include "models/conv_net.h"
#include "models/zoo.h"
#include "training/objective.h"
#include "training/text.h"
#include "training/torch_status.h"

namespace distill {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

absl::Status CheckAtLeastOne(const char* flag, int64_t value) {
  if (value >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " is ", value, "; it must be at least 1"));
}

// The accuracy of always answering with the most frequent class.
double ChanceAccuracy(const Dataset& dataset) {
  std::vector<int64_t> counts(dataset.classes);
  for (uint8_t label : dataset.labels) ++counts[label];
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
         static_cast<double>(dataset.count);
}

absl::Status CheckTeacherLearnt(const TrainResult& training,
                                const Dataset& train,
                                const ExperimentOptions& options) {
  const double chance = ChanceAccuracy(train);
  if (training.late_accuracy >= chance + 0.1 * (1 - chance)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrFormat(
      "the teacher did not learn: it got %s of the last images of its training "
      "right, before training on them, and always answering with the most "
      "frequent class gets %s. A student would learn nothing from it. Try %s"
      "--learning_rate=%g or another --seed (it was %d).",
      Percent(training.late_accuracy), Percent(chance),
      options.schedule == ScheduleKind::kConstant
          ? "--lr_schedule=one_cycle, or "
          : "",
      options.learning_rate / 10, options.seed));
}

// One run: what the stages share.
class Experiment {
 public:
  Experiment(const ExperimentOptions& options, const Compute& compute,
             Batches train, Batches test, Observer& observer)
      : options_(options),
        compute_(compute),
        train_(std::move(train)),
        test_(std::move(test)),
        observer_(observer) {}

  absl::StatusOr<ExperimentResult> Run();

 private:
  std::shared_ptr<ConvNet> Make(const ConvNetOptions& net,
                                const std::string& purpose) const {
    Random random(options_.seed, purpose);
    auto model = std::make_shared<ConvNet>(net, random);
    model->to(compute_.device);
    model->set_compute_dtype(compute_.dtype);
    return model;
  }
  std::shared_ptr<ConvNet> MakeTeacher() const {
    const Dataset& data = train_.dataset();
    return Make(TeacherOptions(data.height, data.width, data.classes),
                "teacher's weights");
  }
  // The control is made by this too, and so starts from the same weights.
  std::shared_ptr<ConvNet> MakeStudent() const {
    const Dataset& data = train_.dataset();
    return Make(StudentOptions(data.height, data.width, data.classes),
                "student's weights");
  }

  // Trains `model`, freezes it, evaluates it on the test set and says so; the
  // frozen model is in `frozen` if that is given.
  absl::StatusOr<StageResult> RunStage(
      const std::string& name, std::shared_ptr<Classifier> model,
      int64_t epochs, const Objective& objective,
      std::shared_ptr<const FrozenClassifier>* frozen = nullptr);

  void SayWhatRuns(const Classifier& teacher, const Classifier& student) const;
  void SayWhatChanged(const ExperimentResult& result) const;

  const ExperimentOptions& options_;
  const Compute& compute_;
  const Batches train_, test_;
  Observer& observer_;
};

absl::StatusOr<StageResult> Experiment::RunStage(
    const std::string& name, std::shared_ptr<Classifier> model, int64_t epochs,
    const Objective& objective,
    std::shared_ptr<const FrozenClassifier>* frozen) {
  StageResult stage;
  stage.parameters = model->ParameterCount();
  TrainOptions train_options;
  train_options.name = name;
  train_options.epochs = epochs;
  train_options.device = compute_.device;
  train_options.schedule = options_.schedule;
  train_options.learning_rate = options_.learning_rate;
  const Clock::time_point start = Clock::now();
  auto training = Train(*model, train_, objective, train_options, observer_);
  if (!training.ok()) return training.status();
  stage.training = *std::move(training);
  stage.seconds = SecondsSince(start);

  auto fixed = std::make_shared<const FrozenClassifier>(std::move(model));
  stage.test = EvaluateLogits(ComputeLogits(*fixed, test_, compute_.device,
                                            name + ": testing", observer_),
                              test_.dataset());
  if (frozen != nullptr) *frozen = std::move(fixed);

  const EpochLosses& losses = stage.training.epochs.back();
  std::string terms;
  if (!std::isnan(losses.soft) && !std::isnan(losses.hard)) {
    terms =
        absl::StrFormat(" (soft %.4f, hard %.4f)", losses.soft, losses.hard);
  }
  observer_.OnLine(absl::StrFormat(
      "%-8s test accuracy %s (%s wrong of %s); training loss %.4f%s; %s in "
      "%.1f s",
      name + ":", Percent(stage.test.accuracy()), WithCommas(stage.test.errors),
      WithCommas(stage.test.samples), losses.total, terms,
      Count(epochs, "epoch"), stage.seconds));
  return stage;
}

void Experiment::SayWhatRuns(const Classifier& teacher,
                             const Classifier& student) const {
  const Dataset& train = train_.dataset();
  observer_.OnLine(absl::StrFormat(
      "data:    %s, %s training and %s test images, %d x %d, %d classes",
      train.name, WithCommas(train.count), WithCommas(test_.dataset().count),
      train.height, train.width, train.classes));
  observer_.OnLine(absl::StrFormat("device:  %s (%s), precision %s, seed %d",
                                   compute_.device_name, compute_.description,
                                   compute_.precision_name, options_.seed));
  const auto describe = [this](const char* whose, const Classifier& model) {
    observer_.OnLine(
        absl::StrFormat("%-8s %s (%s parameters, %.2f MFLOP an image)", whose,
                        model.Describe(), WithCommas(model.ParameterCount()),
                        static_cast<double>(model.FlopPerImage()) / 1e6));
  };
  describe("teacher:", teacher);
  describe("student:", student);
  observer_.OnLine("student: " + options_.kd.Formula());
}

void Experiment::SayWhatChanged(const ExperimentResult& result) const {
  if (!result.control) {
    observer_.OnLine(
        "Whether distillation helped is not known: there was no control "
        "student (--control=true trains one).");
    return;
  }
  const int64_t saved =
      result.control->test.errors - result.student.test.errors;
  const double points =
      100 * (result.student.test.accuracy() - result.control->test.accuracy());
  observer_.OnLine(absl::StrFormat(
      "Distillation %s: %+.2f points of test accuracy against the same student "
      "trained without the teacher (%s). One seed proves nothing.",
      saved > 0   ? "helped in this run"
      : saved < 0 ? "made the student worse in this run"
                  : "changed nothing in this run",
      points,
      saved == 0  ? "as many errors"
      : saved > 0 ? Count(saved, "error") + " fewer"
                  : Count(-saved, "error") + " more"));
}

absl::StatusOr<ExperimentResult> Experiment::Run() {
  ExperimentResult result;
  const Clock::time_point start = Clock::now();
  auto teacher = MakeTeacher();
  SayWhatRuns(*teacher, *MakeStudent());

  std::shared_ptr<const FrozenClassifier> frozen;
  auto stage = RunStage("teacher", std::move(teacher), options_.teacher_epochs,
                        LabelObjective(), &frozen);
  if (!stage.ok()) return stage.status();
  result.teacher = *std::move(stage);
  const absl::Status learnt =
      CheckTeacherLearnt(result.teacher.training, train_.dataset(), options_);
  if (!learnt.ok()) return learnt;

  at::Tensor logits;
  if (options_.kd.alpha > 0) {
    const Clock::time_point before = Clock::now();
    logits = ComputeLogits(*frozen, train_, compute_.device,
                           "teacher: logits for the student", observer_);
    result.teacher_logits_seconds = SecondsSince(before);
  }
  stage = RunStage(
      "student", MakeStudent(), options_.student_epochs,
      DistillationObjective(CachedLogits(std::move(logits)), options_.kd));
  if (!stage.ok()) return stage.status();
  result.student = *std::move(stage);

  if (options_.control) {
    stage = RunStage("control", MakeStudent(), options_.student_epochs,
                     LabelObjective());
    if (!stage.ok()) return stage.status();
    result.control = *std::move(stage);
  }
  result.seconds = SecondsSince(start);
  SayWhatChanged(result);
  return result;
}

}  // namespace

absl::Status ExperimentOptions::Validate() const {
  absl::Status status = kd.Validate();
  status.Update(CheckAtLeastOne("--batch_size", batch_size));
  status.Update(CheckAtLeastOne("--teacher_epochs", teacher_epochs));
  status.Update(CheckAtLeastOne("--student_epochs", student_epochs));
  if (!(learning_rate > 0) || !std::isfinite(learning_rate)) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--learning_rate is ", learning_rate,
                     "; it must be a finite number above 0")));
  }
  return status;
}

absl::StatusOr<ExperimentResult> RunExperiment(
    const ExperimentOptions& options, const Compute& compute,
    std::shared_ptr<const Dataset> train, std::shared_ptr<const Dataset> test,
    Observer& observer) {
  const absl::Status valid = options.Validate();
  if (!valid.ok()) return valid;
  if (train->height != test->height || train->width != test->width ||
      train->classes != test->classes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the training images are %d x %d of %d classes and the test images %d "
        "x %d of %d; both must be of one data set",
        train->height, train->width, train->classes, test->height, test->width,
        test->classes));
  }
  BatchesOptions batch_options;
  batch_options.batch_size = options.batch_size;
  batch_options.seed = options.seed;
  auto train_batches = Batches::Create(std::move(train), batch_options);
  if (!train_batches.ok()) return train_batches.status();
  auto test_batches = Batches::Create(std::move(test), batch_options);
  if (!test_batches.ok()) return test_batches.status();

  absl::StatusOr<ExperimentResult> result =
      absl::UnknownError("the experiment did not run");
  const absl::Status caught =
      CatchTorchErrors("running the experiment", [&]() -> absl::Status {
        result = Experiment(options, compute, *std::move(train_batches),
                            *std::move(test_batches), observer)
                     .Run();
        return result.status();
      });
  if (!caught.ok()) return caught;
  return result;
}

}  // namespace distill
