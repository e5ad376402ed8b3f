// What the command line says of an experiment, in every program that runs one.
#ifndef DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_
#define DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "report/result_json.h"
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
  // The names of the flags that the user has set, for CheckApplies.
  std::set<std::string> given;
};

// When the flags of the loss and of few labels have an effect: with these
// methods, whether the teacher's term has a weight (alpha above 0) in any run,
// and whether any run has fewer labels than images.
std::vector<FlagCondition> LossConditions(
    const std::vector<std::string>& methods, bool has_soft_term,
    bool has_few_labels);

// arguments.experiment with what the texts say; InvalidArgument that names the
// flag of one that says nothing.
absl::StatusOr<ExperimentOptions> ResolveExperiment(
    const ExperimentArguments& arguments);

// What the results depend on, a field each, in every program that runs an
// experiment; what a sweep varies is not in it.
Json CommonConfiguration(const ExperimentArguments& arguments,
                         const Compute& compute, const Splits& data);

}  // namespace distill

#endif  // DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_
