// What an experiment runs on in tests.
#ifndef DISTILL_TESTS_TESTING_EXPERIMENT_H_
#define DISTILL_TESTS_TESTING_EXPERIMENT_H_

#include <cstdint>
#include <memory>

#include "data/dataset.h"
#include "training/device.h"

namespace distill {
namespace testing {

// One split of a ToyDataset of `side` x `side` pixels; both splits have the
// same patterns, and images of their own.
std::shared_ptr<const Dataset> ToySplit(int64_t count, Split split,
                                        double noise = 0.2, int64_t side = 28);

// The CPU in float32.
Compute Cpu();

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_EXPERIMENT_H_
