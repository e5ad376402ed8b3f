#include "base/settings.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"

namespace distill {
namespace {

std::string CamelCase(const std::string& name) {
  std::string camel;
  bool upper = false;
  for (const char c : name) {
    if (c != '_') camel += upper ? static_cast<char>(std::toupper(c)) : c;
    upper = c == '_';
  }
  return camel;
}

// A field's value as a flag has it.
std::string FlagText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  if (!value.is_array()) return JsonText(value);
  return absl::StrJoin(value, ",", [](std::string* out, const Json& element) {
    out->append(FlagText(element));
  });
}

}  // namespace

Setting& Setting::AtLeast(double low) {
  has_range_ = true;
  low_ = low;
  return *this;
}

Setting& Setting::Above(double low) {
  low_open_ = true;
  return AtLeast(low);
}

Setting& Setting::Within(double low, double high) {
  high_ = high;
  return AtLeast(low);
}

Setting& Setting::AtLeastBelow(double low, double high) {
  high_open_ = true;
  return Within(low, high);
}

Setting& Setting::InConfigurationAs(const char* name) {
  configuration_name_ = name;
  return *this;
}

Setting& Setting::NotInConfiguration() {
  in_configuration_ = false;
  return *this;
}

Setting& Setting::Path() {
  is_path_ = true;
  return *this;
}

Setting& Setting::Common(const char* short_help) {
  short_help_ = short_help;
  return *this;
}

Setting& Setting::Unless(std::function<std::string()> why_not) {
  conditions_.push_back(std::move(why_not));
  return *this;
}

std::string Setting::RangeText() const {
  const std::string low = absl::StrCat(low_);
  if (std::isfinite(high_)) {
    return high_open_ ? absl::StrCat("at least ", low, " and below ", high_)
                      : absl::StrCat(low, " to ", high_);
  }
  if (type_ != Type::kReal) return absl::StrCat("at least ", low);
  return absl::StrCat("a finite number ", low_open_ ? "above " : "of at least ",
                      low);
}

std::string Setting::Help() const {
  return has_range_ ? absl::StrCat(help_, " Range: ", RangeText(), ".") : help_;
}

std::vector<std::string> Setting::Elements() const {
  if (!is_list_) return {Text()};
  return absl::StrSplit(Text(), ',', absl::SkipEmpty());
}

Json Setting::ToJson() const {
  Json values = Json::array();
  for (const std::string& text : Elements()) {
    int64_t integer = 0;
    uint64_t natural = 0;
    double real = 0;
    if (type_ == Type::kSwitch) {
      values.push_back(text == "true");
    } else if (type_ == Type::kInteger && absl::SimpleAtoi(text, &natural)) {
      values.push_back(natural);
    } else if (type_ == Type::kInteger && absl::SimpleAtoi(text, &integer)) {
      values.push_back(integer);
    } else if (type_ == Type::kReal && absl::SimpleAtod(text, &real)) {
      values.push_back(real);
    } else {
      values.push_back(text);
    }
  }
  return is_list_ ? values : values[0];
}

std::string Setting::OutOfRange() const {
  if (!has_range_) return "";
  const std::vector<std::string> elements = Elements();
  for (const std::string& element : elements) {
    double value = std::numeric_limits<double>::quiet_NaN();
    if (!absl::SimpleAtod(element, &value)) continue;
    const bool above_low = low_open_ ? value > low_ : value >= low_;
    const bool below_high = high_open_ ? value < high_ : value <= high_;
    if (above_low && below_high && std::isfinite(value)) continue;
    const bool several = is_list_ && elements.size() > 1;
    return several ? absl::StrCat("--", name_, " has ", value,
                                  "; each of its values must be ", RangeText())
                   : absl::StrCat("--", name_, " is ", Text(), "; it must be ",
                                  RangeText());
  }
  return "";
}

