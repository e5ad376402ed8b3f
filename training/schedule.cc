#include "training/schedule.h"

#include <algorithm>
#include <cmath>

namespace distill {

std::vector<std::pair<const char*, ScheduleKind>> ScheduleKinds() {
  return {{"one_cycle", ScheduleKind::kOneCycle},
          {"cosine", ScheduleKind::kCosine},
          {"constant", ScheduleKind::kConstant}};
}

double Schedule::At(int64_t step) const {
  if (kind == ScheduleKind::kConstant) return learning_rate;
  if (kind == ScheduleKind::kCosine) {
    // Its square is (1 + cos(pi step / steps)) / 2, and never rounds to 0.
    const double cosine =
        std::cos(M_PI / 2 * static_cast<double>(step) / steps);
    return learning_rate * cosine * cosine;
  }
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
