// Teachers that have learnt elsewhere, as the command line names them.
#ifndef DISTILL_EXPERIMENT_TEACHER_FILES_H_
#define DISTILL_EXPERIMENT_TEACHER_FILES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiment/options.h"
#include "experiment/teachers.h"
#include "models/script_file.h"

namespace distill {

struct TeacherFiles {
  // Empty: the teacher is trained here. Several are one teacher, whose
  // probabilities at the student's temperature are the mean of theirs.
  std::vector<std::string> from;
  // A weight for each of several, above 0; empty: all count alike.
  std::vector<double> weights;
  ScriptOptions script;

  // The table of base/settings.h, which has the settings of an experiment.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Models");
    table
        .Add(
            "teacher_from", &from,
            "A teacher that has learnt already, instead of one trained here: a "
            ".safetensors file of this program or from PyTorch, a TorchScript "
            "file (.pt), or a table of its logits (.safetensors, .npz, .npy); "
            "docs/teachers.md. Several, with commas between them, are "
            "averaged. "
            "Its accuracy is checked first.")
        .Common("a trained teacher, from a file")
        .Path()
        .NotInConfiguration();
    table.Add("teacher_weights", &from, "Another name for --teacher_from.")
        .Path()
        .NotInConfiguration();
    table
        .Add("teacher_shares", &weights,
             "With several files in --teacher_from: what each counts in the "
             "mean, like 2,1. Default: all alike.")
        .Above(0);
    script.AddSettings(table, "teacher");
    for (const char* name :
         {"teacher_shares", "trust_teacher_code", "teacher_normalization",
          "teacher_size", "teacher_batch"}) {
      table.Find(name)->Unless([this] {
        return std::string(from.empty() ? "the teacher is trained here; "
                                          "--teacher_from names another"
                                        : "");
      });
    }
    for (const char* name :
         {"teacher_epochs", "teacher_dropout", "teacher_label_smoothing",
          "teacher_augment", "share_teacher"}) {
      auto* const row = table.Find(name);
      if (row == nullptr) continue;  // A sweep always shares it.
      row->Unless([this] {
        return std::string(
            from.empty() ? "" : "with --teacher_from no teacher is trained");
      });
    }
  }
};

// The teacher of those files, each told by its content, which options->teacher
// then says; without any the one that is trained here.
//
// Errors: those of LoadModel, OpenScript, LogitsOfTensors and LogitsOfArrays;
// InvalidArgument if options->teacher is neither the default nor what there is,
// and for another number of weights than of files.
absl::StatusOr<std::unique_ptr<TeacherSource>> OpenTeacher(
    const TeacherFiles& files, ExperimentOptions* options);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_TEACHER_FILES_H_
