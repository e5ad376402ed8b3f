// Errors: made in one form, and passed on to the caller in one line.
#ifndef DISTILL_BASE_STATUS_H_
#define DISTILL_BASE_STATUS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace distill {

// "WHAT: found FOUND; expected EXPECTED. ADVICE": what is wrong with a file, an
// image or a setting, and what its user can do.
absl::Status Unexpected(absl::StatusCode code, const std::string& what,
                        const std::string& found, const std::string& expected,
                        const std::string& advice = "");

}  // namespace distill

// Returns the absl::Status that the expression gives, unless it is OK.
#define RETURN_IF_ERROR(...)                           \
  do {                                                 \
    absl::Status return_if_error = (__VA_ARGS__);      \
    if (!return_if_error.ok()) return return_if_error; \
  } while (false)

// Returns the error of an absl::StatusOr, or else puts its value into
// `variable`, which may be a declaration: ASSIGN_OR_RETURN(const auto image,
// ReadImage(path)). More than one statement: never behind an `if` without
// braces.
#define ASSIGN_OR_RETURN(variable, ...)                                        \
  DISTILL_ASSIGN_OR_RETURN(DISTILL_STATUS_NAME(or_error_, __LINE__), variable, \
                           __VA_ARGS__)

#define DISTILL_ASSIGN_OR_RETURN(result, variable, ...) \
  auto result = (__VA_ARGS__);                          \
  if (!result.ok()) return std::move(result).status();  \
  variable = *std::move(result)
#define DISTILL_STATUS_NAME(prefix, line) DISTILL_STATUS_NAME_OF(prefix, line)
#define DISTILL_STATUS_NAME_OF(prefix, line) prefix##line

#endif  // DISTILL_BASE_STATUS_H_
