#include "experiment/run.h"

#include <chrono>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/ops/argmax.h"
#include "ATen/ops/index_fill.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/ne.h"
#include "ATen/ops/sum.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "base/torch_status.h"
#include "experiment/learnt.h"
#include "experiment/narration.h"
#include "models/integers.h"
#include "models/quantized_training.h"
#include "models/weights.h"
#include "models/zoo.h"

namespace distill {
namespace {

using Clock = std::chrono::steady_clock;

// Images in a training that doubles still count one by one, as progress bars
// do.
constexpr int64_t kMostImages = int64_t{1} << 53;

absl::Status CheckEpochs(const char* flag, int64_t epochs, int64_t images) {
  const int64_t most = kMostImages / images;
  if (epochs <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " is ", epochs, "; with ", images,
                   " training images it must be at most ", most));
}

absl::Status CheckAugment(const char* flag, const Augment& augment,
                          const ImageSpec& image) {
  const absl::Status status = augment.CheckFits(image);
  return absl::Status(status.code(),
                      absl::StrCat(flag, ": ", status.message()));
}

// What is known of a run before anything is trained.
struct Plan {
  ModelOutline teacher, student;
  std::optional<FeatureChoice> features;  // If the method compares them.
};

// Refuses what would fail later, or mean nothing.
absl::StatusOr<Plan> MakePlan(const ExperimentOptions& options,
                              const Splits& splits,
                              const TeacherSource& teacher,
                              const StudentSource& student) {
  RETURN_IF_ERROR(options.Validate());
  const Dataset& train = *splits.train;
  const Dataset& test = *splits.test;
  if (train.image != test.image || train.classes != test.classes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the training images are %s of %d classes and the test images %s of "
        "%d; both must be of one data set",
        train.image.Describe(), train.classes, test.image.Describe(),
        test.classes));
  }
  if (BarOf(train).chance == 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the training images in ", train.folder, " (", train.name,
        "): found the label ", train.labels[0],
        " on all of them; expected two classes or more to tell apart. Pass "
        "another --data_dir."));
  }
  if (options.keep == Keep::kBest && options.validation < 1 &&
      splits.validation == nullptr) {
    return absl::InvalidArgumentError(
        "--keep=best chooses by images held out of all training, and "
        "--validation is 0; pass --validation=1000 or so, or --keep=last");
  }
  RETURN_IF_ERROR(CheckAugment("--augment", options.augment, train.image));
  RETURN_IF_ERROR(
      CheckAugment("--teacher_augment", options.TeacherAugment(), train.image));
  RETURN_IF_ERROR(
      CheckEpochs("--teacher_epochs", options.teacher_epochs, train.count));
  RETURN_IF_ERROR(
      CheckEpochs("--student_epochs", options.student_epochs, train.count));
  Plan plan;
  ASSIGN_OR_RETURN(plan.teacher, teacher.Outline(options, train));
  ASSIGN_OR_RETURN(plan.student, student.Outline(options, train));
  if (options.quantize != Quantize::kNone &&
      dynamic_cast<const SpelledStudent*>(&student) == nullptr) {
    return absl::InvalidArgumentError(
        "--quantize is given, and --student_from is a TorchScript file, whose "
        "inside is not known; leave one out");
  }
  const Method& method = *FindMethod(options.loss.method);
  if (splits.unlabelled != nullptr && method.needs_labels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--unlabelled is given, and --method=", options.loss.method,
        " needs the label of every image; leave one out"));
  }
  if (method.compares != Compares::kLogits) {
    ASSIGN_OR_RETURN(
        plan.features,
        ChooseFeatures(method, plan.teacher.features, options.teacher_feature,
                       plan.student.features, options.student_feature));
  } else if (!options.teacher_feature.empty() ||
             !options.student_feature.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--teacher_feature and --student_feature would change nothing: "
        "--method=",
        options.loss.method, " compares logits"));
  }
  return plan;
}

// Refuses a last batch that `who` could not be trained on.
absl::Status CheckLastBatch(const std::string& who, const ModelOutline& outline,
                            const Batches& batches) {
  const int64_t size = batches.options().batch_size;
  const int64_t last = (batches.sample_count() - 1) % size + 1;
  if (last > 1 || !outline.needs_two_images) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--batch_size is ", size, ", and of the ", who, "'s ",
      Count(batches.sample_count(), "image"),
      " the last batch has one, of which batch norm has no variance; choose "
      "another, like ",
      size > 2 ? size - 1 : size + 1, "."));
}

