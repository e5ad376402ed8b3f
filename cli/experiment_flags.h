// The flags of an experiment that several programs have, linked into these
// alone: --device, --precision, --threads, --dataset, --data_dir, --teacher,
// --student, the teacher's dropout and jitter, --batch_size, the epochs, the
// learning rate, the methods' weights and features, --standardize_logits,
// --transfer_set and --seed.
#ifndef DISTILL_CLI_EXPERIMENT_FLAGS_H_
#define DISTILL_CLI_EXPERIMENT_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/experiment_arguments.h"

namespace distill {

// What they say; `argv0` is the program's name. Errors: ChooseDataset's.
absl::StatusOr<ExperimentArguments> ReadExperimentFlags(
    const std::string& argv0);

// The file they are defined in, for HelpText.
extern const char kExperimentFlagsFile[];

}  // namespace distill

#endif  // DISTILL_CLI_EXPERIMENT_FLAGS_H_
