// Numbers as people read them.
#ifndef DISTILL_BASE_TEXT_H_
#define DISTILL_BASE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace distill {

// 0.98765 as "98.77 %", NaN (not known) as "-".
std::string Percent(double fraction);

// 421642 as "421,642".
std::string WithCommas(int64_t number);

// "1 epoch", "2 epochs".
std::string Count(int64_t number, const std::string& noun);

// `text` without bytes that a terminal would obey: control characters as
// "\x1B".
std::string Printable(const std::string& text);

// Ascending numbers as "0, 3 to 5".
std::string RangesText(const std::vector<int64_t>& numbers);

}  // namespace distill

#endif  // DISTILL_BASE_TEXT_H_
