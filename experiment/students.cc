#include "experiment/students.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status.h"
#include "models/weights.h"
#include "models/zoo.h"

namespace distill {
namespace {

absl::StatusOr<Graph> StudentNet(const ExperimentOptions& options,
                                 const Dataset& train) {
  return ParseModel("--student", options.student, train.image, train.classes);
}

// A file with those tensors alone.
SafeTensors FileOf(const std::vector<NamedTensor>& state) {
  SafeTensors file;
  for (const NamedTensor& one : state) {
    file.tensors.push_back(ToSafeTensor(one.name, one.value));
  }
  return file;
}

// options.student, with given weights.
class WeightedStudent : public SpelledStudent {
 public:
  WeightedStudent(LoadedModel loaded, std::string path)
      : loaded_(std::move(loaded)), path_(std::move(path)) {}

  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override {
    RETURN_IF_ERROR(CheckFits(loaded_.info, train,
                              absl::StrCat(path_, ": the training images")));
    RETURN_IF_ERROR(MatchClasses(loaded_.info, train, path_).status());
    return SpelledStudent::Outline(options, train);
  }

  absl::StatusOr<std::shared_ptr<Classifier>> Make(
      const Stages& stages) const override {
    const Dataset& train = stages.data().train.dataset();
    ASSIGN_OR_RETURN(const Graph net, StudentNet(stages.options(), train));
    LoadedModel begin = loaded_;
    begin.model = stages.Make(net, "student's weights");
    RETURN_IF_ERROR(LoadState(FileOf(loaded_.model->State()), path_,
                              net.spelling, begin.model.get()));
    ASSIGN_OR_RETURN(const ClassMatch match,
                     MatchClasses(begin.info, train, path_));
    ReorderClasses(match, &begin);
    return begin.model;
  }

  std::optional<uint32_t> crc32() const override { return loaded_.crc32; }

 private:
  const LoadedModel loaded_;
  const std::string path_;
};

// A TorchScript file.
class ScriptStudent : public StudentSource {
 public:
  ScriptStudent(std::shared_ptr<Script> script, std::string bytes,
                StudentFiles files, SafeTensors weights)
      : script_(std::move(script)),
        bytes_(std::move(bytes)),
        files_(std::move(files)),
        weights_(std::move(weights)) {}

  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override {
    ScriptOptions asked;
    asked.trust = files_.trust;
    RETURN_IF_ERROR(AskScript(files_.from, asked, "", train, script_.get()));
    // (The question changes buffers: this one is thrown away.)
    ASSIGN_OR_RETURN(const auto model, New(options));
    RETURN_IF_ERROR(AskScriptToTrain(files_.from, train, model.get()));
    return ModelOutline{model->Describe(),
                        model->ParameterCount(),
                        0,
                        script_->Features(),
                        model->is_capturable(),
                        !model->LearnsFromOne(train.image)};
  }

  absl::StatusOr<std::shared_ptr<Classifier>> Make(
      const Stages& stages) const override {
    ASSIGN_OR_RETURN(const auto model, New(stages.options()));
    RETURN_IF_ERROR(AskScript(files_.from, {}, "",
                              stages.data().train.dataset(), model.get()));
    model->to(stages.compute().device);
    return model;
  }

  absl::StatusOr<SafeTensors> File(const ExperimentOptions& options,
                                   const StageResult& student,
                                   const Dataset& train) const override {
    SafeTensors file = FileOf(student.model->State());
    const Normalization normalization = NormalizationOf(train);
    file.metadata = {
        {"format", "pt"},
        {"role", "student"},
        {"torchscript", options.student},
        {"dataset", train.name},
        {"mean", NumbersText(normalization.mean)},
        {"std", NumbersText(normalization.std)},
        {"test_accuracy", absl::StrFormat("%.6f", student.test.accuracy())}};
    return file;
  }

