#ifndef DISTILL_TESTS_LOSSES_REFERENCE_H_
#define DISTILL_TESTS_LOSSES_REFERENCE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <vector>

namespace distill {

// What the losses are held against: the textbook formula, written to be read,
// in long double. Its 64 bits of mantissa (or more) are what lets it stay plain
// where the code under test has to be careful.
static_assert(std::numeric_limits<long double>::digits >= 64,
              "the reference needs more digits than double has");

struct ReferenceTerms {
  long double soft = 0;
  long double hard = 0;
  std::vector<long double> soft_gradient;
  std::vector<long double> hard_gradient;
};

inline std::vector<long double> LogSoftmax(const std::vector<double>& logits,
                                           double temperature) {
  const long double top = *std::max_element(logits.begin(), logits.end());
  long double sum = 0;
  for (double logit : logits) sum += std::exp((logit - top) / temperature);
  std::vector<long double> result;
  result.reserve(logits.size());
  for (double logit : logits) {
    result.push_back((logit - top) / temperature - std::log(sum));
  }
  return result;
}

// One row: soft = T^2 KL(softmax(t/T) || softmax(s/T)), hard = -log
// softmax(s)[label], and their gradients by s.
inline ReferenceTerms ReferenceRow(const std::vector<double>& s,
                                   const std::vector<double>& t, int64_t label,
                                   double temperature) {
  const std::vector<long double> log_q = LogSoftmax(s, temperature);
  const std::vector<long double> log_p = LogSoftmax(t, temperature);
  const std::vector<long double> log_hard = LogSoftmax(s, 1);
  ReferenceTerms terms;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const long double p = std::exp(log_p[i]);
    const long double q = std::exp(log_q[i]);
    const long double one_hot = static_cast<int64_t>(i) == label ? 1 : 0;
    terms.soft += temperature * temperature * p * (log_p[i] - log_q[i]);
    terms.soft_gradient.push_back(temperature * (q - p));
    terms.hard_gradient.push_back(std::exp(log_hard[i]) - one_hot);
  }
  terms.hard = -log_hard[label];
  return terms;
}

// The table of the losses' design, computed with PyTorch 2.11 in float64:
// T^2 * kl_div(log_softmax(s/T), log_softmax(t/T), "sum", log_target) and
// cross_entropy(s, label).
struct TableRow {
  std::vector<double> s;
  std::vector<double> t;
  int64_t label;
  double temperature;
  double soft;
  double hard;
};

inline std::ostream& operator<<(std::ostream& out, const TableRow& row) {
  return out << row.s.size() << " classes, T " << row.temperature << ", soft "
             << row.soft << ", hard " << row.hard;
}

inline std::vector<TableRow> PyTorchTable() {
  return {
      {{1, 2, 3}, {3, 2, 1}, 2, 1, 1.15042076521, 0.407605964444},
      {{1, 2, 3}, {3, 2, 1}, 2, 5, 1.32452079356, 0.407605964444},
      {{2, -1, 0.5, 0}, {4, -2, 0, 1}, 0, 4, 0.69374070246, 0.34234958239},
      {{10, 0, 0}, {0, 0, 10}, 0, 1, 9.99863812577, 9.07957374673e-05},
      {{1e4, 0, -1e4}, {-1e4, 0, 1e4}, 1, 20, 400000, 10000},
      {{0.3, -0.7}, {1.1, 0.2}, 1, 2, 0.00118430594076, 1.31326168752},
  };
}

// The table is printed with 12 significant digits: half a unit of the last one
// is at most 5e-12 of the value.
constexpr double kTableTolerance = 5e-12;

}  // namespace distill

#endif  // DISTILL_TESTS_LOSSES_REFERENCE_H_
