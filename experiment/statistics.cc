#include "experiment/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/text.h"

namespace distill {
namespace {

constexpr double kPi = 3.14159265358979323846;

// Of the standard normal distribution: |x| is below it with probability 0.95.
constexpr double kNormal95 = 1.959963984540054;

// The probability that |T| < sqrt(degrees) * tan(angle).
double InnerProbability(double angle, int64_t degrees) {
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  // 1 + (1/2) cos^2 + (1 3)/(2 4) cos^4 + ... up to cos^(degrees - 2); for odd
  // degrees cos + (2/3) cos^3 + (2 4)/(3 5) cos^5 + ...
  double term = odd ? cosine : 1, sum = 0;
  for (int64_t power = odd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(power + 1) /
            static_cast<double>(power + 2);
  }
  return odd ? 2 / kPi * (angle + sine * sum) : sine * sum;
}

}  // namespace

double StudentT95(int64_t degrees) {
  double low = 0, high = kPi / 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (InnerProbability(middle, degrees) < 0.95 ? low : high) = middle;
  }
  return std::sqrt(static_cast<double>(degrees)) * std::tan(low);
}

Interval MeanInterval(const std::vector<double>& values, const Bounds& bounds) {
  const auto n = static_cast<double>(values.size());
  Interval result;
  for (double value : values) result.mean += value / n;
  if (values.size() < 2) {
    result.low = result.high = std::numeric_limits<double>::quiet_NaN();
    return result;
  }
  double squares = 0;
  for (double value : values) {
    squares += (value - result.mean) * (value - result.mean);
  }
  const double half = StudentT95(static_cast<int64_t>(values.size()) - 1) *
                      std::sqrt(squares / (n - 1) / n);
  result.low = std::max(result.mean - half, bounds.low);
  result.high = std::min(result.mean + half, bounds.high);
  return result;
}

Interval WilsonInterval(int64_t hits, int64_t samples) {
  if (samples == 0) return {std::nan(""), std::nan(""), std::nan("")};
  const auto n = static_cast<double>(samples);
  const double share = static_cast<double>(hits) / n;
  const double z2 = kNormal95 * kNormal95;
  const double middle = (share + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kNormal95 / (1 + z2 / n) *
                      std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  // In exact arithmetic the ends are 0 and 1 there.
  return {share, hits == 0 ? 0 : middle - half,
          hits == samples ? 1 : middle + half};
}

std::string PercentWithEnds(const Interval& share) {
  if (std::isnan(share.low)) return Percent(share.mean);
  return absl::StrCat(Percent(share.mean), " (", Percent(share.low), " to ",
                      Percent(share.high), ")");
}

Verdict VerdictOf(const Interval& difference, double margin) {
  if (std::isnan(difference.low)) return Verdict::kUnknown;
  // Equal by chance, as accuracies of few images can be: how far they spread is
  // not known.
  if (difference.low == difference.high && difference.mean != 0) {
    return Verdict::kInconclusive;
  }
  if (difference.low > 0) return Verdict::kBeats;
  if (difference.high < 0) return Verdict::kWorse;
  return difference.low > -margin && difference.high < margin
             ? Verdict::kNoDifference
             : Verdict::kInconclusive;
}

int64_t PairsToDecide(const std::vector<double>& differences, double margin) {
  constexpr int64_t kMost = 1000;
  const Interval now = MeanInterval(differences);
  const auto pairs = static_cast<int64_t>(differences.size());
  const double deviation = (now.high - now.mean) / StudentT95(pairs - 1) *
                           std::sqrt(static_cast<double>(pairs));
  for (int64_t n = pairs; n <= kMost; ++n) {
    const double half =
        StudentT95(n - 1) * deviation / std::sqrt(static_cast<double>(n));
    const Interval then = {now.mean, now.mean - half, now.mean + half};
    if (VerdictOf(then, margin) != Verdict::kInconclusive) return n;
  }
  return 0;
}

std::string VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBeats:
      return "BEATS";
    case Verdict::kWorse:
      return "WORSE";
    case Verdict::kNoDifference:
      return "NO DIFFERENCE";
    case Verdict::kInconclusive:
      return "INCONCLUSIVE";
    case Verdict::kUnknown:
      break;
  }
  return "UNKNOWN";
}

}  // namespace distill