absl::Status CheckLastBatches(const ExperimentOptions& options,
                              const Plan& plan, const DataDivision& data,
                              const TeacherSource& teacher) {
  if (!teacher.crc32()) {
    RETURN_IF_ERROR(CheckLastBatch("teacher", plan.teacher, data.teachers));
  }
  RETURN_IF_ERROR(CheckLastBatch(
      "student", plan.student,
      data.labelled && options.transfer_set == TransferSet::kLabelled
          ? data.labelled->batches
          : data.students()));
  return options.control
             ? CheckLastBatch("control", plan.student, data.controls())
             : absl::OkStatus();
}

DivisionOptions DivisionOf(const ExperimentOptions& options) {
  DivisionOptions division;
  division.batch_size = options.batch_size;
  division.seed = options.seed;
  division.validation = options.validation;
  division.labels = options.labels;
  division.omit_classes = options.omit_classes;
  division.augment = options.augment;
  division.teacher_augment = options.TeacherAugment();
  return division;
}

// What the student trains on, and what it is told of it.
StagePlan StudentPlan(const Stages& stages,
                      const std::optional<FeatureChoice>& features,
                      Teacher& teacher) {
  const ExperimentOptions& options = stages.options();
  const DataDivision& data = stages.data();
  const at::Device device = stages.compute().device;
  const auto positions = [&](const Subset& subset) {
    return at::tensor(subset.at, at::kLong).to(device);
  };
  // A view's logits are not its image's.
  const bool live = !options.augment.empty();
  at::Tensor logits;  // Not given: nobody looks at them.
  if (options.loss.kd.alpha > 0 && !features && !live &&
      !stages.IsOver("student")) {
    logits = teacher.TrainingLogits(stages);
  }
  const auto keep_rows = [&](const Subset& subset) {
    if (logits.defined()) {
      logits = at::index_select(logits, 0, positions(subset));
    }
  };
  at::Tensor has_label;  // Not given: all have.
  const Batches* batches = &data.students();
  if (data.seen) keep_rows(*data.seen);
  if (data.labelled && options.transfer_set == TransferSet::kLabelled) {
    keep_rows(*data.labelled);
    batches = &data.labelled->batches;
  } else if (data.labelled) {
    const at::Tensor at = positions(*data.labelled);
    has_label =
        at::zeros({batches->sample_count()}, at.options().dtype(at::kBool))
            .index_fill(0, at, true);
  }
  StagePlan plan = {*batches, {}, options.student_epochs};
  if (!features) {
    plan.objective = DistillationObjective(
        live ? teacher.LiveLogits() : CachedLogits(std::move(logits)),
        options.loss, std::move(has_label));
  } else {
    Random random(options.seed, "regressor's weights");
    plan.objective =
        FeatureObjective(teacher.FeatureFor(features->teacher.name),
                         features->student.name, options.loss,
                         MakeRegressor(*FindMethod(options.loss.method),
                                       *features, random, device),
                         std::move(has_label));
  }
  plan.objective.is_capturable =
      (!live && !features) || teacher.stage().outline.is_capturable;
  return plan;
}

absl::StatusOr<InBytes> EvaluateInBytes(const Stages& stages,
                                        const std::string& name,
                                        const StageResult& stage,
                                        const StudentSource& source) {
  const DataDivision& data = stages.data();
  ASSIGN_OR_RETURN(const SafeTensors file,
                   source.File(stages.options(), stage, data.train.dataset()));
  ASSIGN_OR_RETURN(const LoadedModel loaded, ModelFromFile(file, name));
  ASSIGN_OR_RETURN(const QuantizedModel model,
                   QuantizeModel(loaded, data.train));
  const at::Tensor logits =
      ComputeLogits(FrozenClassifier(Simulate(model)), data.test, at::kCPU,
                    name + ": testing in 8 bits", stages.observer());
  InBytes result;
  result.test = EvaluateLogits(logits, data.test.dataset());
  result.changed =
      (logits.argmax(1) != stage.test_logits.argmax(1)).sum().item<int64_t>();
  result.bytes = model.bytes();
  return result;
}

