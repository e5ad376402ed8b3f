#include "experiment/run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "ATen/ops/index_fill.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/text.h"
#include "base/torch_status.h"
#include "data/batches.h"
#include "data/draw.h"
#include "experiment/learnt.h"
#include "models/network.h"
#include "models/renormalized.h"
#include "models/zoo.h"
#include "training/objective.h"

namespace distill {
namespace {

using Clock = std::chrono::steady_clock;

// Two images have one distance, which over its mean is 1, and no angle.
constexpr int64_t kLeastRelations = 3;

// Whose triples are 134 MB of float64, some ten times.
constexpr int64_t kLargestAngleBatch = 256;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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

// The samples of another set that are at these positions.
struct Subset {
  Batches batches;
  std::vector<int64_t> at;
};

// What a run reads. The teacher trains on `train`; the student on `seen`, part
// of `train`, if classes are omitted; `labelled` is part of what the student
// trains on, if not all labels are known.
struct Data {
  std::string name;  // Of the data set that was divided.
  Batches train, test;
  // `train` as the teacher sees it: with its jitter.
  Batches teachers;
  std::optional<Batches> validation;
  std::optional<Subset> seen, labelled;

  const Batches& students() const { return seen ? seen->batches : train; }
  const Batches& controls() const {
    return labelled ? labelled->batches : students();
  }
};

struct Models {
  Graph teacher, student;
};

// What a stage trains on, towards what, and for how long.
struct Plan {
  const Batches& batches;
  Objective objective;
  int64_t epochs = 1;
  int64_t steps = 0;           // Instead of epochs, if above 0.
  bool omits_classes = false;  // Whether it is judged by what it never saw.
};

// One run: what the stages share.
class Experiment {
 public:
  Experiment(const ExperimentOptions& options, const Compute& compute,
             const Models& models, const Data& data, Observer& observer,
             Keeper* keeper)
      : options_(options),
        compute_(compute),
        models_(models),
        data_(data),
        observer_(observer),
        keeper_(keeper) {}

  // Chooses what to compare, before anything is trained.
  absl::Status Prepare();
  absl::StatusOr<ExperimentResult> Run(TrainedTeacher* teacher);
  absl::Status TrainTeacher(TrainedTeacher* teacher);
  absl::Status AdoptTeacher(const LoadedModel& loaded, const std::string& from,
                            TrainedTeacher* teacher);

  void SayWhatRuns() const;

 private:
  std::shared_ptr<Network> Make(const Graph& graph,
                                const std::string& purpose) const {
    Random random(options_.seed, purpose);
    auto model = std::make_shared<Network>(graph, random);
    model->to(compute_.device);
    model->set_compute_dtype(compute_.dtype);
    return model;
  }
  std::shared_ptr<Network> MakeTeacher() const {
    return Make(models_.teacher, "teacher's weights");
  }
  // The control is made by this too, and so starts from the same weights.
  std::shared_ptr<Network> MakeStudent() const {
    return Make(models_.student, "student's weights");
  }

  // What is known of a model before it is trained.
  static StageResult Begin(const Classifier& model);
  // Freezes the model that has learnt, and evaluates it.
  void Judge(const std::string& name, std::shared_ptr<Classifier> model,
             bool omits_classes, StageResult* stage);
  // Trains `model`, judges it and says so.
  absl::StatusOr<StageResult> RunStage(const std::string& name,
                                       std::shared_ptr<Classifier> model,
                                       const Plan& plan);
  // What the teacher that has just been trained can be judged by.
  LearningEvidence EvidenceOf(const LearningBar& bar, TrainedTeacher* teacher);
  // Computes the teacher's logits of the training images, once.
  void ComputeTeachersLogits(TrainedTeacher* teacher);
  // What the model answers, before it is compared with the labels.
  at::Tensor Answers(const FrozenClassifier& model, const Batches& batches,
                     const std::string& what);
  Plan StudentPlan(const TrainedTeacher& teacher) const;
  Objective StudentObjective(const TrainedTeacher& teacher, at::Tensor logits,
                             at::Tensor has_label) const;
  const Method& method() const { return *FindMethod(options_.loss.method); }

