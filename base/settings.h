// The settings of a program, as one table: what flags, their help, ranges and
// messages, the configuration of a run and what reads it again are made from.
//
// A struct of options describes its members in a function beside them:
//
//   struct Options {
//     int64_t batch_size = 64;
//     template <typename Table>
//     void AddSettings(Table& table) {
//       table.Add("batch_size", &batch_size, "Images in a step.").AtLeast(1);
//     }
//   };
//
// A row there is all that a new flag takes. What needs no table includes no
// header: AddSettings is compiled where SettingsOf is called.
#ifndef DISTILL_BASE_SETTINGS_H_
#define DISTILL_BASE_SETTINGS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/marshalling.h"
#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace distill {

using Json = nlohmann::ordered_json;

// A word for a value of an enumeration.
template <typename Enum>
using Choices = std::vector<std::pair<const char*, Enum>>;

// One setting: a member of an options struct, and what there is to know of it.
class Setting {
 public:
  // The values that it may have; for a list, each of its elements. Of reals
  // none but finite ones are in any range.
  Setting& AtLeast(double low);
  Setting& Above(double low);
  Setting& Within(double low, double high);        // Both ends are in.
  Setting& AtLeastBelow(double low, double high);  // The upper end is not.

  // Its name in a configuration; else its own in camel case.
  Setting& InConfigurationAs(const char* name);
  // The result does not depend on it, or is known by other facts: no part of a
  // configuration.
  Setting& NotInConfiguration();
  // A path, which is relative to where the user stands.
  Setting& Path();
  // One that many users set: in the short help, as `short_help`.
  Setting& Common(const char* short_help);
  // `why_not` returns why the setting has no effect on what is asked for, like
  // "--method=at does not use it"; empty if it has.
  Setting& Unless(std::function<std::string()> why_not);

  const std::string& name() const { return name_; }
  const std::string& group() const { return group_; }
  // With its range.
  std::string Help() const;
  const std::string& default_text() const { return default_text_; }
  const std::string& configuration_name() const { return configuration_name_; }
  bool in_configuration() const { return in_configuration_; }
  bool is_switch() const { return type_ == Type::kSwitch; }
  bool is_path() const { return is_path_; }
  // Empty if it is not common.
  const std::string& short_help() const { return short_help_; }
  // Whether Set was called for it by its user.
  bool typed() const { return typed_; }
  // The member: what tells one setting from another.
  const void* address() const { return address_; }

  // The value as a flag has it.
  std::string Text() const { return text_(); }
  // The same of each element of a list; of what is no list the one value.
  std::vector<std::string> Elements() const;
  // Whether the user has set it: by Set, or to another value than the default.
  bool IsGiven() const { return typed_ || Text() != default_text_; }
  // Why it has no effect on what is asked for; empty if it has.
  std::string WhyNot() const;

  // Sets the value. InvalidArgument that names the setting, for a text that is
  // no value of its type; the range is checked by Settings::Check.
  absl::Status Set(const std::string& text, bool typed = true);

 private:
  friend class Settings;

  Json ToJson() const;
  // Empty if the value is in the range.
  std::string OutOfRange() const;
  std::string RangeText() const;

  std::string name_, group_, help_, short_help_, default_text_;
  std::string configuration_name_;
  bool in_configuration_ = true, is_path_ = false;
  enum class Type { kSwitch, kInteger, kReal, kText } type_ = Type::kText;
  bool is_list_ = false, typed_ = false;
  bool has_range_ = false, low_open_ = false, high_open_ = false;
  double low_ = -std::numeric_limits<double>::infinity();
  double high_ = std::numeric_limits<double>::infinity();
  const void* address_ = nullptr;
  std::vector<std::function<std::string()>> conditions_;
  // False, with the reason, for a text that is no value.
  std::function<bool(const std::string&, std::string*)> parse_;
  std::function<std::string()> text_;
};

// The settings of one program. Rows point into options, which must outlive it.
class Settings {
 public:
  // The group of the rows that follow: a heading of the help.
  void Group(const std::string& title) { group_ = title; }