// Trains a student, which the control is too, and so starts from the same
// weights.
absl::StatusOr<StageResult> TrainStudent(const Stages& stages,
                                         const std::string& name,
                                         const ModelOutline& outline,
                                         const StudentSource& source,
                                         const StagePlan& plan) {
  ASSIGN_OR_RETURN(auto model, source.Make(stages));
  const ExperimentOptions& options = stages.options();
  const bool in_bytes = options.quantize == Quantize::kInt8;
  if (in_bytes) {
    const int64_t steps =
        plan.steps > 0 ? plan.steps : plan.epochs * plan.batches.batch_count();
    model = TrainForBytes(std::dynamic_pointer_cast<Network>(model),
                          options.QuantizeFromStep(steps));
  }
  ASSIGN_OR_RETURN(StageResult stage,
                   stages.Train(name, outline, std::move(model), plan));
  LogStage(stages, name, stage);
  if (in_bytes) {
    ASSIGN_OR_RETURN(stage.in_bytes,
                     EvaluateInBytes(stages, name, stage, source));
    LogInBytes(stages, name, *stage.in_bytes);
  }
  const DataDivision& data = stages.data();
  const LearningBar bar = BarOf(data.train.dataset());
  if (stage.test.accuracy() < bar.bar) {
    stages.observer().OnLine(absl::StrCat(
        "warning: the ", name,
        " did not learn: always answering with the most frequent class gets ",
        Percent(bar.chance),
        ". Try a smaller --learning_rate, or more --student_epochs."));
  }
  if (!data.seen) return stage;
  stage.omitted = EvaluateOmitted(
      stage.test_logits, data.test.dataset(), stages.options().omit_classes,
      data.validation
          ? BestBias(stage.validation_logits, data.validation->dataset(),
                     stages.options().omit_classes)
          : BestBias(stage.test_logits, data.test.dataset(),
                     stages.options().omit_classes));
  LogOmitted(stages, name, stage);
  return stage;
}

absl::StatusOr<ExperimentResult> Run(const Stages& stages, const Plan& plan,
                                     TeacherSource& source,
                                     const StudentSource& students) {
  const Clock::time_point start = Clock::now();
  const ExperimentOptions& options = stages.options();
  ExperimentResult result;
  result.features = plan.features;
  LogConfiguration(stages, plan.teacher, plan.student);
  LogStudent(stages, plan.features);

  ASSIGN_OR_RETURN(const std::shared_ptr<Teacher> teacher, source.Get(stages));
  const StagePlan student = StudentPlan(stages, plan.features, *teacher);
  result.teacher = teacher->stage();
  LogStage(stages, "teacher", result.teacher);
  result.teacher_logits_seconds = teacher->logits_seconds();

  ASSIGN_OR_RETURN(result.student, TrainStudent(stages, "student", plan.student,
                                                students, student));
  constexpr const char* kRegressorNames[] = {"weight", "bias"};
  for (size_t i = 0; i < student.objective.parameters.size(); ++i) {
    result.regressor.push_back(
        {kRegressorNames[i], student.objective.parameters[i].detach().cpu()});
  }
  const Batches& labelled = stages.data().controls();
  result.labels = labelled.sample_count();
  result.transfer_images = student.batches.sample_count();
  result.training_images = stages.data().train.sample_count();
  result.unlabelled_images = stages.data().unlabelled_images();

  if (options.control) {
    StagePlan control = {labelled, LabelObjective(), options.student_epochs};
    if (&control.batches != &student.batches) {
      control.steps = result.student.training.steps;
    }
    ASSIGN_OR_RETURN(
        result.control,
        TrainStudent(stages, "control", plan.student, students, control));
  }
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

// Checks everything, divides the data, and returns what `use` makes of the plan
// and the stages; what LibTorch throws there is a status too.
template <typename Result, typename Use>
absl::StatusOr<Result> WithStages(const ExperimentOptions& options,
                                  const Compute& compute, const Splits& splits,
                                  Observer& observer,
                                  const TeacherSource& teacher,
                                  const StudentSource& student,
                                  RunCheckpoints* checkpoints, const Use& use) {
  if (compute.runs_at_once > 1 &&
      dynamic_cast<const SpelledStudent*>(&student) == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--runs_at_once is ", compute.runs_at_once,
        ", and --student_from is a TorchScript file, which draws from the "
        "random numbers of the whole process; leave one out"));
  }
  if (options.quantize != Quantize::kNone && compute.ranks->size() > 1) {
    return absl::UnimplementedError(
        absl::StrCat("--quantize is given to ", compute.ranks->size(),
                     " processes that train together; it is for one: start it "
                     "alone, or pass --ranks_per_run=1"));
  }
  ASSIGN_OR_RETURN(const Plan plan,
                   MakePlan(options, splits, teacher, student));
  ASSIGN_OR_RETURN(const DataDivision data,
                   DivideData(splits, DivisionOf(options)));
  RETURN_IF_ERROR(CheckLastBatches(options, plan, data, teacher));
  const Stages stages(options, compute, data, observer, checkpoints);
  absl::StatusOr<Result> result = absl::UnknownError("nothing was run");
  RETURN_IF_ERROR(CatchTorchErrors("running the experiment", [&] {
    result = use(stages, plan);
    return absl::OkStatus();
  }));
  return result;
}

}  // namespace

