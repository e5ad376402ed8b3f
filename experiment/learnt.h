// Whether a teacher has learnt anything that a student could be told.
#ifndef DISTILL_EXPERIMENT_LEARNT_H_
#define DISTILL_EXPERIMENT_LEARNT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "data/dataset.h"

namespace distill {

// What a teacher's accuracy is compared with.
//
// A teacher that learnt nothing gives one answer and is right with probability
// `chance`. The bar is a tenth of the way from there to 1. On n images, which
// are a sample of all that it may be asked, an accuracy p is measured with the
// standard deviation sqrt(p (1 - p) / n). `enough` is the least n at which
// bar - chance is kDeviations of the largest of these deviations for p at
// chance, at the bar and as far above the bar again. Then a teacher at chance
// is not taken for one at the bar, nor one that is twice as far above chance
// for one below it, but once in 2,000 times (normal approximation).
struct LearningBar {
  static constexpr double kDeviations = 3.29;

  double chance = 0;  // Of always answering with the most frequent class.
  double bar = 0;
  int64_t enough = 0;  // Images, at least 1.
};

// The bar for a training set with labels of at least two classes.
LearningBar BarOf(const Dataset& train);

// An accuracy, and on what it was measured.
struct LearningEvidence {
  int64_t correct = 0, samples = 0;
  // What the samples are, after "of": "the last images of its training, each
  // predicted before it was trained on".
  std::string what;
  // Whether the samples are all that there are of their kind, and the accuracy
  // on them no estimate.
  bool exact = false;

  double accuracy() const {
    return static_cast<double>(correct) / static_cast<double>(samples);
  }
  // "18.40 % of 500 images (...) (95 % interval 15.24 % to 22.04 %)". An exact
  // one has no interval.
  std::string Describe() const;
};

// Whether the evidence is of at least bar.enough samples, or exact.
bool IsEnough(const LearningEvidence& evidence, const LearningBar& bar);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_LEARNT_H_
