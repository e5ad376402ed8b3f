#include "training/schedule.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace distill {

absl::StatusOr<ScheduleKind> ParseScheduleKind(const std::string& name) {
  if (name == "one_cycle") return ScheduleKind::kOneCycle;
  if (name == "constant") return ScheduleKind::kConstant;
  return absl::InvalidArgumentError(absl::StrCat(
      "--lr_schedule is \"", name, "\"; it must be one_cycle or constant"));
}

double Schedule::At(int64_t step) const {
  if (kind == ScheduleKind::kConstant) return learning_rate;
  // Counted so that neither end is 0: a step that changes nothing is a step
  // paid for and not used.
  const int64_t rising = std::max<int64_t>(steps / 5, 1);
  if (step < rising) {
    return learning_rate * static_cast<double>(step + 1) / rising;
  }
  return learning_rate * static_cast<double>(steps - step) /
         (steps - rising + 1);
}

}  // namespace distill
