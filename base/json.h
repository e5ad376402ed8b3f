// JSON as the project reads and writes it.
#ifndef DISTILL_BASE_JSON_H_
#define DISTILL_BASE_JSON_H_

#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace distill {

// Keeps the order in which fields are added, which is the order to read them.
using Json = nlohmann::ordered_json;

// `value`, or null for NaN and infinity, which JSON does not have.
Json Number(double value);

// `json` as text, on one line unless `indent` is at least 0. What is not UTF-8
// (a path can be anything) is replaced.
std::string JsonText(const Json& json, int indent = -1);

// The reverse, of a file that anybody may have written: discarded
// (is_discarded()) if it is no JSON, or nested deeper than anything that this
// project writes. What works its way down into JSON would run out of stack
// there.
Json ParseJson(const std::string& text);

// The texts of a JSON array that `text` is; none for anything else.
std::optional<std::vector<std::string>> TextsOf(const std::string& text);

// What differs between the configurations of an earlier run and of this one:
// "temperature was 5 and is 4; seed was 0 and is 1"; empty if nothing does.
// Long values are cut short.
std::string Differences(const Json& then, const Json& now);

}  // namespace distill

#endif  // DISTILL_BASE_JSON_H_
