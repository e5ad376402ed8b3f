#include "tests/testing/status.h"

namespace distill {
namespace testing {
namespace {

::testing::AssertionResult Failure(const absl::Status& status) {
  return ::testing::AssertionFailure()
         << "\n  status: " << status.ToString() << "\n  ";
}

}  // namespace

::testing::AssertionResult FailsWith(const absl::Status& status,
                                     absl::StatusCode code,
                                     const std::vector<std::string>& parts) {
  if (status.code() != code) {
    return Failure(status) << "the code should be "
                           << absl::StatusCodeToString(code);
  }
  const std::string message(status.message());
  for (const std::string& part : parts) {
    if (message.find(part) == std::string::npos) {
      return Failure(status) << "the message should have \"" << part << "\"";
    }
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult FailsOnFile(const absl::Status& status,
                                       absl::StatusCode code,
                                       const std::string& path,
                                       const std::string& found,
                                       const std::string& expected) {
  if (path.empty() || path[0] != '/') {
    return Failure(status) << "the test names no absolute path: " << path;
  }
  ::testing::AssertionResult result = FailsWith(status, code, {});
  if (!result) return result;
  const std::string message(status.message());
  const size_t found_at = message.find(": found ");
  const size_t expected_at = message.find("; expected ", found_at);
  if (found_at == std::string::npos || expected_at == std::string::npos) {
    return Failure(status) << "the message should say found and expected";
  }
  if (message.substr(0, found_at) != path) {
    return Failure(status) << "the message should start with " << path;
  }
  if (message.substr(found_at, expected_at - found_at).find(found) ==
      std::string::npos) {
    return Failure(status) << "found should have \"" << found << "\"";
  }
  const size_t expected_in = message.find(expected, expected_at);
  if (expected_in == std::string::npos) {
    return Failure(status) << "expected should have \"" << expected << "\"";
  }
  if (message.find(". ", expected_in) == std::string::npos) {
    return Failure(status) << "the message should end with an advice";
  }
  return ::testing::AssertionSuccess();
}

}  // namespace testing
}  // namespace distill
