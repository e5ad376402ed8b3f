#include "cli/flags.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace distill {
namespace {

constexpr int kColumns = 80;

// Insertions, deletions and replacements from one word to the other.
size_t EditDistance(const std::string& from, const std::string& to) {
  std::vector<size_t> row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = diagonal + (from[i - 1] != to[j - 1] ? 1 : 0);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[to.size()];
}

// The flags of the project itself: Abseil's own have sources of other names.
std::map<std::string, absl::CommandLineFlag*> FlagsOf(
    const std::vector<std::string>& files) {
  std::map<std::string, absl::CommandLineFlag*> flags;
  for (const std::string& file : files) {
    // Bazel may compile the file under another prefix than the flag remembers.
    const size_t slash = file.rfind('/');
    const std::string ending =
        slash == std::string::npos ? file : file.substr(slash);
    for (const auto& flag : absl::GetAllFlags()) {
      if (absl::EndsWith(flag.second->Filename(), ending)) {
        flags[std::string(flag.first)] = flag.second;
      }
    }
  }
  return flags;
}

// The flags that may be meant: those with a word that begins as `name` does
// ("epochs" in teacher_epochs, "temp" in temperature), else the nearest one.
std::vector<std::string> Meant(const std::string& name) {
  std::vector<std::string> meant;
  std::string nearest;
  size_t least = std::max<size_t>(name.size() / 2, 1) + 1;
  for (const auto& flag : absl::GetAllFlags()) {
    const std::string candidate(flag.first);
    if (name.size() > 1 && (absl::StartsWith(candidate, name) ||
                            absl::StrContains(candidate, "_" + name))) {
      meant.push_back(candidate);
    }
    const size_t distance = EditDistance(name, candidate);
    if (distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  // One letter wrong is likelier than a word left out.
  if (!nearest.empty() && (meant.empty() || least == 1)) return {nearest};
  std::sort(meant.begin(), meant.end());
  return meant;
}

absl::Status Unknown(const std::string& name) {
  std::string question;
  for (const std::string& flag : Meant(name)) {
    absl::StrAppend(&question, question.empty() ? "; did you mean --" : ", --",
                    flag);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown flag --", name, question,
                   question.empty() ? "; " : "? ", "--help lists all flags"));
}

std::set<std::string>& Given() {
  static auto* const given = new std::set<std::string>;
  return *given;
}

}  // namespace

absl::StatusOr<bool> ParseFlags(const std::vector<std::string>& arguments,
                                std::vector<std::string>* others) {
  Given().clear();
  bool help = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (others != nullptr && argument == "--") {
      others->insert(others->end(), arguments.begin() + i + 1, arguments.end());
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      if (others != nullptr) {
        others->push_back(argument);
        continue;
      }
      return absl::InvalidArgumentError(
          absl::StrCat("unexpected argument \"", argument,
                       "\": everything is set by flags; --help lists them"));
    }
    const size_t begin = argument[1] == '-' ? 2 : 1;
    const size_t equals = argument.find('=');
    std::string name = argument.substr(begin, equals - begin);
    if (name == "help" || name == "h") {
      help = true;
      continue;
    }
    std::string value;
    bool has_value = equals != std::string::npos;
    if (has_value) value = argument.substr(equals + 1);

    absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    if (flag == nullptr && !has_value && absl::StartsWith(name, "no")) {
      flag = absl::FindCommandLineFlag(name.substr(2));
      if (flag != nullptr && !flag->IsOfType<bool>()) flag = nullptr;
      if (flag != nullptr) {
        has_value = true;
        value = "false";
      }
    }
    if (flag == nullptr) return Unknown(name);
    if (!has_value && flag->IsOfType<bool>()) {
      has_value = true;
      value = "true";
    }
    if (!has_value) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "--", name, " needs a value: --", name, "=", flag->DefaultValue()));
      }
      value = arguments[++i];
    }
    Given().insert(std::string(flag->Name()));
    std::string error;
    if (!flag->ParseFrom(value, &error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag->Name(), " is \"", value,
                       "\", which is not a value of its ", "type",
                       error.empty() ? "" : absl::StrCat(" (", error, ")"),
                       "; its default is ", flag->DefaultValue()));
    }
  }
  return help;
}

const std::set<std::string>& GivenFlags() { return Given(); }

absl::Status CheckApplies(const std::set<std::string>& given,
                          const std::vector<FlagCondition>& conditions) {
  for (const FlagCondition& condition : conditions) {
    if (condition.applies || given.count(condition.flag) == 0) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "--", condition.flag, " is given and would change nothing: ",
        condition.why_not, ". Leave it out."));
  }
  return absl::OkStatus();
}

std::string HelpText(const std::string& usage,
                     const std::vector<std::string>& files) {
  std::string text = usage;
  for (const auto& flag : FlagsOf(files)) {
    const std::string value = flag.second->DefaultValue();
    absl::StrAppend(&text, "\n  --", flag.first, "=",
                    value.empty() ? "\"\"" : value, "\n");
    std::string line = "     ";
    for (absl::string_view word :
         absl::StrSplit(flag.second->Help(), ' ', absl::SkipEmpty())) {
      if (line.size() + 1 + word.size() > kColumns) {
        absl::StrAppend(&text, line, "\n");
        line = "     ";
      }
      absl::StrAppend(&line, " ", word);
    }
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

}  // namespace distill
