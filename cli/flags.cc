#include "cli/flags.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace distill {
namespace {

constexpr int kColumns = 80;

// What a flag may ask for in place of a run.
constexpr const char* kInstead[] = {"help", "help=all", "version",
                                    "completion=bash", "completion=zsh"};

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
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown flag --", name, question, question.empty() ? "; " : "? ",
      "--help=all lists all flags"));
}

// The headings, in their order.
std::vector<std::string> Groups(const Settings& settings) {
  std::vector<std::string> groups;
  for (const Setting& setting : settings.rows()) {
    if (std::find(groups.begin(), groups.end(), setting.group()) ==
        groups.end()) {
      groups.push_back(setting.group());
    }
  }
  return groups;
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
  // (A shell leaves the ~ of --flag=~/file as it is.)
  const char* home = std::getenv("HOME");
  if (home != nullptr && (path == "~" || absl::StartsWith(path, "~/"))) {
    return absl::StrCat(home, path.substr(1));
  }
  if (path.empty() || path[0] == '/' || folder == nullptr) return path;
  return absl::StrCat(folder, "/", path);
}

absl::StatusOr<std::string> ParseFlags(
    const std::vector<std::string>& arguments, Settings& settings,
    std::vector<std::string>* others) {
  std::string instead;
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
      return absl::InvalidArgumentError(absl::StrCat(
          "unexpected argument \"", argument,
          "\": everything is set by flags; --help=all lists them"));
    }
    const size_t begin = argument[1] == '-' ? 2 : 1;
    const size_t equals = argument.find('=');
    std::string name = argument.substr(begin, equals - begin);
    const std::string word = argument.substr(begin);
    if (word == "h") {
      instead = "help";
      continue;
    }
    if (std::find(std::begin(kInstead), std::end(kInstead), word) !=
        std::end(kInstead)) {
      instead = word;
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
  return instead;
}

std::string HelpText(const std::string& usage, const Settings& settings) {
  const std::vector<std::string> groups = Groups(settings);
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

std::string ShortHelpText(const std::string& usage, const Settings& settings) {
  // What it does, and examples.
  std::string text =
      usage.substr(0, usage.find("\n\n", usage.find("\n\n") + 2));
  text.erase(text.find_last_not_of('\n') + 1);
  absl::StrAppend(&text, "\n\n");
  for (const std::string& group : Groups(settings)) {
    for (const Setting& setting : settings.rows()) {
      if (setting.group() != group || setting.short_help().empty()) continue;
      const std::string flag = setting.is_switch()
                                   ? absl::StrCat("  --", setting.name())
                                   : absl::StrCat("  --", setting.name(), "=",
                                                  setting.default_text().empty()
                                                      ? "..."
                                                      : setting.default_text());
      absl::StrAppendFormat(&text, "%-30s %s\n", flag, setting.short_help());
    }
  }
  absl::StrAppendFormat(&text, "%-30s all %d flags\n", "  --help=all",
                        settings.rows().size());
  return text;
}

std::string CompletionText(const std::string& program, const std::string& shell,
                           const Settings& settings) {
  const bool bash = shell == "bash";
  std::string flags;
  for (const Setting& setting : settings.rows()) {
    const char* const value = setting.is_switch() ? "" : "=";
    if (bash) {
      absl::StrAppend(&flags, " --", setting.name(), value);
    } else {
      // Brackets would end the description, and a quote the word.
      const std::string help = absl::StrReplaceAll(
          setting.Help(), {{"[", "("}, {"]", ")"}, {"'", ""}, {":", ";"}});
      absl::StrAppend(&flags, " \\\n  '--", setting.name(), value, "[",
                      help.substr(0, help.find(". ")), "]",
                      setting.is_switch() ? ""
                      : setting.is_path() ? ":file:_files"
                                          : ":value:",
                      "'");
    }
  }
  if (!bash) {
    return absl::StrCat("#compdef ", program, "\n_arguments", flags, "\n");
  }
  return absl::StrFormat(
      "_%1$s() {\n"
      "  mapfile -t COMPREPLY < <(compgen -W '%2$s' -- "
      "\"${COMP_WORDS[COMP_CWORD]}\")\n"
      "  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace\n"
      "}\n"
      "complete -o default -F _%1$s %1$s\n",
      program, flags.substr(1));
}

}  // namespace distill
