#include "report/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "c10/core/ScalarType.h"
#include "c10/util/Exception.h"

namespace distill {
namespace {

// log(sum of exp(scale * value)), without overflow.
double LogSumExp(const double* values, int64_t count, double scale) {
  const double largest = *std::max_element(values, values + count) * scale;
  double sum = 0;
  for (int64_t c = 0; c < count; ++c) {
    sum += std::exp(values[c] * scale - largest);
  }
  return largest + std::log(sum);
}

int BinOf(double probability) {
  const int bin =
      static_cast<int>(std::ceil(probability * kCalibrationBins)) - 1;
  return std::min(std::max(bin, 0), kCalibrationBins - 1);
}

double ExpectedCalibrationError(const std::vector<CalibrationBin>& bins,
                                int64_t samples) {
  double sum = 0;
  for (const CalibrationBin& bin : bins) {
    const auto n = static_cast<double>(bin.samples);
    sum += std::fabs(static_cast<double>(bin.hits) - n * bin.confidence);
  }
  return sum / static_cast<double>(samples);
}

// Whether fewer than five logits come before the label's.
bool AmongFive(const Predictions& predictions, int64_t sample, int64_t label) {
  const double own = predictions.LogProbability(sample, label);
  int64_t before = 0;
  for (int64_t c = 0; c < predictions.classes; ++c) {
    const double other = predictions.LogProbability(sample, c);
    before += other > own || (other == own && c < label) ? 1 : 0;
  }
  return before < 5;
}

// See ModelMetrics::balanced.
std::optional<double> BalancedAccuracy(const ModelMetrics& metrics) {
  int64_t smallest = metrics.samples, largest = 0, with_samples = 0;
  double sum = 0;
  for (int64_t c = 0; c < metrics.classes; ++c) {
    const int64_t samples = metrics.label_samples[c];
    if (samples == 0) continue;
    smallest = std::min(smallest, samples);
    largest = std::max(largest, samples);
    ++with_samples;
    sum += metrics.ClassAccuracy(c);
  }
  if (largest <= 2 * smallest) return std::nullopt;
  return sum / static_cast<double>(with_samples);
}

}  // namespace

double Predictions::Probability(int64_t sample, int64_t class_index) const {
  return std::exp(LogProbability(sample, class_index));
}

Predictions PredictionsOf(const at::Tensor& logits) {
  TORCH_CHECK(
      logits.dim() == 2 && logits.numel() > 0 &&
          logits.scalar_type() == at::kFloat && logits.device().is_cpu(),
      "logits: found ", logits.sizes(), " ", logits.scalar_type(), " on ",
      logits.device(), "; expected [samples, classes] float32 on the CPU");
  Predictions predictions;
  predictions.samples = logits.size(0);
  predictions.classes = logits.size(1);
  const at::Tensor rows = logits.contiguous();
  const float* values = rows.const_data_ptr<float>();
  predictions.log_probabilities.assign(values, values + rows.numel());
  predictions.predicted.reserve(predictions.samples);
  for (int64_t i = 0; i < predictions.samples; ++i) {
    double* row = &predictions.log_probabilities[i * predictions.classes];
    double* end = row + predictions.classes;
    TORCH_CHECK(std::all_of(row, end,
                            [](double value) { return std::isfinite(value); }),
                "logits: found one of sample ", i, " that is not finite");
    const double log_sum = LogSumExp(row, predictions.classes, 1);
    predictions.predicted.push_back(
        static_cast<int>(std::max_element(row, end) - row));
    std::for_each(row, end, [log_sum](double& value) { value -= log_sum; });
  }
  return predictions;
}

std::vector<double> Softened(const Predictions& predictions, int64_t sample,
                             double temperature) {
  const double* row =
      &predictions.log_probabilities[sample * predictions.classes];
  // Logits less a constant have the same softmax.
  const double log_sum = LogSumExp(row, predictions.classes, 1 / temperature);
  std::vector<double> probabilities(predictions.classes);
  std::transform(
      row, row + predictions.classes, probabilities.begin(),
      [&](double value) { return std::exp(value / temperature - log_sum); });
  return probabilities;
}

int64_t ModelMetrics::Confused(int64_t label, int64_t predicted) const {
  if (label == predicted) return label_hits[label];
  const auto found = confusions.find({label, predicted});
  return found == confusions.end() ? 0 : found->second;
}

double ModelMetrics::ClassAccuracy(int64_t label) const {
  return label_samples[label] == 0
             ? std::numeric_limits<double>::quiet_NaN()
             : static_cast<double>(label_hits[label]) /
                   static_cast<double>(label_samples[label]);
}

ModelMetrics Measure(const Predictions& predictions,
                     const std::vector<int32_t>& labels) {
  TORCH_CHECK(predictions.samples == 0 ||
                  static_cast<int64_t>(labels.size()) == predictions.samples,
              "labels: found ", labels.size(), "; expected ",
              predictions.samples, ", one a sample");
  ModelMetrics metrics;
  metrics.samples = predictions.samples;
  metrics.classes = predictions.classes;
  metrics.bins.resize(kCalibrationBins);
  metrics.label_samples.resize(predictions.classes);
  metrics.label_hits.resize(predictions.classes);
  const bool with_top5 = predictions.classes >= kTop5Classes;
  int64_t top5_hits = 0;
  for (int64_t i = 0; i < predictions.samples; ++i) {
    const int predicted = predictions.predicted[i];
    const bool hit = predicted == labels[i];
    metrics.errors += hit ? 0 : 1;
    metrics.nll -= predictions.LogProbability(i, labels[i]);
    ++metrics.label_samples[labels[i]];
    if (hit) {
      ++metrics.label_hits[labels[i]];
    } else {
      ++metrics.confusions[{labels[i], predicted}];
    }
    top5_hits += with_top5 && AmongFive(predictions, i, labels[i]) ? 1 : 0;
    const double confidence = predictions.Probability(i, predicted);
    CalibrationBin& bin = metrics.bins[BinOf(confidence)];
    ++bin.samples;
    bin.hits += hit ? 1 : 0;
    bin.confidence += confidence;  // The sum, here.
  }
  for (CalibrationBin& bin : metrics.bins) {
    if (bin.samples > 0) bin.confidence /= static_cast<double>(bin.samples);
  }
  metrics.nll /= static_cast<double>(predictions.samples);
  metrics.accuracy =
      WilsonInterval(predictions.samples - metrics.errors, predictions.samples);
  if (with_top5) {
    metrics.top5 = static_cast<double>(top5_hits) /
                   static_cast<double>(predictions.samples);
  }
  metrics.balanced = BalancedAccuracy(metrics);
  metrics.ece = ExpectedCalibrationError(metrics.bins, predictions.samples);
  return metrics;
}

Fidelity CompareWithTeacher(const Predictions& teacher,
                            const Predictions& student,
                            const std::vector<int32_t>& labels) {
  Fidelity fidelity;
  for (int64_t i = 0; i < teacher.samples; ++i) {
    const bool agreed = teacher.predicted[i] == student.predicted[i];
    const bool wrong = teacher.predicted[i] != labels[i];
    fidelity.agreed += agreed ? 1 : 0;
    fidelity.teacher_errors += wrong ? 1 : 0;
    fidelity.agreed_on_teacher_errors += agreed && wrong ? 1 : 0;
    for (int64_t c = 0; c < teacher.classes; ++c) {
      const double log_p = teacher.LogProbability(i, c);
      fidelity.kl += std::exp(log_p) * (log_p - student.LogProbability(i, c));
    }
  }
  fidelity.kl /= static_cast<double>(teacher.samples);
  return fidelity;
}

Discordance CompareErrors(const Predictions& first, const Predictions& second,
                          const std::vector<int32_t>& labels) {
  Discordance discordance;
  for (int64_t i = 0; i < first.samples; ++i) {
    const bool first_right = first.predicted[i] == labels[i];
    const bool second_right = second.predicted[i] == labels[i];
    if (first_right && !second_right) ++discordance.only_first_right;
    if (second_right && !first_right) ++discordance.only_second_right;
  }
  return discordance;
}

double Entropy(const std::vector<double>& probabilities) {
  double sum = 0;
  for (double p : probabilities) sum -= p > 0 ? p * std::log(p) : 0;
  return sum;
}

std::vector<int64_t> MostDarkKnowledge(const Predictions& teacher,
                                       const std::vector<int32_t>& labels,
                                       double temperature, int64_t most) {
  std::vector<std::pair<double, int64_t>> ranked;
  for (int64_t i = 0; i < teacher.samples; ++i) {
    if (teacher.predicted[i] != labels[i]) continue;
    ranked.emplace_back(-Entropy(Softened(teacher, i, temperature)), i);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<int64_t> samples;
  for (const auto& [entropy, sample] : ranked) {
    if (static_cast<int64_t>(samples.size()) == most) break;
    samples.push_back(sample);
  }
  return samples;
}

std::vector<int64_t> StudentAlone(bool right, const Predictions& teacher,
                                  const Predictions& student,
                                  const Predictions* control,
                                  const std::vector<int32_t>& labels) {
  std::vector<int64_t> samples;
  for (int64_t i = 0; i < student.samples; ++i) {
    const auto is_right = [&](const Predictions& predictions) {
      return predictions.predicted[i] == labels[i];
    };
    if (is_right(student) == right &&
        (teacher.samples == 0 || is_right(teacher) != right) &&
        (control == nullptr || is_right(*control) != right)) {
      samples.push_back(i);
    }
  }
  return samples;
}

}  // namespace distill
