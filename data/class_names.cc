#include "data/class_names.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace distill {
namespace {

// H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", 2017, table 2.
constexpr const char* kFashion[] = {
    "T-shirt/top", "trouser", "pullover", "dress", "coat",
    "sandal",      "shirt",   "sneaker",  "bag",   "ankle boot"};

}  // namespace

std::vector<std::string> ClassNames(const Dataset& dataset) {
  const bool fashion = absl::StartsWith(dataset.name, "Fashion-MNIST");
  const bool letters = absl::StartsWith(dataset.name, "EMNIST Letters");
  std::vector<std::string> names;
  for (int i = 0; i < dataset.classes; ++i) {
    if (fashion && i < 10) {
      names.emplace_back(kFashion[i]);
    } else if (letters && i < 26) {
      names.emplace_back(1, static_cast<char>('A' + i));
    } else {
      names.push_back(absl::StrCat(i));
    }
  }
  return names;
}

bool HasClassNames(const Dataset& dataset) {
  for (const char* name : {"MNIST", "Fashion-MNIST", "EMNIST Letters",
                           "EMNIST Digits", "EMNIST MNIST"}) {
    // What follows a name says how well it is known, or of how many samples.
    if (dataset.name == name ||
        absl::StartsWith(dataset.name, absl::StrCat(name, " (")) ||
        absl::StartsWith(dataset.name, absl::StrCat(name, ", "))) {
      return true;
    }
  }
  return false;
}

bool AreNumbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != absl::StrCat(i)) return false;
  }
  return true;
}

}  // namespace distill
