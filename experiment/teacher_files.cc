#include "experiment/teacher_files.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/content.h"
#include "base/files.h"
#include "base/status.h"
#include "experiment/logits_table.h"
#include "losses/mix_logits.h"
#include "models/zoo.h"

namespace distill {
namespace {

// A TorchScript file.
class FromScript : public FromFile {
 public:
  FromScript(std::shared_ptr<Script> script, ScriptOptions options,
             const std::string& from, uint32_t crc32)
      : FromFile(from, crc32),
        script_(std::move(script)),
        options_(std::move(options)) {}

  std::string Spelling() const override { return script_->Describe(); }
  bool is_script() const override { return true; }

  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& /*options*/,
                                       const Dataset& train) const override {
    RETURN_IF_ERROR(
        AskScript(from(), options_, "teacher", train, script_.get()));
    return ModelOutline{script_->Describe(), script_->ParameterCount(), 0,
                        script_->Features(), script_->is_capturable()};
  }

 private:
  absl::StatusOr<std::shared_ptr<Teacher>> Load(const Stages& stages) override {
    ASSIGN_OR_RETURN(const ModelOutline outline,
                     Outline(stages.options(), stages.data().train.dataset()));
    script_->to(stages.compute().device);
    ASSIGN_OR_RETURN(const auto fed,
                     FedScript(script_, options_, "teacher",
                               stages.data().train.options().normalization));
    return ModelTeacher(stages.Evaluate("teacher", outline, fed));
  }

  std::string Doubt() const override {
    return "Was it trained on these classes, in this order, on pixels that "
           "were normalised so (--teacher_normalization) and of this size "
           "(--teacher_size)?";
  }

  const std::shared_ptr<Script> script_;
  const ScriptOptions options_;
};

// The mean of what several say.
class MeanTeacher : public Teacher {
 public:
  MeanTeacher(StageResult stage, std::vector<std::shared_ptr<Teacher>> members,
              std::vector<double> weights, double temperature)
      : Teacher(std::move(stage)),
        members_(std::move(members)),
        weights_(std::move(weights)),
        temperature_(temperature) {}

  TeacherLogits LiveLogits() const override {
    std::vector<TeacherLogits> all;
    all.reserve(members_.size());
    for (const auto& member : members_) all.push_back(member->LiveLogits());
    return [all, weights = weights_,
            temperature = temperature_](const Batch& batch) {
      std::vector<at::Tensor> logits;
      logits.reserve(all.size());
      for (const TeacherLogits& one : all) logits.push_back(one(batch));
      return MixLogits(logits, weights, temperature);
    };
  }
  TeacherFeature FeatureFor(const std::string& name) const override {
    TORCH_CHECK(false, "the mean of several teachers has no feature ", name);
  }

 private:
  at::Tensor ComputeTrainingLogits(const Stages& stages) const override {
    std::vector<at::Tensor> logits;
    logits.reserve(members_.size());
    for (const auto& member : members_) {
      logits.push_back(member->TrainingLogits(stages));
    }
    return MixLogits(logits, weights_, temperature_);
  }

  const std::vector<std::shared_ptr<Teacher>> members_;
  const std::vector<double> weights_;
  const double temperature_;
};

class FromSeveral : public FromFile {
 public:
  FromSeveral(std::vector<std::unique_ptr<FromFile>> members,
              std::vector<double> weights, double temperature,
              const std::string& from, uint32_t crc32)
      : FromFile(from, crc32),
        members_(std::move(members)),
        weights_(std::move(weights)),
        temperature_(temperature) {}

  std::string Spelling() const override {
    std::vector<std::string> parts;
    for (size_t i = 0; i < members_.size(); ++i) {
      const bool alike =
          std::equal(weights_.begin() + 1, weights_.end(), weights_.begin());
      parts.push_back(absl::StrCat(
          members_[i]->Spelling(),
          alike ? "" : absl::StrFormat(" (%.3g %%)", 100 * weights_[i])));
    }
    return absl::StrCat("the mean of ", absl::StrJoin(parts, " and "));
  }

  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override {
    std::vector<ModelOutline> outlines;
    for (const auto& member : members_) {
      ASSIGN_OR_RETURN(ModelOutline one, member->Outline(options, train));
      outlines.push_back(std::move(one));
    }
    return OutlineOfAll(outlines);
  }

 private:
  ModelOutline OutlineOfAll(const std::vector<ModelOutline>& outlines) const {
    ModelOutline all;
    all.architecture = Spelling();
    for (const ModelOutline& one : outlines) {
      all.parameters += one.parameters;
      all.is_capturable &= one.is_capturable;
    }
    // (Unknown of one, unknown of all.)
    for (const ModelOutline& one : outlines) {
      if (one.parameters == 0) all.parameters = 0;
    }
    return all;
  }

  absl::StatusOr<std::shared_ptr<Teacher>> Load(const Stages& stages) override {
    std::vector<std::shared_ptr<Teacher>> teachers;
    std::vector<at::Tensor> test, validation;
    std::vector<ModelOutline> outlines;
    for (const auto& member : members_) {
      ASSIGN_OR_RETURN(auto one, member->Get(stages));
      const StageResult& stage = one->stage();
      if (stage.test_logits.defined()) test.push_back(stage.test_logits);
      if (stage.validation_logits.defined()) {
        validation.push_back(stage.validation_logits);
      }
      outlines.push_back(stage.outline);
      teachers.push_back(std::move(one));
    }
    // Of images of which one says nothing, all say nothing.
    const auto mix = [this](const std::vector<at::Tensor>& logits) {
      return logits.size() == members_.size()
                 ? MixLogits(logits, weights_, temperature_)
                 : at::Tensor();
    };
    return std::make_shared<MeanTeacher>(
        stages.Judge(OutlineOfAll(outlines), mix(validation), mix(test)),
        std::move(teachers), weights_, temperature_);
  }

