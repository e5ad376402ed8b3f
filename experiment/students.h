// What is trained as the student, and as the control.
#ifndef DISTILL_EXPERIMENT_STUDENTS_H_
#define DISTILL_EXPERIMENT_STUDENTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "data/safetensors.h"
#include "experiment/options.h"
#include "experiment/stages.h"
#include "models/classifier.h"
#include "models/script_file.h"

namespace distill {

// Where students come from: each kind of student is one of these.
class StudentSource {
 public:
  virtual ~StudentSource() = default;

  // What is known before anything is trained. Errors: whatever shows already
  // that it cannot be trained on `train`.
  virtual absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                               const Dataset& train) const = 0;

  // A model to train, on the device: with the same initial weights each time.
  // Outline() was OK.
  virtual absl::StatusOr<std::shared_ptr<Classifier>> Make(
      const Stages& stages) const = 0;

  // The contents of the safetensors file of a student that has learnt.
  virtual absl::StatusOr<SafeTensors> File(const ExperimentOptions& options,
                                           const StageResult& student,
                                           const Dataset& train) const = 0;
  // Those of its TorchScript file; none if it is no TorchScript.
  virtual absl::StatusOr<std::optional<std::string>> ScriptFile(
      const StageResult& /*student*/) const {
    return std::nullopt;
  }

  // The checksum of the files that it begins from, for a run's configuration;
  // none if there are none.
  virtual std::optional<uint32_t> crc32() const { return std::nullopt; }
};

// options.student, with weights drawn by the seed.
class SpelledStudent : public StudentSource {
 public:
  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override;
  absl::StatusOr<std::shared_ptr<Classifier>> Make(
      const Stages& stages) const override;
  absl::StatusOr<SafeTensors> File(const ExperimentOptions& options,
                                   const StageResult& student,
                                   const Dataset& train) const override;
};

const StudentSource& DefaultStudent();

struct StudentFiles {
  // A TorchScript file whose architecture is trained; empty: options.student.
  std::string from;
  bool trust = false;
  // Draws the file's weights anew for each seed.
  bool reset = false;
  // A safetensors file with the weights to begin with; empty: those that the
  // seed draws, or of the TorchScript file.
  std::string weights;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Models");
    table
        .Add("student_from", &from,
             "A TorchScript file (torch.jit.script(model).save) whose "
             "architecture is trained as the student and the control, in place "
             "of --student; docs/teachers.md.")
        .Path()
        .NotInConfiguration();
    table
        .Add("trust_student_code", &trust,
             "Run the TorchScript file of --student_from, which is a program "
             "and may do whatever this program may (docs/security.md).")
        .NotInConfiguration();
    table.Add("reset_parameters", &reset,
              "Draw the weights of --student_from anew for each seed, as "
              "PyTorch's layers do; else all seeds begin with the file's.");
    table
        .Add("student_weights", &weights,
             "A .safetensors file with the weights that student and control "
             "begin with (fine-tuning), in place of random ones.")
        .Path()
        .NotInConfiguration();
    for (const char* name : {"trust_student_code", "reset_parameters"}) {
      table.Find(name)->Unless([this] {
        return std::string(from.empty() ? "the student is spelled; "
                                          "--student_from names a file"
                                        : "");
      });
    }
  }
};

// The student of those files; options->student then says what it is.
//
// Errors: those of OpenScript, of reading the weights, and of LoadState;
// InvalidArgument for weights of another net, for options->student beside a
// file, and for weights to begin with beside ones that are drawn anew.
absl::StatusOr<std::unique_ptr<StudentSource>> OpenStudent(
    const StudentFiles& files, ExperimentOptions* options);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_STUDENTS_H_
