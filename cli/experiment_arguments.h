// What the command line says of an experiment, in every program that runs one.
#ifndef DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_
#define DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "cli/paths.h"
#include "training/device.h"
#include "training/experiment.h"

namespace distill {

struct ExperimentArguments {
  // The flags of the same names.
  ComputeOptions compute;
  std::string lr_schedule = "one_cycle";
  std::string transfer_set = "all";
  DatasetChoice data;
  // `schedule` and `transfer_set` are set from the texts above.
  ExperimentOptions experiment;
};

// arguments.experiment with what the texts say; InvalidArgument that names the
// flag of one that says nothing.
absl::StatusOr<ExperimentOptions> ResolveExperiment(
    const ExperimentArguments& arguments);

}  // namespace distill

#endif  // DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_
