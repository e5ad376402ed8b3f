// What a few runs allow to say.
#ifndef DISTILL_EXPERIMENT_STATISTICS_H_
#define DISTILL_EXPERIMENT_STATISTICS_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace distill {

// A mean and its confidence interval of 95 %; the ends are NaN where a single
// value gives none.
struct Interval {
  double mean = 0, low = 0, high = 0;
};

// What a quantity can be.
struct Bounds {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};
constexpr Bounds kShare = {0, 1};  // Accuracies, for instance.

// The number that |T| stays below with probability 0.95, T having Student's t
// distribution with `degrees` >= 1 degrees of freedom; to 1e-12 of itself.
//
// By bisection of its distribution function as a finite sum (M. Abramowitz, I.
// Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4).
double StudentT95(int64_t degrees);

// The 95 % interval of the mean of n >= 1 values, independent and about
// normally distributed: mean +- StudentT95(n - 1) * standard deviation /
// sqrt(n), where the deviation divides by n - 1. An end beyond `bounds`, where
// no such mean can be, is there instead.
Interval MeanInterval(const std::vector<double>& values,
                      const Bounds& bounds = {});

// The interval of 95 % for a probability of which `hits` of `samples` tries
// came true, NaN without any; mean is the share itself. Never outside of [0,
// 1], and right also where all or none came true.
//
// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
// Inference", 1927, with z = 1.959964, the normal distribution's quantile.
Interval WilsonInterval(int64_t hits, int64_t samples);

// "98.05 % (97.98 % to 98.12 %)" of a share, or the mean alone.
std::string PercentWithEnds(const Interval& share);

enum class Verdict {
  kUnknown,       // One pair: no interval.
  kBeats,         // The interval of the differences is above 0,
  kWorse,         // below 0,
  kNoDifference,  // or has 0 in it and is within the margin on both sides,
  kInconclusive,  // or is too wide for either, or of no width beside 0.
};

// The verdict on paired differences, of which those above 0 are improvements
// and those smaller than `margin` do not matter (both in the same unit).
Verdict VerdictOf(const Interval& difference, double margin);

// How many pairs like `differences`, at least two, would give an interval that
// decides, if their mean and standard deviation stayed what they are; 0 if more
// than 1,000.
int64_t PairsToDecide(const std::vector<double>& differences, double margin);

// "BEATS", "WORSE", "NO DIFFERENCE", "INCONCLUSIVE" or "UNKNOWN".
std::string VerdictName(Verdict verdict);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_STATISTICS_H_