  absl::StatusOr<std::optional<std::string>> ScriptFile(
      const StageResult& student) const override {
    ASSIGN_OR_RETURN(const auto script, Script::Read(bytes_, files_.from));
    RETURN_IF_ERROR(LoadState(FileOf(student.model->State()), files_.from,
                              script->Describe(), script.get()));
    return script->Write();
  }

  std::optional<uint32_t> crc32() const override {
    const auto weights = SerializeSafeTensors(weights_);
    return Crc32(absl::StrCat(bytes_, weights.ok() ? *weights : ""));
  }

 private:
  // Before its first step.
  absl::StatusOr<std::shared_ptr<Script>> New(
      const ExperimentOptions& options) const {
    ASSIGN_OR_RETURN(auto script, Script::Read(bytes_, files_.from));
    script->set_seed(options.seed);
    if (files_.reset) {
      RETURN_IF_ERROR(script->Reset(options.seed, files_.from));
    }
    if (!files_.weights.empty()) {
      RETURN_IF_ERROR(LoadState(weights_, files_.weights, script->Describe(),
                                script.get()));
    }
    return script;
  }

  const std::shared_ptr<Script> script_;  // That is asked, and never trained.
  const std::string bytes_;
  const StudentFiles files_;
  const SafeTensors weights_;
};

}  // namespace

const StudentSource& DefaultStudent() {
  static const auto& student = *new SpelledStudent;
  return student;
}

absl::StatusOr<ModelOutline> SpelledStudent::Outline(
    const ExperimentOptions& options, const Dataset& train) const {
  ASSIGN_OR_RETURN(const Graph net, StudentNet(options, train));
  return OutlineOf(net);
}

absl::StatusOr<std::shared_ptr<Classifier>> SpelledStudent::Make(
    const Stages& stages) const {
  ASSIGN_OR_RETURN(const Graph net,
                   StudentNet(stages.options(), stages.data().train.dataset()));
  return stages.Make(net, "student's weights");
}

absl::StatusOr<SafeTensors> SpelledStudent::File(
    const ExperimentOptions& options, const StageResult& student,
    const Dataset& train) const {
  return StageFile("student", options.student, student, train);
}

absl::StatusOr<std::unique_ptr<StudentSource>> OpenStudent(
    const StudentFiles& files, ExperimentOptions* options) {
  const bool named = options->student != ExperimentOptions().student;
  if (files.from.empty()) {
    if (files.weights.empty()) return std::make_unique<SpelledStudent>();
    ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(files.weights));
    const ModelInfo& info = loaded.info;
    ASSIGN_OR_RETURN(
        const Graph net,
        ParseModel("--student", named ? options->student : info.architecture,
                   info.image, info.classes));
    if (net.spelling != info.architecture) {
      return absl::InvalidArgumentError(
          absl::StrCat("--student is ", options->student,
                       ", and the weights in ", files.weights, " are of ",
                       info.architecture, "; leave --student out"));
    }
    options->student = info.architecture;
    return std::make_unique<WeightedStudent>(std::move(loaded), files.weights);
  }
  if (files.reset && !files.weights.empty()) {
    return absl::InvalidArgumentError(
        "--reset_parameters draws the weights that --student_weights has; "
        "leave one out");
  }
  ScriptOptions script_options;
  script_options.trust = files.trust;
  ASSIGN_OR_RETURN(std::string bytes, ReadFile(files.from));
  ASSIGN_OR_RETURN(auto script,
                   OpenScript(bytes, files.from, script_options, "student"));
  SafeTensors weights;
  if (!files.weights.empty()) {
    ASSIGN_OR_RETURN(weights, ReadSafeTensors(files.weights));
  }
  const std::string spelling = script->Describe();
  if (named && options->student != spelling) {
    return absl::InvalidArgumentError(
        absl::StrCat("--student is ", options->student, ", and the student in ",
                     files.from, " is ", spelling, "; leave --student out"));
  }
  options->student = spelling;
  return std::make_unique<ScriptStudent>(std::move(script), std::move(bytes),
                                         files, std::move(weights));
}

}  // namespace distill
