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
  const bool fashion = dataset.name == "Fashion-MNIST";
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

}  // namespace distill