  void SayWhatTheStudentLearns() const;

  const ExperimentOptions& options_;
  const Compute& compute_;
  const Models& models_;
  const Data& data_;
  Observer& observer_;
  Keeper* const keeper_;                   // May be null.
  std::optional<FeatureChoice> features_;  // If the method compares them.
};

StageResult Experiment::Begin(const Classifier& model) {
  StageResult stage;
  stage.parameters = model.ParameterCount();
  stage.flop = model.FlopPerImage();
  stage.architecture = model.Describe();
  return stage;
}

void Experiment::Judge(const std::string& name,
                       std::shared_ptr<Classifier> model, bool omits_classes,
                       StageResult* stage) {
  stage->model = std::make_shared<const FrozenClassifier>(std::move(model));
  at::Tensor chosen_by;
  const Batches* chosen_from = &data_.test;
  if (data_.validation) {
    chosen_from = &*data_.validation;
    chosen_by = Answers(*stage->model, *chosen_from, name + ": validation");
    stage->validation = EvaluateLogits(chosen_by, chosen_from->dataset());
  }
  const at::Tensor answers =
      Answers(*stage->model, data_.test, name + ": testing");
  stage->test = EvaluateLogits(answers, data_.test.dataset());
  stage->test_logits = answers.cpu();
  if (!omits_classes) return;
  const double bias =
      BestBias((chosen_by.defined() ? chosen_by : answers).cpu(),
               chosen_from->dataset(), options_.omit_classes);
  stage->omitted = JudgeOmitted(stage->test_logits, data_.test.dataset(),
                                options_.omit_classes, bias);
}

// "test accuracy 99.07 % (93 wrong of 10,000); validation accuracy 99.00 %".
std::string Accuracies(const StageResult& stage) {
  std::string text = absl::StrFormat(
      "test accuracy %s (%s wrong of %s)", Percent(stage.test.accuracy()),
      WithCommas(stage.test.errors), WithCommas(stage.test.samples));
  if (stage.validation) {
    absl::StrAppend(&text, "; validation accuracy ",
                    Percent(stage.validation->accuracy()));
  }
  return text;
}

absl::StatusOr<StageResult> Experiment::RunStage(
    const std::string& name, std::shared_ptr<Classifier> model,
    const Plan& plan) {
  StageResult stage = Begin(*model);
  TrainOptions train_options;
  train_options.name = name;
  train_options.epochs = plan.epochs;
  train_options.steps = plan.steps;
  train_options.device = compute_.device;
  train_options.schedule = options_.schedule;
  train_options.learning_rate = options_.learning_rate;
  std::unique_ptr<TrainingKeeper> keeper;
  if (keeper_ != nullptr) {
    keeper = keeper_->Of(absl::StrCat("seed ", options_.seed, ", ", name));
    train_options.keeper = keeper.get();
  }
  ASSIGN_OR_RETURN(auto training, Train(*model, plan.batches, plan.objective,
                                        train_options, observer_));
  stage.training = std::move(training);

  Judge(name, std::move(model), plan.omits_classes, &stage);
  const EpochLosses& losses = stage.training.epochs.back();
  std::string terms;
  if (!std::isnan(losses.soft) && !std::isnan(losses.hard)) {
    terms =
        absl::StrFormat(" (soft %.4f, hard %.4f)", losses.soft, losses.hard);
  }
  observer_.OnLine(absl::StrFormat(
      "%-8s %s; training loss %.4f%s; %s in %.1f s", name + ":",
      Accuracies(stage), losses.total, terms,
      plan.steps > 0 ? Count(plan.steps, "step") : Count(plan.epochs, "epoch"),
      stage.training.seconds));
  if (stage.omitted) {
    observer_.OnLine(absl::StrFormat(
        "%-8s of the classes it never saw (%s), %s wrong of %s; with their "
        "biases raised by %.2f, chosen by the %s images, %s wrong, and %s "
        "wrong of all",
        name + ":", absl::StrJoin(options_.omit_classes, ", "),
        WithCommas(stage.omitted->errors), WithCommas(stage.omitted->samples),
        stage.omitted->bias, data_.validation ? "validation" : "test",
        WithCommas(stage.omitted->corrected_omitted_errors),
        WithCommas(stage.omitted->corrected_errors)));
  }
  return stage;
}

at::Tensor Experiment::Answers(const FrozenClassifier& model,
                               const Batches& batches,
                               const std::string& what) {
  return ComputeLogits(model, batches, compute_.device, what, observer_);
}

void Experiment::SayWhatRuns() const {
  const Dataset& train = data_.train.dataset();
  const std::string validation =
      data_.validation
          ? absl::StrCat(", ", WithCommas(data_.validation->sample_count()),
                         " validation")
          : "";
  observer_.OnLine(absl::StrFormat(
      "data:    %s, %s training%s and %s test images, %s, %d classes",
      data_.name, WithCommas(train.count), validation,
      WithCommas(data_.test.sample_count()), train.image.Describe(),
      train.classes));
  observer_.OnLine(absl::StrFormat("device:  %s (%s), precision %s, seed %d",
                                   compute_.device_name, compute_.description,
                                   compute_.precision_name, options_.seed));
  const auto describe = [this](const char* whose, const Classifier& model) {
    observer_.OnLine(
        absl::StrFormat("%-8s %s (%s parameters, %.2f MFLOP an image)", whose,
                        model.Describe(), WithCommas(model.ParameterCount()),
                        static_cast<double>(model.FlopPerImage()) / 1e6));
  };
  const std::vector<int64_t> missing = ClassesWithoutImages(train);
  if (!missing.empty()) {
    observer_.OnLine(absl::StrFormat(
        "warning: no training image is of %s %s; nothing can be learnt of %s",
        missing.size() == 1 ? "class" : "the classes", RangesText(missing),
        missing.size() == 1 ? "it" : "them"));
  }
  const auto teacher = MakeTeacher(), student = MakeStudent();
  describe("teacher:", *teacher);
  describe("student:", *student);
  if (student->ParameterCount() > teacher->ParameterCount()) {
    observer_.OnLine(
        "warning: the student is larger than its teacher; distillation makes "
        "small models.");
  }
}

void Experiment::SayWhatTheStudentLearns() const {
  observer_.OnLine("student: " + options_.loss.Formula());
  if (features_) {
    Random random(options_.seed, "regressor's weights");
    const at::Tensor weight =
        MakeRegressor(method(), *features_, random, at::kCPU).weight;
    observer_.OnLine(absl::StrCat(
        "         compares the teacher's ", DescribeFeature(features_->teacher),
        " with the student's ", DescribeFeature(features_->student),
        weight.defined()
            ? absl::StrCat(", through a regressor of ",
                           WithCommas(weight.numel() + weight.size(0)),
                           " parameters that is no part of the student")
            : ""));
  }
  if (data_.seen) {
    observer_.OnLine(absl::StrCat(
        "student and control: no image of ",
        absl::StrJoin(options_.omit_classes, ", "), " to train on; ",
        WithCommas(data_.students().sample_count()), " of others"));
  }
  if (!data_.labelled) return;
  const std::string labels =
      absl::StrCat(WithCommas(options_.labels), " labels");
  observer_.OnLine(
      options_.transfer_set == TransferSet::kAll
          ? absl::StrCat(
                "student: ", labels, "; the other ",
                WithCommas(data_.students().sample_count() - options_.labels),
                " images have the teacher's predictions alone")
          : absl::StrCat("student: ", labels, ", and their images alone"));
  observer_.OnLine(absl::StrCat(
      "control: ", labels,
      ", and their images alone, in as many steps as the student's"));
}

absl::Status Experiment::TrainTeacher(TrainedTeacher* teacher) {
  ASSIGN_OR_RETURN(auto stage, RunStage("teacher", MakeTeacher(),
                                        {data_.teachers, LabelObjective(),
                                         options_.teacher_epochs}));
  teacher->stage = std::move(stage);
  const LearningBar bar = BarOf(data_.train.dataset());
  const LearningEvidence evidence = EvidenceOf(bar, teacher);
  if (evidence.accuracy() >= bar.bar) return absl::OkStatus();
  teacher->stage.model = nullptr;
  teacher->logits = at::Tensor();
  return absl::FailedPreconditionError(absl::StrFormat(
      "the teacher did not learn: it got %s right, and always answering with "
      "the most frequent class gets %s. A student would learn nothing from it. "
      "It took %s with a --learning_rate of %g. Try %s%s, another --seed (it "
      "was %d), or a larger --teacher, and look at the images and labels.",
      evidence.Describe(), Percent(bar.chance),
      Count(teacher->stage.training.steps, "step"), options_.learning_rate,
      options_.schedule == ScheduleKind::kConstant ? "--lr_schedule=one_cycle, "
                                                   : "",
      // Too few steps are too little at any rate, and Adam's usual one is
      // 0.001.
      teacher->stage.training.steps < 100
          ? absl::StrCat("--teacher_epochs=", 10 * options_.teacher_epochs)
      : options_.learning_rate < 0.001
          ? absl::StrCat("--learning_rate=", 10 * options_.learning_rate)
          : absl::StrCat("--learning_rate=", options_.learning_rate / 10),
      options_.seed));
}

LearningEvidence Experiment::EvidenceOf(const LearningBar& bar,
                                        TrainedTeacher* teacher) {
  const TrainResult& training = teacher->stage.training;
  LearningEvidence evidence;
  // At no cost, and of images that a training of one epoch had not seen.
  evidence.samples = training.late_samples;
  evidence.correct = training.late_correct;
  evidence.what =
      "the last images of its training, each predicted before it was trained "
      "on";
  if (IsEnough(evidence, bar)) return evidence;
  if (teacher->stage.validation) {
    const Evaluation& held_out = *teacher->stage.validation;
    evidence = {held_out.samples - held_out.errors, held_out.samples,
                "the validation images"};
    if (IsEnough(evidence, bar)) return evidence;
  }
  ComputeTeachersLogits(teacher);
  const Evaluation all = EvaluateLogits(teacher->logits, data_.train.dataset());
  return {all.samples - all.errors, all.samples, "the training images",
          /*exact=*/true};
}

void Experiment::ComputeTeachersLogits(TrainedTeacher* teacher) {
  if (teacher->logits.defined()) return;
  const Clock::time_point start = Clock::now();
  teacher->logits =
      ComputeLogits(*teacher->stage.model, data_.train, compute_.device,
                    "teacher: logits for the student", observer_);
  teacher->logits_seconds = SecondsSince(start);
}

absl::Status Experiment::AdoptTeacher(const LoadedModel& loaded,
                                      const std::string& from,
                                      TrainedTeacher* teacher) {
  const Dataset& train = data_.train.dataset();
  const std::shared_ptr<Network> model = loaded.model;
  model->to(compute_.device);
  model->set_compute_dtype(compute_.dtype);
  teacher->stage = Begin(*model);
  Judge("teacher",
        Renormalize(model, loaded.info.normalization,
                    data_.train.options().normalization),
        /*omits_classes=*/false, &teacher->stage);
  ComputeTeachersLogits(teacher);
  const double accuracy = EvaluateLogits(teacher->logits, train).accuracy();
  const LearningBar bar = BarOf(train);
  if (accuracy < bar.bar) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: found a teacher that gets %s of the training images of %s right; "
        "expected more than one that always answers with the most frequent "
        "class, which gets %s. Was it trained on these classes, in this order, "
        "and with the \"mean\" and \"std\" that its file says (%s; %s)?",
        from, Percent(accuracy), data_.name, Percent(bar.chance),
        NumbersText(loaded.info.normalization.mean),
        NumbersText(loaded.info.normalization.std)));
  }
  observer_.OnLine(
      absl::StrFormat("teacher: %s; %s of the training images; "
                      "from %s",
                      Accuracies(teacher->stage), Percent(accuracy), from));
  return absl::OkStatus();
}

