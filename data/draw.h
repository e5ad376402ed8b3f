// Which samples a run uses for what.
#ifndef DISTILL_DATA_DRAW_H_
#define DISTILL_DATA_DRAW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/random.h"
#include "data/dataset.h"

namespace distill {

// The positions of `count` samples of `dataset`, ascending, drawn without
// replacement and balanced by class: no two classes that appear in the data set
// differ by more than one, and which of them get the one more is drawn too.
//
// InvalidArgument, in which `what` names the count for people ("--labels"), for
// a count outside 1 .. dataset.count, or if a class has too few samples.
absl::StatusOr<std::vector<int64_t>> DrawBalanced(const Dataset& dataset,
                                                  int64_t count,
                                                  const std::string& what,
                                                  Random& random);

// The positions in 0 .. count - 1 that are not in `positions`, which ascend.
std::vector<int64_t> AllBut(const std::vector<int64_t>& positions,
                            int64_t count);

}  // namespace distill

#endif  // DISTILL_DATA_DRAW_H_
