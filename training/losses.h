// What a training found, step by step.
#ifndef DISTILL_TRAINING_LOSSES_H_
#define DISTILL_TRAINING_LOSSES_H_

#include <cstdint>
#include <vector>

namespace distill {

// What one step found, before it changed a parameter: means over its batch.
// soft and hard are NaN where the objective does not evaluate them.
struct StepLosses {
  double total = 0;
  double soft = 0;
  double hard = 0;
  // Samples whose largest logit was their label's, if they were counted.
  bool counted = false;
  int64_t correct = 0;
  int64_t samples = 0;
  // Of these, the ones with a label, which alone are in the hard term's sum.
  int64_t labelled = 0;
};

// Means over the samples of an epoch, each taken from the step that trained on
// it; the hard term's over those that have a label. soft and hard are the terms
// without their weights; NaN where the objective does not evaluate the term, or
// no sample has it.
struct EpochLosses {
  double total = 0;
  double soft = 0;
  double hard = 0;
};

// Sums from which the means over many steps are computed.
struct LossSums {
  double total = 0, soft = 0, hard = 0;
  int64_t samples = 0, labelled = 0;

  void Add(const StepLosses& step) {
    const auto weight = static_cast<double>(step.samples);
    total += weight * step.total;
    soft += weight * step.soft;
    hard += weight * step.hard;
    samples += step.samples;
    labelled += step.labelled;
  }
  EpochLosses Means() const {
    const auto weight = static_cast<double>(samples);
    return {total / weight, soft / weight,
            hard / static_cast<double>(labelled)};
  }
};

// Means over the samples of the steps after the point before, up to `step`.
struct CurvePoint {
  int64_t step = 0;  // Counted from 1.
  EpochLosses losses;
};

// The share of images that the model predicted right, in [0, 1], after `step`
// steps.
struct AccuracyPoint {
  int64_t step = 0;
  double accuracy = 0;
};

struct TrainResult {
  // The last one's are those of its steps that were made.
  std::vector<EpochLosses> epochs;
  // As TrainOptions::judged found them; without the last step's, unless the
  // best weights are kept.
  std::vector<AccuracyPoint> accuracies;
  // Of a training that is over: the step whose weights were kept, as the best
  // of `accuracies`; 0: the last one's.
  int64_t kept_step = 0;
  // The learning curve: at most kCurvePoints, evenly spaced, the last of them
  // at the last step.
  std::vector<CurvePoint> curve;
  int64_t steps = 0;
  // Right predictions over the last steps, as many as a tenth of an epoch has,
  // each batch predicted before it is trained on, and how many there were. In a
  // training of one epoch these are images that the model had not seen.
  int64_t late_correct = 0, late_samples = 0;
  double late_accuracy() const {  // NaN if there were none yet.
    return static_cast<double>(late_correct) /
           static_cast<double>(late_samples);
  }
  // By a clock that never jumps; those before an interruption too.
  double seconds = 0;
};

}  // namespace distill

#endif  // DISTILL_TRAINING_LOSSES_H_
