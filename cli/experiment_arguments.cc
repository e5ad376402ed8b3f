#include "cli/experiment_arguments.h"

namespace distill {

absl::StatusOr<ExperimentOptions> ResolveExperiment(
    const ExperimentArguments& arguments) {
  ExperimentOptions experiment = arguments.experiment;
  const auto schedule = ParseScheduleKind(arguments.lr_schedule);
  if (!schedule.ok()) return schedule.status();
  experiment.schedule = *schedule;
  const auto transfer_set = ParseTransferSet(arguments.transfer_set);
  if (!transfer_set.ok()) return transfer_set.status();
  experiment.transfer_set = *transfer_set;
  return experiment;
}

}  // namespace distill
