// What a test set says of models, beyond their accuracy.
#ifndef DISTILL_REPORT_METRICS_H_
#define DISTILL_REPORT_METRICS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "experiment/statistics.h"

namespace distill {

// One model's predictions for every sample of a set.
struct Predictions {
  int64_t samples = 0;
  int64_t classes = 0;
  // log softmax(logits), [samples, classes], row-major, in nats.
  std::vector<double> log_probabilities;
  // [samples], the class with the largest logit; the first of equal ones.
  std::vector<int> predicted;

  double LogProbability(int64_t sample, int64_t class_index) const {
    return log_probabilities[sample * classes + class_index];
  }
  double Probability(int64_t sample, int64_t class_index) const;
};

// The predictions in `logits` [samples, classes] float32 on the CPU, at least
// one of each and all finite (TORCH_CHECK).
Predictions PredictionsOf(const at::Tensor& logits);

// softmax(logits / temperature) of one sample, [classes]; temperature > 0.
std::vector<double> Softened(const Predictions& predictions, int64_t sample,
                             double temperature);

// Samples whose predicted class has a probability in one part of (0, 1].
struct CalibrationBin {
  int64_t samples = 0;
  int64_t hits = 0;       // Of these, predicted right.
  double confidence = 0;  // Mean of the probabilities; 0 without samples.
};

constexpr int kCalibrationBins = 15;

// From so many classes on, five guesses say something too.
constexpr int64_t kTop5Classes = 20;
// More classes than these have no matrix of all confusions, in no file.
constexpr int64_t kMostMatrixClasses = 100;

struct ModelMetrics {
  int64_t samples = 0;
  int64_t errors = 0;
  Interval accuracy;  // Wilson's.
  // Mean of -log of the label's probability, in nats.
  double nll = 0;
  // The expected calibration error, in [0, 1]: the mean over the samples of
  // |share of right predictions - mean probability of the predicted class| of
  // their bin, with 15 bins of equal width. C. Guo et al., "On Calibration of
  // Modern Neural Networks", 2017, equation 3.
  double ece = 0;
  // Bin i has the probabilities in (i / 15, (i + 1) / 15].
  std::vector<CalibrationBin> bins;
  // The share of samples whose label's logit is among the five largest, where
  // of equal ones the first come first; none of fewer classes than
  // kTop5Classes.
  std::optional<double> top5;
  // The mean of the class accuracies over the classes that have samples; none
  // where the largest of these has at most twice the smallest's samples, as
  // it then says what the accuracy says. K. H. Brodersen et al., "The Balanced
  // Accuracy and Its Posterior Distribution", 2010.
  std::optional<double> balanced;
  int64_t classes = 0;
  // [classes]: the samples of each label, and how many of these are right.
  std::vector<int64_t> label_samples, label_hits;
  // How often the label `first` was predicted to be `second`, which is another
  // class, where that happened: there are no more pairs than errors, however
  // many the classes.
  std::map<std::pair<int64_t, int64_t>, int64_t> confusions;

  // How often `label` was predicted to be `predicted`, which may be the same.
  int64_t Confused(int64_t label, int64_t predicted) const;
  // Share of right predictions among the label's samples; NaN without any.
  double ClassAccuracy(int64_t label) const;
};

// `labels` [samples], each in [0, classes). Of no samples every share and mean
// is NaN.
ModelMetrics Measure(const Predictions& predictions,
                     const std::vector<int32_t>& labels);

// How near a student is to its teacher.
struct Fidelity {
  // Samples of which both predict the same class, in all and among those of
  // which the teacher is wrong.
  int64_t agreed = 0;
  int64_t teacher_errors = 0;
  int64_t agreed_on_teacher_errors = 0;
  // Mean KL(teacher || student) of the predictions at temperature 1, in nats.
  double kl = 0;
};

Fidelity CompareWithTeacher(const Predictions& teacher,
                            const Predictions& student,
                            const std::vector<int32_t>& labels);

// How many samples one of two models predicts right and the other wrong.
struct Discordance {
  int64_t only_first_right = 0;
  int64_t only_second_right = 0;
};

Discordance CompareErrors(const Predictions& first, const Predictions& second,
                          const std::vector<int32_t>& labels);

// Where the teacher has most to say beyond the label: the samples that it
// predicts right with the largest entropies of softmax(logits / temperature),
// largest first, at most `most`; of equal ones the first.
std::vector<int64_t> MostDarkKnowledge(const Predictions& teacher,
                                       const std::vector<int32_t>& labels,
                                       double temperature, int64_t most);

// The entropy, in nats, of `probabilities` that sum to 1.
double Entropy(const std::vector<double>& probabilities);

// The samples that the student predicts right (or wrong), and the teacher and
// the control, if there is one (not null), do not; in their order.
std::vector<int64_t> StudentAlone(bool right, const Predictions& teacher,
                                  const Predictions& student,
                                  const Predictions* control,
                                  const std::vector<int32_t>& labels);

}  // namespace distill

#endif  // DISTILL_REPORT_METRICS_H_