Objective Experiment::StudentObjective(const TrainedTeacher& teacher,
                                       at::Tensor logits,
                                       at::Tensor has_label) const {
  if (!features_) {
    return DistillationObjective(CachedLogits(std::move(logits)), options_.loss,
                                 std::move(has_label));
  }
  Random random(options_.seed, "regressor's weights");
  return FeatureObjective(
      LiveFeature(teacher.stage.model, features_->teacher.name),
      features_->student.name, options_.loss,
      MakeRegressor(method(), *features_, random, compute_.device),
      std::move(has_label));
}

Plan Experiment::StudentPlan(const TrainedTeacher& teacher) const {
  const auto positions = [this](const Subset& subset) {
    return at::tensor(subset.at, at::kLong).to(compute_.device);
  };
  const auto part = [&](const at::Tensor& logits, const Subset& subset) {
    return logits.defined() ? at::index_select(logits, 0, positions(subset))
                            : logits;
  };
  at::Tensor logits = teacher.logits;
  at::Tensor has_label;  // Not given: all have.
  const Batches* batches = &data_.students();
  if (data_.seen) logits = part(logits, *data_.seen);
  if (data_.labelled && options_.transfer_set == TransferSet::kLabelled) {
    logits = part(logits, *data_.labelled);
    batches = &data_.labelled->batches;
  } else if (data_.labelled) {
    const at::Tensor at = positions(*data_.labelled);
    has_label =
        at::zeros({batches->sample_count()}, at.options().dtype(at::kBool))
            .index_fill(0, at, true);
  }
  Plan plan = {
      *batches,
      StudentObjective(teacher, std::move(logits), std::move(has_label)),
      options_.student_epochs};
  plan.omits_classes = data_.seen.has_value();
  return plan;
}

