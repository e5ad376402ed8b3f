#include "cli/experiment_arguments.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "losses/methods.h"

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

std::vector<FlagCondition> LossConditions(
    const std::vector<std::string>& methods, bool has_soft_term,
    bool has_few_labels) {
  const auto uses = [](const Method& method, const std::string& setting) {
    return std::find(method.settings.begin(), method.settings.end(), setting) !=
           method.settings.end();
  };
  std::map<std::string, FlagCondition> conditions;
  for (const Method& method : Methods()) {
    for (const std::string& setting : method.settings) {
      FlagCondition& condition = conditions[setting];
      condition.flag = setting;
      condition.applies = false;
      for (const std::string& name : methods) {
        const Method* const chosen = FindMethod(name);
        if (chosen == nullptr || uses(*chosen, setting)) {
          condition.applies = has_soft_term;
        }
      }
      condition.why_not =
          has_soft_term ? absl::StrCat("--method=", absl::StrJoin(methods, ","),
                                       " does not use it")
                        : "--alpha=0 leaves no term of the teacher's";
    }
  }
  std::vector<FlagCondition> list;
  list.reserve(conditions.size() + 1);
  for (auto& [setting, condition] : conditions) {
    list.push_back(std::move(condition));
  }
  list.push_back({"transfer_set", has_few_labels,
                  "all training images have labels without --labels"});
  return list;
}

Json CommonConfiguration(const ExperimentArguments& arguments,
                         const Compute& compute, const Splits& data) {
  const ExperimentOptions& experiment = arguments.experiment;
  const MethodOptions& loss = experiment.loss;
  return {
      {"dataset", data.train->name},
      {"trainImages", data.train->count},
      {"classes", data.train->classes},
      {"trainImagesCrc32", absl::StrFormat("%08x", data.train->images_crc32)},
      {"trainLabelsCrc32", absl::StrFormat("%08x", data.train->labels_crc32)},
      {"testImagesCrc32", absl::StrFormat("%08x", data.test->images_crc32)},
      {"testLabelsCrc32", absl::StrFormat("%08x", data.test->labels_crc32)},
      {"teacherModel", experiment.teacher},
      {"studentModel", experiment.student},
      {"teacherDropout", experiment.teacher_dropout},
      {"teacherJitter", experiment.teacher_jitter},
      {"validationImages", experiment.validation},
      {"transferSet", arguments.transfer_set},
      {"batchSize", experiment.batch_size},
      {"teacherEpochs", experiment.teacher_epochs},
      {"studentEpochs", experiment.student_epochs},
      {"learningRate", experiment.learning_rate},
      {"lrSchedule", arguments.lr_schedule},
      {"standardizeLogits", loss.standardize_logits},
      {"dkdTargetWeight", loss.dkd_target_weight},
      {"dkdNontargetWeight", loss.dkd_nontarget_weight},
      {"hintWeight", loss.hint_weight},
      {"attentionWeight", loss.attention_weight},
      {"rkdDistanceWeight", loss.rkd_distance_weight},
      {"rkdAngleWeight", loss.rkd_angle_weight},
      {"teacherFeature", experiment.teacher_feature},
      {"studentFeature", experiment.student_feature},
      {"seed", experiment.seed},
      {"device", compute.device_name},
      {"deviceDescription", compute.description},
      {"precision", compute.precision_name},
      {"threads", compute.threads}};
}

}  // namespace distill