  // Adds a row. `value` is a bool, an integer, a double, a string, or a vector
  // of these, which a text has with commas between its elements. The name is
  // the flag's, and must be new, but for a row that was removed.
  template <typename T>
  Setting& Add(const char* name, T* value, const std::string& help) {
    Setting& row = NewRow(name, value, help);
    using Element = typename ElementOf<T>::type;
    row.type_ = std::is_same_v<Element, bool>       ? Setting::Type::kSwitch
                : std::is_integral_v<Element>       ? Setting::Type::kInteger
                : std::is_floating_point_v<Element> ? Setting::Type::kReal
                                                    : Setting::Type::kText;
    row.is_list_ = !std::is_same_v<Element, T>;
    row.parse_ = [value](const std::string& text, std::string* why) {
      return Parse(text, value, why);
    };
    row.text_ = [value] { return TextOf(*value); };
    return row;
  }

  // The same for one of `choices`.
  template <typename Enum>
  Setting& Add(const char* name, Enum* value, const Choices<Enum>& choices,
               const std::string& help) {
    Setting& row = NewRow(name, value, help);
    row.parse_ = [value, choices](const std::string& text, std::string* why) {
      for (const auto& [word, choice] : choices) {
        if (text == word) {
          *value = choice;
          return true;
        }
      }
      *why = "it must be " +
             absl::StrJoin(choices, " or ", [](std::string* out, auto& choice) {
               out->append(choice.first);
             });
      return false;
    };
    row.text_ = [value, choices] {
      for (const auto& [word, choice] : choices) {
        if (*value == choice) return std::string(word);
      }
      return std::string();
    };
    return row;
  }

  // Takes rows out, which must be there: what another struct's table has and
  // this program does not.
  void Remove(const std::vector<std::string>& names);

  // Null if there is none.
  Setting* Find(const std::string& name);
  const std::deque<Setting>& rows() const { return rows_; }

  // InvalidArgument for the first setting that is out of its range: its name,
  // its value and the range.
  absl::Status CheckRanges() const;
  // InvalidArgument for the first one that is given and has no effect.
  absl::Status CheckApplies() const;

  // The names of those that Set has set; and the same of another table.
  std::set<std::string> typed() const;
  void MarkTyped(const std::set<std::string>& names);
  // Applies `change` to the values that are paths.
  void ChangePaths(
      const std::function<std::string(const std::string&)>& change);
  // What the result depends on, a field each.
  Json Configuration() const;
  // Sets what `configuration` has a field for and nobody has typed. Fields of
  // `facts` are passed over. InvalidArgument, with `from`, for another field,
  // and for a value that is none of its setting's.
  absl::Status Configure(const Json& configuration,
                         const std::set<std::string>& facts,
                         const std::string& from);

  // The defaults are the values that `defaults`, a table of the same rows, has.
  void TakeDefaults(const Settings& defaults);

 private:
  template <typename T>
  struct ElementOf {
    using type = T;
  };
  template <typename T>
  struct ElementOf<std::vector<T>> {
    using type = T;
  };

  template <typename T>
  static bool Parse(const std::string& text, T* value, std::string* why) {
    return absl::ParseFlag(text, value, why);
  }
  template <typename T>
  static bool Parse(const std::string& text, std::vector<T>* values,
                    std::string* why) {
    std::vector<T> parsed;
    if (!text.empty()) {
      for (const absl::string_view word : absl::StrSplit(text, ',')) {
        T value = {};
        if (word.empty() || !absl::ParseFlag(word, &value, why)) {
          *why = "\"" + std::string(word) +
                 "\" is no value of it; it must be values with commas between "
                 "them";
          return false;
        }
        parsed.push_back(value);
      }
    }
    *values = std::move(parsed);
    return true;
  }
  template <typename T>
  static std::string TextOf(const T& value) {
    return absl::UnparseFlag(value);
  }
  template <typename T>
  static std::string TextOf(const std::vector<T>& values) {
    return absl::StrJoin(values, ",", [](std::string* out, const T& value) {
      out->append(TextOf(value));
    });
  }
  Setting& NewRow(const char* name, const void* address,
                  const std::string& help);

  std::string group_;
  std::deque<Setting> rows_;
};

// The table of `options`, with the defaults of its type.
template <typename Options>
Settings SettingsOf(Options& options) {
  Settings settings, defaults;
  options.AddSettings(settings);
  Options usual;
  usual.AddSettings(defaults);
  settings.TakeDefaults(defaults);
  return settings;
}

// Settings::CheckRanges of options that may not change.
template <typename Options>
absl::Status CheckRanges(const Options& options) {
  Options copy = options;
  Settings settings;
  copy.AddSettings(settings);
  return settings.CheckRanges();
}

}  // namespace distill

#endif  // DISTILL_BASE_SETTINGS_H_