absl::Status Experiment::Prepare() {
  if (method().compares != Compares::kLogits) {
    ASSIGN_OR_RETURN(
        features_,
        ChooseFeatures(method(), MakeTeacher()->Features(),
                       options_.teacher_feature, MakeStudent()->Features(),
                       options_.student_feature));
  } else if (!options_.teacher_feature.empty() ||
             !options_.student_feature.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--teacher_feature and --student_feature would change nothing: "
        "--method=",
        options_.loss.method, " compares logits"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ExperimentResult> Experiment::Run(TrainedTeacher* teacher) {
  ExperimentResult result;
  const Clock::time_point start = Clock::now();
  result.features = features_;
  SayWhatRuns();
  SayWhatTheStudentLearns();

  if (teacher->stage.model == nullptr) {
    RETURN_IF_ERROR(TrainTeacher(teacher));
  }
  if (options_.loss.kd.alpha > 0 && !features_) ComputeTeachersLogits(teacher);
  result.teacher = teacher->stage;
  result.teacher_logits_seconds = teacher->logits_seconds;

  const Plan plan = StudentPlan(*teacher);
  auto stage = RunStage("student", MakeStudent(), plan);
  if (!stage.ok()) return stage.status();
  result.student = *std::move(stage);
  constexpr const char* kRegressorNames[] = {"weight", "bias"};
  for (size_t i = 0; i < plan.objective.parameters.size(); ++i) {
    result.regressor.push_back(
        {kRegressorNames[i], plan.objective.parameters[i].detach().cpu()});
  }
  result.labels = data_.controls().sample_count();
  result.transfer_images = plan.batches.sample_count();

  if (options_.control) {
    Plan control = {data_.controls(), LabelObjective(),
                    options_.student_epochs};
    control.omits_classes = plan.omits_classes;
    if (&control.batches != &plan.batches) {
      control.steps = result.student.training.steps;
    }
    stage = RunStage("control", MakeStudent(), control);
    if (!stage.ok()) return stage.status();
    result.control = *std::move(stage);
  }
  result.seconds = SecondsSince(start);
  observer_.OnLine(VerdictLine(result));
  return result;
}

absl::Status CheckOmitted(const std::vector<int64_t>& omitted,
                          const Dataset& dataset) {
  std::vector<bool> named(dataset.classes);
  for (int64_t c : omitted) {
    if (c < 0 || c >= dataset.classes) {
      return absl::InvalidArgumentError(
          absl::StrCat("--omit_classes has ", c, "; the classes of ",
                       dataset.name, " are 0 to ", dataset.classes - 1));
    }
    if (named[c]) {
      return absl::InvalidArgumentError(
          absl::StrCat("--omit_classes has ", c, " twice"));
    }
    named[c] = true;
  }
  if (static_cast<int>(omitted.size()) + 2 > dataset.classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--omit_classes has ", omitted.size(), " of ", dataset.classes,
        " classes; at least two must be left to learn"));
  }
  return absl::OkStatus();
}

