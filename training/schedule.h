// The learning rate of each step.
#ifndef DISTILL_TRAINING_SCHEDULE_H_
#define DISTILL_TRAINING_SCHEDULE_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace distill {

enum class ScheduleKind {
  // The same rate at every step: the letter of the specification. At its 0.01
  // Adam leaves every ReLU of the teacher dead in about one run of three.
  kConstant,
  // Linear from near 0 up to the peak over the first fifth of the steps, then
  // linear down to near 0 (after L. Smith, N. Topin, "Super-convergence",
  // 2018).
  kOneCycle,
  // From the rate along half a cosine down to near 0 (I. Loshchilov, F. Hutter,
  // "SGDR", 2017, without restarts).
  kCosine,
};

// By the words of --lr_schedule.
std::vector<std::pair<const char*, ScheduleKind>> ScheduleKinds();

struct Schedule {
  ScheduleKind kind = ScheduleKind::kOneCycle;
  // The peak of kOneCycle, the first of kCosine, or the rate of kConstant.
  // Finite, > 0.
  double learning_rate = 0.01;
  // Steps of the whole training; at least 1.
  int64_t steps = 1;

  // The rate of step `step`, counted from 0 to steps - 1; > 0 at each.
  double At(int64_t step) const;
};

}  // namespace distill

#endif  // DISTILL_TRAINING_SCHEDULE_H_