absl::Status Setting::Set(const std::string& text, bool typed) {
  std::string why;
  if (!parse_(text, &why)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", name_, " is \"", text, "\"",
        why.empty() ? ", which is not a value of its type"
                    : absl::StrCat(is_list_ ? ", and " : "; ", why),
        "; its default is ", default_text_.empty() ? "\"\"" : default_text_));
  }
  typed_ = typed_ || typed;
  return absl::OkStatus();
}

Setting& Settings::NewRow(const char* name, const void* address,
                          const std::string& help) {
  rows_.emplace_back();
  Setting& row = rows_.back();
  row.name_ = name;
  row.configuration_name_ = CamelCase(name);
  row.group_ = group_;
  row.address_ = address;
  row.help_ = help;
  return row;
}

void Settings::Remove(const std::vector<std::string>& names) {
  rows_.erase(std::remove_if(rows_.begin(), rows_.end(),
                             [&names](const Setting& row) {
                               return std::find(names.begin(), names.end(),
                                                row.name()) != names.end();
                             }),
              rows_.end());
}

Setting* Settings::Find(const std::string& name) {
  for (Setting& row : rows_) {
    if (row.name_ == name) return &row;
  }
  return nullptr;
}

absl::Status Settings::CheckRanges() const {
  for (const Setting& row : rows_) {
    const std::string wrong = row.OutOfRange();
    if (!wrong.empty()) return absl::InvalidArgumentError(wrong);
  }
  return absl::OkStatus();
}

std::string Setting::WhyNot() const {
  for (const auto& condition : conditions_) {
    std::string why_not = condition();
    if (!why_not.empty()) return why_not;
  }
  return "";
}

absl::Status Settings::CheckApplies() const {
  for (const Setting& row : rows_) {
    const std::string why_not = row.IsGiven() ? row.WhyNot() : "";
    if (why_not.empty()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        row.Text() == "false" && row.default_text_ == "true" ? "--no" : "--",
        row.name_, " is given and would change nothing: ", why_not,
        ". Leave it out."));
  }
  return absl::OkStatus();
}

std::set<std::string> Settings::typed() const {
  std::set<std::string> names;
  for (const Setting& row : rows_) {
    if (row.typed_) names.insert(row.name_);
  }
  return names;
}

void Settings::MarkTyped(const std::set<std::string>& names) {
  for (Setting& row : rows_) {
    row.typed_ = row.typed_ || names.count(row.name_) > 0;
  }
}

void Settings::ChangePaths(
    const std::function<std::string(const std::string&)>& change) {
  for (const Setting& row : rows_) {
    std::string unused;
    if (!row.is_path_) continue;
    std::vector<std::string> paths = row.Elements();
    for (std::string& path : paths) path = change(path);
    row.parse_(absl::StrJoin(paths, ","), &unused);
  }
}

Json Settings::Configuration() const {
  Json configuration = Json::object();
  for (const Setting& row : rows_) {
    if (row.in_configuration_) {
      configuration[row.configuration_name_] = row.ToJson();
    }
  }
  return configuration;
}

absl::Status Settings::Configure(const Json& configuration,
                                 const std::set<std::string>& facts,
                                 const std::string& from) {
  for (const auto& field : configuration.items()) {
    if (facts.count(field.key()) > 0) continue;
    const auto row = std::find_if(
        rows_.begin(), rows_.end(), [&field](const Setting& candidate) {
          return candidate.in_configuration_ &&
                 (candidate.configuration_name_ == field.key() ||
                  candidate.name_ == field.key());
        });
    if (row == rows_.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          from, ": found the field \"", field.key(),
          "\", which is none of a configuration; expected a run's config.json, "
          "or an object of settings like {\"batchSize\": 64}. --print_config "
          "prints one."));
    }
    if (row->typed_) continue;
    const absl::Status set = row->Set(FlagText(field.value()), /*typed=*/false);
    if (!set.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(from, ": ", set.message()));
    }
  }
  return absl::OkStatus();
}

void Settings::TakeDefaults(const Settings& defaults) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].default_text_ = defaults.rows_[i].Text();
  }
}

}  // namespace distill