std::vector<int64_t> WithoutClasses(const Dataset& dataset,
                                    const std::vector<int64_t>& omitted) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < dataset.count; ++i) {
    if (std::find(omitted.begin(), omitted.end(), dataset.labels[i]) ==
        omitted.end()) {
      positions.push_back(i);
    }
  }
  return positions;
}

// Takes a training set apart into what a run reads of it.
class Divider {
 public:
  explicit Divider(const ExperimentOptions& options) : options_(options) {
    batch_options_.batch_size = options.batch_size;
    batch_options_.seed = options.seed;
  }

  absl::StatusOr<Data> Divide(std::shared_ptr<const Dataset> train,
                              std::shared_ptr<const Dataset> test) {
    batch_options_.normalization = NormalizationOf(*train);
    const std::string name = train->name;
    std::optional<Batches> validation;
    if (options_.validation > 0) {
      ASSIGN_OR_RETURN(auto held_out, HoldOut(*train));
      validation = held_out.batches;
      ASSIGN_OR_RETURN(auto rest,
                       Select(*train, AllBut(held_out.at, train->count)));
      train = std::make_shared<const Dataset>(std::move(rest));
    }
    ASSIGN_OR_RETURN(auto train_batches,
                     Batches::Create(train, batch_options_));
    ASSIGN_OR_RETURN(auto test_batches,
                     Batches::Create(std::move(test), batch_options_));
    BatchesOptions jittered = batch_options_;
    jittered.jitter = options_.teacher_jitter;
    ASSIGN_OR_RETURN(auto teachers, Batches::Create(train, jittered));
    Data data = {name,
                 std::move(train_batches),
                 std::move(test_batches),
                 std::move(teachers),
                 std::move(validation),
                 std::nullopt,
                 std::nullopt};
    if (!options_.omit_classes.empty()) {
      RETURN_IF_ERROR(CheckOmitted(options_.omit_classes, *train));
      ASSIGN_OR_RETURN(
          auto seen,
          Take(*train, WithoutClasses(*train, options_.omit_classes)));
      data.seen = std::move(seen);
    }
    if (options_.labels > 0) {
      Random random(options_.seed, "labelled images");
      const Dataset& from = data.students().dataset();
      ASSIGN_OR_RETURN(auto drawn,
                       DrawBalanced(from, options_.labels, "--labels", random));
      ASSIGN_OR_RETURN(auto labelled, Take(from, std::move(drawn)));
      data.labelled = std::move(labelled);
    }
    return data;
  }

