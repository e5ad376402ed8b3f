#include "base/status.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace distill {

absl::Status Unexpected(absl::StatusCode code, const std::string& what,
                        const std::string& found, const std::string& expected,
                        const std::string& advice) {
  return absl::Status(
      code, absl::StrCat(what, ": found ", found, "; expected ", expected,
                         advice.empty() ? "" : ". ", advice));
}

}  // namespace distill
