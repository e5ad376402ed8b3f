#include "base/text.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace distill {

std::string Percent(double fraction) {
  if (std::isnan(fraction)) return "-";
  return absl::StrFormat("%.2f %%", 100 * fraction);
}

std::string Printable(const std::string& text) {
  std::string printable;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&printable, "\\x%02X", byte);
    } else {
      printable += c;
    }
  }
  return printable;
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

std::string RangesText(const std::vector<int64_t>& numbers) {
  std::vector<std::string> ranges;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const int64_t first = numbers[i];
    while (i + 1 < numbers.size() && numbers[i + 1] == numbers[i] + 1) ++i;
    ranges.push_back(numbers[i] == first
                         ? absl::StrCat(first)
                         : absl::StrCat(first, " to ", numbers[i]));
  }
  return absl::StrJoin(ranges, ", ");
}

}  // namespace distill