 private:
  absl::StatusOr<Subset> Take(const Dataset& dataset,
                              std::vector<int64_t> positions) const {
    ASSIGN_OR_RETURN(auto part, Select(dataset, positions));
    ASSIGN_OR_RETURN(
        auto batches,
        Batches::Create(std::make_shared<const Dataset>(std::move(part)),
                        batch_options_));
    return Subset{std::move(batches), std::move(positions)};
  }

  absl::StatusOr<Subset> HoldOut(const Dataset& train) const {
    if (options_.validation >= train.count) {
      return absl::InvalidArgumentError(
          absl::StrCat("--validation is ", options_.validation,
                       "; it must leave some of the ", train.count,
                       " training images to train on"));
    }
    // The same for every seed: one teacher may serve several.
    Random random(0, "validation");
    ASSIGN_OR_RETURN(auto drawn, DrawBalanced(train, options_.validation,
                                              "--validation", random));
    return Take(train, std::move(drawn));
  }

  const ExperimentOptions& options_;
  BatchesOptions batch_options_;
};

// Checks everything, divides the data, and calls `use` with an Experiment that
// has it; what LibTorch throws there is a status too.
template <typename Use>
absl::Status WithExperiment(const ExperimentOptions& options,
                            const Compute& compute,
                            std::shared_ptr<const Dataset> train,
                            std::shared_ptr<const Dataset> test,
                            Observer& observer, Keeper* keeper,
                            const Use& use) {
  RETURN_IF_ERROR(options.Validate());
  if (train->image != test->image || train->classes != test->classes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "the training images are %s of %d classes and the test images %s of "
        "%d; both must be of one data set",
        train->image.Describe(), train->classes, test->image.Describe(),
        test->classes));
  }
  if (BarOf(*train).chance == 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the training images in ", train->folder, " (", train->name,
        "): found the label ", static_cast<int>(train->labels[0]),
        " on all of them; expected two classes or more to tell apart. Pass "
        "another --data_dir."));
  }
  absl::Status countable =
      CheckEpochs("--teacher_epochs", options.teacher_epochs, train->count);
  countable.Update(
      CheckEpochs("--student_epochs", options.student_epochs, train->count));
  if (!countable.ok()) return countable;
  const int64_t least_side = std::min(train->image.height, train->image.width);
  if (options.teacher_jitter >= least_side) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--teacher_jitter is %d; with images of %s it must be at most %d, "
        "which "
        "leaves a part of each",
        options.teacher_jitter, train->image.Describe(), least_side - 1));
  }
  const auto parse = [&](const char* flag, const std::string& spelling,
                         double dropout) {
    return ParseModel(flag, spelling, train->image, train->classes, dropout);
  };
  ASSIGN_OR_RETURN(const auto teacher_net, parse("--teacher", options.teacher,
                                                 options.teacher_dropout));
  ASSIGN_OR_RETURN(const auto student_net,
                   parse("--student", options.student, /*dropout=*/0));
  const Models models = {teacher_net, student_net};
  if (options.teacher_dropout > 0 &&
      !models.teacher.Has(Operation::Kind::kDropout)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--teacher_dropout is ", options.teacher_dropout, ", and the teacher ",
        options.teacher, " has no hidden layer to drop from (like fc128 in ",
        kTeacherModel, ")"));
  }
  ASSIGN_OR_RETURN(auto data,
                   Divider(options).Divide(std::move(train), std::move(test)));
  Experiment experiment(options, compute, models, data, observer, keeper);
  return CatchTorchErrors("running the experiment", [&] {
    const absl::Status prepared = experiment.Prepare();
    return prepared.ok() ? use(experiment) : prepared;
  });
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
      "Distillation %s: %+.2f points of test accuracy against the same student "
      "trained without the teacher (%s). One seed proves nothing.",
      saved > 0   ? "helped in this run"
      : saved < 0 ? "made the student worse in this run"
                  : "changed nothing in this run",
      points,
      saved == 0  ? "as many errors"
      : saved > 0 ? Count(saved, "error") + " fewer"
                  : Count(-saved, "error") + " more");
}

