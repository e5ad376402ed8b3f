#include "training/text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace distill {

std::string Percent(double fraction) {
  return absl::StrFormat("%.2f %%", 100 * fraction);
}

std::string WithCommas(int64_t number) {
  std::string digits = absl::StrCat(number);
  const int first = digits[0] == '-' ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(at, ",");
  }
  return digits;
}

std::string Count(int64_t number, const std::string& noun) {
  return absl::StrCat(WithCommas(number), " ", noun, number == 1 ? "" : "s");
}

}  // namespace distill
