// For tests that need a GPU.
#ifndef DISTILL_TESTS_TESTING_CUDA_H_
#define DISTILL_TESTS_TESTING_CUDA_H_

#include "gtest/gtest.h"
#include "training/cuda_state.h"

namespace distill {
namespace testing {

// Skips its tests, with the reason, where CUDA does not work.
class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (QueryCuda().devices.empty()) {
      GTEST_SKIP() << "CUDA is missing: " << QueryCuda().why_not;
    }
  }
};

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_CUDA_H_
