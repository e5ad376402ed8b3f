#include "cli/flags.h"

#include <algorithm>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

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

// The flags that may be meant: those with a word that begins as `name` does
// ("epochs" in teacher_epochs, "temp" in temperature), else the nearest one.
std::vector<std::string> Meant(const std::string& name,
                               const Settings& settings) {
  std::vector<std::string> meant;
  std::string nearest;
  size_t least = std::max<size_t>(name.size() / 2, 1) + 1;
  for (const Setting& setting : settings.rows()) {
    const std::string& candidate = setting.name();
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

absl::Status Unknown(const std::string& name, const Settings& settings) {
  std::string question;
  for (const std::string& flag : Meant(name, settings)) {
    absl::StrAppend(&question, question.empty() ? "; did you mean --" : ", --",
                    flag);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown flag --", name, question,
                   question.empty() ? "; " : "? ", "--help lists all flags"));
}

// Appends `text`, indented, as lines of whole words.
void AppendWrapped(const std::string& text, std::string* to) {
  std::string line = "     ";
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (line.size() + 1 + word.size() > kColumns) {
      absl::StrAppend(to, line, "\n");
      line = "     ";
    }
    absl::StrAppend(&line, " ", word);
  }
  absl::StrAppend(to, line, "\n");
}

}  // namespace

std::string FromUsersFolder(const std::string& path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (path.empty() || path[0] == '/' || folder == nullptr) return path;
  return absl::StrCat(folder, "/", path);
}

absl::StatusOr<bool> ParseFlags(const std::vector<std::string>& arguments,
                                Settings& settings,
                                std::vector<std::string>* others) {
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

    Setting* setting = settings.Find(name);
    if (setting == nullptr && !has_value && absl::StartsWith(name, "no")) {
      setting = settings.Find(name.substr(2));
      if (setting != nullptr && !setting->is_switch()) setting = nullptr;
      if (setting != nullptr) {
        has_value = true;
        value = "false";
      }
    }
    if (setting == nullptr) return Unknown(name, settings);
    if (!has_value && setting->is_switch()) {
      has_value = true;
      value = "true";
    }
    if (!has_value) {
      if (i + 1 == arguments.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("--", name, " needs a value: --", name, "=",
                         setting->default_text()));
      }
      value = arguments[++i];
    }
    RETURN_IF_ERROR(setting->Set(value));
  }
  settings.ChangePaths(&FromUsersFolder);
  return help;
}

std::string HelpText(const std::string& usage, const Settings& settings) {
  std::vector<std::string> groups;
  for (const Setting& setting : settings.rows()) {
    if (std::find(groups.begin(), groups.end(), setting.group()) ==
        groups.end()) {
      groups.push_back(setting.group());
    }
  }
  std::string text = usage;
  for (const std::string& group : groups) {
    if (!group.empty()) absl::StrAppend(&text, "\n", group, "\n");
    for (const Setting& setting : settings.rows()) {
      if (setting.group() != group) continue;
      const std::string& value = setting.default_text();
      absl::StrAppend(&text, "\n  --", setting.name(), "=",
                      value.empty() ? "\"\"" : value, "\n");
      AppendWrapped(setting.Help(), &text);
    }
  }
  return text;
}

}  // namespace distill
