// Checks of a Status.
#ifndef DISTILL_TESTS_TESTING_STATUS_H_
#define DISTILL_TESTS_TESTING_STATUS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace distill {
namespace testing {

// Whether `status` has the code `code` and each of `parts` in its message:
// EXPECT_TRUE(FailsWith(result.status(), absl::StatusCode::kNotFound, {path}));
::testing::AssertionResult FailsWith(const absl::Status& status,
                                     absl::StatusCode code,
                                     const std::vector<std::string>& parts);

// As FailsWith, for the errors of data/: `path` must be absolute, and the
// message must be "<path>: found <found...>; expected <expected...>. <advice>"
// with `found` and `expected` each in its place and some advice.
::testing::AssertionResult FailsOnFile(const absl::Status& status,
                                       absl::StatusCode code,
                                       const std::string& path,
                                       const std::string& found,
                                       const std::string& expected);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_STATUS_H_