absl::Status ExperimentOptions::Validate() const {
  absl::Status status = loss.Validate();
  status.Update(CheckRanges(*this));
  if (loss.method == "rkd" && loss.rkd_angle_weight > 0 &&
      batch_size > kLargestAngleBatch) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--batch_size is ", batch_size,
                     " with --method=rkd, whose angles take ",
                     "the third power of it in memory; it must be at most ",
                     kLargestAngleBatch, ", or --rkd_angle_weight 0")));
  }
  if (loss.method == "rkd" && batch_size < kLeastRelations) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "--batch_size is ", batch_size,
        " with --method=rkd, which compares the distances (over their mean) "
        "and angles between the images of a batch; it must be at least ",
        kLeastRelations)));
  }
  if (status.ok() && labels > 0 && transfer_set == TransferSet::kAll &&
      loss.kd.alpha > 0 && FindMethod(loss.method)->needs_labels) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--method=", loss.method,
                     " needs the label of every image, and with "
                     "--labels=",
                     labels, " most have none: pass --transfer_set=labelled")));
  }
  return status;
}

absl::StatusOr<ExperimentResult> RunExperiment(
    const ExperimentOptions& options, const Compute& compute,
    std::shared_ptr<const Dataset> train, std::shared_ptr<const Dataset> test,
    Observer& observer, TrainedTeacher* teacher, Keeper* keeper) {
  TrainedTeacher own;
  absl::StatusOr<ExperimentResult> result =
      absl::UnknownError("the experiment did not run");
  RETURN_IF_ERROR(WithExperiment(
      options, compute, std::move(train), std::move(test), observer, keeper,
      [&](Experiment& experiment) {
        result = experiment.Run(teacher != nullptr ? teacher : &own);
        return result.status();
      }));
  return result;
}

