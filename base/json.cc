#include "base/json.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace distill {

Json Number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

std::string JsonText(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json ParseJson(const std::string& text) {
  constexpr int kDeepest = 32;
  bool deep = false;
  const auto watch = [&deep](int depth, Json::parse_event_t, const Json&) {
    deep = deep || depth > kDeepest;
    return !deep;
  };
  Json json = Json::parse(text, watch, /*allow_exceptions=*/false);
  return deep ? Json(Json::value_t::discarded) : json;
}

std::optional<std::vector<std::string>> TextsOf(const std::string& text) {
  const Json json = ParseJson(text);
  if (!json.is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (const Json& item : json) {
    if (!item.is_string()) return std::nullopt;
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

std::string Differences(const Json& then, const Json& now) {
  std::vector<std::string> differences;
  const auto compare = [&](const std::string& name) {
    const auto text = [&name](const Json& json) {
      return json.contains(name) ? JsonText(json.at(name)) : "not there";
    };
    const std::string before = text(then), after = text(now);
    if (before == after) return;
    const auto shown = [](const std::string& value) {
      constexpr size_t kLongest = 200;  // Bytes.
      return value.size() <= kLongest
                 ? value
                 : absl::StrCat(value.substr(0, kLongest), "...");
    };
    differences.push_back(
        absl::StrCat(name, " was ", shown(before), " and is ", shown(after)));
  };
  for (const auto& item : now.items()) compare(item.key());
  for (const auto& item : then.items()) {
    if (!now.contains(item.key())) compare(item.key());
  }
  return absl::StrJoin(differences, "; ");
}

}  // namespace distill
