// Whom a student learns from, and where a run's teacher comes from.
#ifndef DISTILL_EXPERIMENT_TEACHERS_H_
#define DISTILL_EXPERIMENT_TEACHERS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "data/safetensors.h"
#include "experiment/stages.h"
#include "models/weights.h"
#include "training/objective.h"

namespace distill {

// A teacher that has learnt.
class Teacher {
 public:
  virtual ~Teacher() = default;

  // How good it is, and how it was trained, if it was here.
  const StageResult& stage() const { return stage_; }

  // Its logits for the training images: [samples of data().transfer, classes]
  // float32, on the device. Computed in the first call, for all runs that it
  // teaches: these have the same training images.
  const at::Tensor& TrainingLogits(const Stages& stages);
  double logits_seconds() const { return logits_seconds_; }

  // Its logits for the images of a batch, asked for each batch: for views that
  // are never the same.
  virtual TeacherLogits LiveLogits() const = 0;

  // Its feature of this name (stage().outline.features), asked for each batch.
  virtual TeacherFeature FeatureFor(const std::string& name) const = 0;

 protected:
  explicit Teacher(StageResult stage) : stage_(std::move(stage)) {}

 private:
  virtual at::Tensor ComputeTrainingLogits(const Stages& stages) const = 0;

  const StageResult stage_;
  std::mutex mutex_;   // Of several runs at once.
  at::Tensor logits_;  // Undefined until they are asked for.
  double logits_seconds_ = 0;
};

// Where a teacher comes from: each kind of teacher is one of these.
class TeacherSource {
 public:
  virtual ~TeacherSource() = default;

  // What is known before there is a teacher. Errors: whatever shows already
  // that it cannot teach a student of `train`.
  virtual absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                               const Dataset& train) const = 0;

  // The teacher, which has been told to stages.observer(). Outline() was OK.
  // FailedPrecondition if it has learnt nothing that a student could be told.
  virtual absl::StatusOr<std::shared_ptr<Teacher>> Get(
      const Stages& stages) = 0;

  // The checksum of the file that it comes from, for a run's configuration;
  // none if it is trained here.
  virtual std::optional<uint32_t> crc32() const { return std::nullopt; }

  // What a run keeps of a teacher of its: the contents of a model's file, or
  // none where it is no model of ours.
  virtual absl::StatusOr<std::optional<SafeTensors>> File(
      const ExperimentOptions& options, const StageResult& teacher,
      const Dataset& train) const = 0;
};

// Trains options().teacher on data().teachers, as long and in the way that the
// options say.
//
// FailedPrecondition if it did not learn: see experiment/learnt.h. That is
// judged by the last images of its training if these are enough to be sure,
// else by the validation images, else by all training images.
class TrainedHere : public TeacherSource {
 public:
  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override;
  absl::StatusOr<std::shared_ptr<Teacher>> Get(const Stages& stages) override;
  absl::StatusOr<std::optional<SafeTensors>> File(
      const ExperimentOptions& options, const StageResult& teacher,
      const Dataset& train) const override;
};

// A teacher from the file `from`, the same for all runs; judged as one that was
// trained here.
//
// FailedPrecondition if its accuracy on the training images is below the bar of
// learnt.h.
class FromFile : public TeacherSource {
 public:
  absl::StatusOr<std::shared_ptr<Teacher>> Get(const Stages& stages) override;
  std::optional<uint32_t> crc32() const override { return crc32_; }
  absl::StatusOr<std::optional<SafeTensors>> File(
      const ExperimentOptions& /*options*/, const StageResult& /*teacher*/,
      const Dataset& /*train*/) const override {
    return std::nullopt;
  }

  const std::string& from() const { return from_; }
  // What it is, for a run's configuration: as models/zoo.h spells it, where it
  // is one of those.
  virtual std::string Spelling() const = 0;
  virtual bool is_script() const { return false; }

 protected:
  FromFile(std::string from, uint32_t crc32)
      : from_(std::move(from)), crc32_(crc32) {}

 private:
  // The teacher, not yet judged.
  virtual absl::StatusOr<std::shared_ptr<Teacher>> Load(
      const Stages& stages) = 0;
  // What could be the matter with one that is no good: a question.
  virtual std::string Doubt() const = 0;

  const std::string from_;
  const uint32_t crc32_;
  std::shared_ptr<Teacher> teacher_;  // Null before the first run.
};

// A teacher that is a model.
std::shared_ptr<Teacher> ModelTeacher(StageResult stage);

// A file of models/weights.h. Where it has the data set's class names in
// another order, it is given the data set's. If its pixels were normalised
// otherwise, it is fed what it is used to.
//
// FailedPrecondition if it is made for other images or classes.
class FromWeights : public FromFile {
 public:
  FromWeights(LoadedModel loaded, const std::string& from)
      : FromFile(from, loaded.crc32), loaded_(std::move(loaded)) {}

  std::string Spelling() const override { return loaded_.info.architecture; }
  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override;
  // With what its own file says of who made it, and of what.
  absl::StatusOr<std::optional<SafeTensors>> File(
      const ExperimentOptions& options, const StageResult& teacher,
      const Dataset& train) const override;

 private:
  absl::StatusOr<std::shared_ptr<Teacher>> Load(const Stages& stages) override;
  std::string Doubt() const override;

  LoadedModel loaded_;
};

// The teacher that `source` has for the first run, for all others too.
class OneForAll : public TeacherSource {
 public:
  explicit OneForAll(TeacherSource& source) : source_(source) {}

  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override {
    return source_.Outline(options, train);
  }
  absl::StatusOr<std::shared_ptr<Teacher>> Get(const Stages& stages) override;
  std::optional<uint32_t> crc32() const override { return source_.crc32(); }
  absl::StatusOr<std::optional<SafeTensors>> File(
      const ExperimentOptions& options, const StageResult& teacher,
      const Dataset& train) const override {
    return source_.File(options, teacher, train);
  }

 private:
  TeacherSource& source_;
  std::shared_ptr<Teacher> teacher_;  // Null before the first run.
};

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_TEACHERS_H_
