#include "experiment/learnt.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/text.h"
#include "experiment/statistics.h"

namespace distill {

LearningBar BarOf(const Dataset& train) {
  std::vector<int64_t> counts(train.classes);
  int64_t labelled = 0;
  for (const int32_t label : train.labels) {
    if (label == kNoLabel) continue;
    ++counts[label];
    ++labelled;
  }
  LearningBar bar;
  bar.chance =
      static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
      static_cast<double>(labelled);
  bar.bar = bar.chance + 0.1 * (1 - bar.chance);
  const double distance = bar.bar - bar.chance;
  double variance = 0;
  for (double p : {bar.chance, bar.bar, bar.bar + distance}) {
    variance = std::max(variance, p * (1 - p));
  }
  const double deviations = LearningBar::kDeviations / distance;
  bar.enough = std::max<int64_t>(
      1, static_cast<int64_t>(std::ceil(deviations * deviations * variance)));
  return bar;
}

std::string LearningEvidence::Describe() const {
  std::string text = absl::StrFormat("%s of %s", Percent(accuracy()), what);
  if (exact) return text;
  const Interval interval = WilsonInterval(correct, samples);
  return absl::StrCat(text, " (", WithCommas(samples),
                      " of them; 95 % interval ", Percent(interval.low), " to ",
                      Percent(interval.high), ")");
}

bool IsEnough(const LearningEvidence& evidence, const LearningBar& bar) {
  return evidence.exact || evidence.samples >= bar.enough;
}

}  // namespace distill