std::string VerdictLine(const ExperimentResult& result) {
  if (!result.control) {
    return "Whether distillation helped is not known: there was no control "
           "student (--control=true trains one).";
  }
  const int64_t saved =
      result.control->test.errors - result.student.test.errors;
  const double points =
      100 * (result.student.test.accuracy() - result.control->test.accuracy());
  return absl::StrFormat(
      "%s: the student makes %s the control, which learnt %s (%+.2f points of "
      "test accuracy). One seed proves nothing.",
      Condition(result),
      saved == 0  ? "as many errors as"
      : saved > 0 ? Count(saved, "error") + " fewer than"
                  : Count(-saved, "error") + " more than",
      HowTheControlLearnt(result), points);
}

std::string HowTheControlLearnt(const ExperimentResult& result) {
  return result.labels == result.training_images &&
                 result.unlabelled_images == 0
             ? "without the teacher"
             : "from these alone, in as many steps";
}

std::string Condition(const ExperimentResult& result) {
  const std::string labels =
      result.labels == result.training_images
          ? absl::StrFormat("With all %s labels", WithCommas(result.labels))
          : absl::StrFormat("With %s of %s labels", WithCommas(result.labels),
                            WithCommas(result.training_images));
  return result.unlabelled_images == 0
             ? labels
             : absl::StrCat(labels, " and ",
                            Count(result.unlabelled_images, "image"),
                            " without one");
}

absl::StatusOr<ExperimentResult> RunExperiment(
    const ExperimentOptions& options, const Compute& compute,
    const Splits& splits, Observer& observer, TeacherSource& teacher,
    RunCheckpoints* checkpoints, const StudentSource& student) {
  return WithStages<ExperimentResult>(
      options, compute, splits, observer, teacher, student, checkpoints,
      [&](const Stages& stages, const Plan& plan) {
        return Run(stages, plan, teacher, student);
      });
}

absl::StatusOr<ExperimentResult> RunExperiment(const ExperimentOptions& options,
                                               const Compute& compute,
                                               const Splits& splits,
                                               Observer& observer) {
  TrainedHere teacher;
  return RunExperiment(options, compute, splits, observer, teacher);
}

absl::StatusOr<std::shared_ptr<Teacher>> GetTeacher(
    const ExperimentOptions& options, const Compute& compute,
    const Splits& splits, Observer& observer, TeacherSource& source,
    bool introduces, const StudentSource& student,
    RunCheckpoints* checkpoints) {
  return WithStages<std::shared_ptr<Teacher>>(
      options, compute, splits, observer, source, student, checkpoints,
      [&](const Stages& stages, const Plan& plan) {
        if (introduces) {
          LogConfiguration(stages, plan.teacher, plan.student);
        }
        auto teacher = source.Get(stages);
        if (introduces && teacher.ok()) {
          LogStage(stages, "teacher", (*teacher)->stage());
        }
        return teacher;
      });
}

absl::Status CheckExperiment(const ExperimentOptions& options,
                             const Splits& splits, const TeacherSource& teacher,
                             const StudentSource& student) {
  ASSIGN_OR_RETURN(const Plan plan,
                   MakePlan(options, splits, teacher, student));
  ASSIGN_OR_RETURN(const DataDivision data,
                   DivideData(splits, DivisionOf(options)));
  return CheckLastBatches(options, plan, data, teacher);
}

}  // namespace distill