absl::StatusOr<TrainedTeacher> TrainTeacher(
    const ExperimentOptions& options, const Compute& compute,
    std::shared_ptr<const Dataset> train, std::shared_ptr<const Dataset> test,
    Observer& observer) {
  TrainedTeacher teacher;
  RETURN_IF_ERROR(WithExperiment(options, compute, std::move(train),
                                 std::move(test), observer, /*keeper=*/nullptr,
                                 [&](Experiment& experiment) {
                                   experiment.SayWhatRuns();
                                   return experiment.TrainTeacher(&teacher);
                                 }));
  return teacher;
}

absl::StatusOr<TrainedTeacher> AdoptTeacher(
    const ExperimentOptions& options, const Compute& compute,
    LoadedModel& loaded, const std::string& from,
    std::shared_ptr<const Dataset> train, std::shared_ptr<const Dataset> test,
    Observer& observer) {
  RETURN_IF_ERROR(CheckFits(loaded.info, *train,
                            absl::StrCat(from, ": the training images")));
  ASSIGN_OR_RETURN(const auto match, MatchClasses(loaded.info, *train, from));
  ReorderClasses(match, &loaded);
  if (!match.note.empty()) observer.OnLine("note: " + match.note);
  TrainedTeacher teacher;
  RETURN_IF_ERROR(
      WithExperiment(options, compute, std::move(train), std::move(test),
                     observer, /*keeper=*/nullptr, [&](Experiment& experiment) {
                       return experiment.AdoptTeacher(loaded, from, &teacher);
                     }));
  return teacher;
}

absl::Status CheckExperiment(const ExperimentOptions& options,
                             const Compute& compute,
                             std::shared_ptr<const Dataset> train,
                             std::shared_ptr<const Dataset> test) {
  Observer nobody;
  return WithExperiment(options, compute, std::move(train), std::move(test),
                        nobody, /*keeper=*/nullptr,
                        [](const Experiment&) { return absl::OkStatus(); });
}

}  // namespace distill
