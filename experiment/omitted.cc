#include "experiment/omitted.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace distill {
namespace {

// The best logit of each kind of class, and whether it is the label's.
struct Best {
  float value = -std::numeric_limits<float>::infinity();
  bool right = false;
};

struct Row {
  Best seen, omitted;
  bool label_omitted = false;

  // Whether the answer is right when `bias` is added to the omitted classes.
  // Of equals the seen class answers.
  bool Right(double bias) const {
    return omitted.value + bias > seen.value ? omitted.right : seen.right;
  }
};

std::vector<Row> RowsOf(const at::Tensor& logits, const Dataset& dataset,
                        const std::vector<int64_t>& omitted) {
  TORCH_CHECK(logits.dim() == 2 && logits.size(0) == dataset.count &&
                  logits.scalar_type() == at::kFloat && logits.is_cpu(),
              "logits are ", logits.sizes(), " of ", logits.scalar_type(),
              "; they must be [", dataset.count,
              ", classes] of float32 on the "
              "CPU");
  const at::Tensor values = logits.contiguous();
  const float* value = values.const_data_ptr<float>();
  std::vector<bool> is_omitted(logits.size(1));
  for (int64_t c : omitted) is_omitted.at(c) = true;
  std::vector<Row> rows(dataset.count);
  for (int64_t i = 0; i < dataset.count; ++i) {
    const int64_t label = dataset.labels[i];
    rows[i].label_omitted = is_omitted[label];
    for (int64_t c = 0; c < logits.size(1); ++c, ++value) {
      Best& best = is_omitted[c] ? rows[i].omitted : rows[i].seen;
      if (*value > best.value) best = {*value, c == label};
    }
  }
  return rows;
}

}  // namespace

double BestBias(const at::Tensor& logits, const Dataset& dataset,
                const std::vector<int64_t>& omitted) {
  // Beyond a row's margin its answer changes once, from the seen class to the
  // omitted one: +1 error, -1, or none.
  std::vector<std::pair<double, int>> changes;
  for (const Row& row : RowsOf(logits, dataset, omitted)) {
    const double margin =
        static_cast<double>(row.seen.value) - row.omitted.value;
    const int change = (row.seen.right ? 1 : 0) - (row.omitted.right ? 1 : 0);
    if (margin >= 0 && change != 0) changes.emplace_back(margin, change);
  }
  std::sort(changes.begin(), changes.end());
  double bias = 0;
  int64_t errors = 0, least = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    errors += changes[i].second;
    const bool last = i + 1 == changes.size();
    // In the middle of a gap, so that rounding decides nothing.
    const double next = last ? changes[i].first + 1 : changes[i + 1].first;
    if (errors < least && next > changes[i].first) {
      least = errors;
      bias = (changes[i].first + next) / 2;
    }
  }
  return bias;
}

OmittedResult EvaluateOmitted(const at::Tensor& logits, const Dataset& dataset,
                              const std::vector<int64_t>& omitted,
                              double bias) {
  OmittedResult result;
  result.bias = bias;
  for (const Row& row : RowsOf(logits, dataset, omitted)) {
    const int corrected_error = row.Right(bias) ? 0 : 1;
    result.corrected_errors += corrected_error;
    if (!row.label_omitted) continue;
    ++result.samples;
    result.errors += row.Right(0) ? 0 : 1;
    result.corrected_omitted_errors += corrected_error;
  }
  return result;
}

}  // namespace distill