  std::string Doubt() const override {
    return "Each of them passed alone: are their classes in one order?";
  }

  const std::vector<std::unique_ptr<FromFile>> members_;
  const std::vector<double> weights_;
  const double temperature_;
};

absl::StatusOr<std::unique_ptr<FromFile>> OpenOne(const std::string& path,
                                                  const TeacherFiles& files) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  const uint32_t crc32 = Crc32(bytes);
  const bool is_zip = absl::StartsWith(bytes, "PK\3\4");
  if (absl::StartsWith(bytes, "\x93NUMPY") ||
      (is_zip && absl::StrContains(bytes, ".npy"))) {
    ASSIGN_OR_RETURN(LogitsTable table, LogitsOfArrays(path));
    return std::make_unique<FromTable>(std::move(table), path, crc32);
  }
  if (is_zip) {
    ASSIGN_OR_RETURN(auto script,
                     OpenScript(bytes, path, files.script, "teacher"));
    return std::make_unique<FromScript>(std::move(script), files.script, path,
                                        crc32);
  }
  const auto parsed = ParseSafeTensors(bytes, path);
  if (!parsed.ok() && (ContentOf(bytes).known || bytes.empty())) {
    return Unexpected(absl::StatusCode::kDataLoss, path, ContentOf(bytes).name,
                      "a model (.safetensors), TorchScript (.pt), or a table "
                      "of logits (.safetensors, .npz, .npy)",
                      "docs/teachers.md says how each is made.");
  }
  RETURN_IF_ERROR(parsed.status());
  const SafeTensors& file = *parsed;
  if (IsLogitsTable(file)) {
    ASSIGN_OR_RETURN(LogitsTable table, LogitsOfTensors(file, path));
    return std::make_unique<FromTable>(std::move(table), path, crc32);
  }
  ASSIGN_OR_RETURN(LoadedModel loaded, ModelFromFile(file, path));
  loaded.crc32 = crc32;
  return std::make_unique<FromWeights>(std::move(loaded), path);
}

// As shares of 1.
absl::StatusOr<std::vector<double>> SharesOf(const TeacherFiles& files) {
  std::vector<double> shares = files.weights;
  if (shares.empty()) shares.resize(files.from.size(), 1);
  if (shares.size() != files.from.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--teacher_shares has ", shares.size(), " numbers, and --teacher_from ",
        files.from.size(), " files; pass one number a file"));
  }
  if (shares.size() == 1 && !files.weights.empty()) {
    return absl::InvalidArgumentError(
        "--teacher_shares would change nothing: there is one teacher");
  }
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.);
  for (double& share : shares) share /= sum;
  return shares;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TeacherSource>> OpenTeacher(
    const TeacherFiles& files, ExperimentOptions* options) {
  if (files.from.empty()) return std::make_unique<TrainedHere>();
  ASSIGN_OR_RETURN(std::vector<double> shares, SharesOf(files));
  std::vector<std::unique_ptr<FromFile>> all;
  std::string checksums;
  bool any_script = false;
  for (const std::string& path : files.from) {
    auto opened = OpenOne(path, files);
    if (absl::IsNotFound(opened.status()) && files.from.size() > 1) {
      return absl::NotFoundError(
          absl::StrCat(opened.status().message(),
                       " (--teacher_from has several files, with commas "
                       "between them.)"));
    }
    ASSIGN_OR_RETURN(auto one, std::move(opened));
    any_script |= one->is_script();
    absl::StrAppend(&checksums, *one->crc32(), " ");
    all.push_back(std::move(one));
  }
  const ScriptOptions& script = files.script;
  if (!any_script && (script.trust || !script.normalization.empty() ||
                      script.size > 0 || script.batch > 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--trust_teacher_code, --teacher_normalization, --teacher_size and "
        "--teacher_batch are of TorchScript files, and ",
        absl::StrJoin(files.from, ", "),
        all.size() == 1 ? " is none" : " are none", "; leave them out"));
  }
  std::unique_ptr<FromFile> source;
  if (all.size() == 1) {
    source = std::move(all[0]);
  } else {
    // Where the loss has no temperature, of the plain predictions.
    source = std::make_unique<FromSeveral>(
        std::move(all), std::move(shares),
        UsesSetting(options->loss.method, "temperature")
            ? options->loss.kd.temperature
            : 1,
        absl::StrJoin(files.from, ", "), Crc32(checksums));
  }
  const std::string spelling = source->Spelling();
  if (options->teacher != ExperimentOptions().teacher &&
      options->teacher != spelling) {
    // The same net may be spelled in several ways.
    ImageSpec image;
    const auto named = ParseModel("--teacher", options->teacher, image, 10);
    const auto found = ParseModel("--teacher", spelling, image, 10);
    if (!named.ok() || !found.ok() || named->spelling != found->spelling) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--teacher is ", options->teacher, ", and the teacher in ",
          source->from(), " is ", spelling, "; leave --teacher out"));
    }
  }
  options->teacher = spelling;
  return source;
}

}  // namespace distill
