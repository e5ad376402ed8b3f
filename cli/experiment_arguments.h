// What the command line says of an experiment, in every program that runs one.
#ifndef DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_
#define DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/json.h"
#include "base/settings.h"
#include "cli/paths.h"
#include "training/device.h"

namespace distill {

struct ExperimentArguments {
  ComputeOptions compute;
  DataOptions data;
  std::string unlabelled;  // A folder of pictures; empty: none.
  // The names of the flags that the user has typed, for CheckApplies.
  std::set<std::string> given;

  template <typename Table>
  void AddSettings(Table& table) {
    compute.AddSettings(table);
    data.AddSettings(table);
    table
        .Add("unlabelled", &unlabelled,
             "Folder of more pictures, whose labels nobody knows: the student "
             "learns what the teacher says of them, too.")
        .Path()
        .NotInConfiguration();
  }
};

// What is asked for, as far as it decides which settings have an effect.
struct LossUse {
  std::vector<std::string> methods;
  bool has_soft_term = true;    // Whether alpha is above 0 in any run.
  bool has_few_labels = false;  // Whether any run has fewer labels than images.
  // Whether images without a label are left out.
  bool labelled_alone = false;
};

// Lets the settings of the loss and of few labels know when they have no
// effect, which `use` says when it is asked.
void AddLossConditions(Settings& table, const std::function<LossUse()>& use);

// What the result depends on, a field each: what is known of the data and the
// device, and the settings, of which those facts say some better.
Json ConfigurationOf(const Settings& settings, const Compute& compute,
                     const Splits& data);

// FailedPrecondition, with the settings that differ, unless this rank has rank
// 0's configuration, and settings that say what runs there are; InvalidArgument
// if a run is to be made by more ranks than there are. All ranks call it.
absl::Status CheckSame(const Compute& compute, Settings& settings,
                       Json configuration);

// Says how many processes there are, if there are several.
void LogRanks(const Compute& compute, Observer& observer);

// Sets what the configuration in the file at `path` says and the user has not
// typed. Errors: those of ReadFile; InvalidArgument for what is no
// configuration.
absl::Status ApplyConfiguration(const std::string& path, Settings& table);

// Says on a line what of the configuration in that file this run does not have:
// what was typed beside it, or other data; empty if nothing. If the file cannot
// be read any more, says that.
std::string DifferencesFromFile(const std::string& path,
                                const Json& configuration);

}  // namespace distill

#endif  // DISTILL_CLI_EXPERIMENT_ARGUMENTS_H_
