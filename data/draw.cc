#include "data/draw.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace distill {

absl::StatusOr<std::vector<int64_t>> DrawBalanced(const Dataset& dataset,
                                                  int64_t count,
                                                  const std::string& what,
                                                  Random& random) {
  if (count < 1 || count > dataset.count) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " is ", count, "; it must be from 1 to ",
                     dataset.count, ", the samples of ", dataset.name));
  }
  std::vector<std::vector<int64_t>> of_class(dataset.classes);
  for (int64_t i = 0; i < dataset.count; ++i) {
    if (dataset.labels[i] != kNoLabel) of_class[dataset.labels[i]].push_back(i);
  }
  std::vector<int64_t> present;
  for (int64_t c = 0; c < dataset.classes; ++c) {
    if (!of_class[c].empty()) present.push_back(c);
  }
  const auto classes = static_cast<int64_t>(present.size());
  const std::vector<int64_t> turns = random.Permutation(classes);
  std::vector<int64_t> drawn;
  for (int64_t turn = 0; turn < classes; ++turn) {
    const int64_t c = present[turns[turn]];
    const std::vector<int64_t>& samples = of_class[c];
    const int64_t wanted = count / classes + (turn < count % classes ? 1 : 0);
    const auto found = static_cast<int64_t>(samples.size());
    if (wanted > found) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, " is ", count, ", which is ", wanted, " of class ",
          NamesOf(dataset, {c}), " when the classes have equal shares, and ",
          dataset.name, " has ", found, " of it. Take fewer, or all."));
    }
    const std::vector<int64_t> order = random.Permutation(found);
    for (int64_t i = 0; i < wanted; ++i) drawn.push_back(samples[order[i]]);
  }
  std::sort(drawn.begin(), drawn.end());
  return drawn;
}

std::vector<int64_t> AllBut(const std::vector<int64_t>& positions,
                            int64_t count) {
  std::vector<int64_t> rest;
  auto next = positions.begin();
  for (int64_t i = 0; i < count; ++i) {
    if (next != positions.end() && *next == i) {
      ++next;
    } else {
      rest.push_back(i);
    }
  }
  return rest;
}

}  // namespace distill
