#include "models/zoo.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace distill {
namespace {

struct Name {
  const char* name;
  const char* spelling;
  const char* source;
};

// In the order in which the help lists them.
constexpr Name kNames[] = {
    {"spec_teacher", kTeacherModel, "the specification"},
    {"spec_student", kStudentModel, "the specification"},
    {"hinton_teacher", "mlp:1200,1200", "Hinton 2015, section 3"},
    {"hinton_student", "mlp:800,800", "Hinton 2015, section 3"},
};

// More would be a mistake of the hand.
constexpr int64_t kLargestSize = 65536;

// Appends the size that `word` is to `sizes`; false if it is none.
bool AddSize(absl::string_view word, std::vector<int64_t>* sizes) {
  int64_t size = 0;
  // SimpleAtoi takes blanks and signs, too.
  for (char c : word) {
    if (c < '0' || c > '9') return false;
  }
  if (!absl::SimpleAtoi(word, &size) || size < 1 || size > kLargestSize) {
    return false;
  }
  sizes->push_back(size);
  return true;
}

absl::Status Wrong(const std::string& flag, const std::string& spelling,
                   const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(
      flag, " is \"", spelling, "\"", what, ". It must be ", ModelHelp()));
}

}  // namespace

absl::StatusOr<ConvNetOptions> ParseModel(const std::string& flag,
                                          const std::string& spelling,
                                          int64_t height, int64_t width,
                                          int64_t classes) {
  absl::string_view rest = spelling;
  for (const Name& name : kNames) {
    if (spelling == name.name) rest = name.spelling;
  }
  ConvNetOptions options;
  options.height = height;
  options.width = width;
  options.classes = classes;
  const bool cnn = absl::ConsumePrefix(&rest, "cnn:");
  if (!cnn && !absl::ConsumePrefix(&rest, "mlp:")) {
    return Wrong(flag, spelling, "");
  }
  for (absl::string_view word : absl::StrSplit(rest, ',')) {
    const std::string part(word);
    const bool hidden = !cnn || absl::ConsumePrefix(&word, "fc");
    if (!hidden && !options.hidden_widths.empty()) {
      return Wrong(flag, spelling,
                   absl::StrCat(", in which the block \"", part,
                                "\" comes after a hidden layer"));
    }
    if (!AddSize(word,
                 hidden ? &options.hidden_widths : &options.conv_channels)) {
      return Wrong(flag, spelling,
                   absl::StrCat(", in which \"", part,
                                "\" is not a size from 1 to ", kLargestSize));
    }
  }
  if (cnn && options.conv_channels.empty()) {
    return Wrong(flag, spelling, ", which has no block (mlp: is for that)");
  }
  const absl::Status valid = options.Validate();
  if (!valid.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " is \"", spelling, "\", which halves images of ",
                     height, " x ", width, " ", options.conv_channels.size(),
                     " times: nothing is left of them. Take fewer blocks."));
  }
  return options;
}

std::string SpellModel(const ConvNetOptions& options) {
  const bool cnn = !options.conv_channels.empty();
  std::vector<std::string> parts;
  for (int64_t channels : options.conv_channels) {
    parts.push_back(absl::StrCat(channels));
  }
  for (int64_t width : options.hidden_widths) {
    parts.push_back(absl::StrCat(cnn ? "fc" : "", width));
  }
  return absl::StrCat(cnn ? "cnn:" : "mlp:", absl::StrJoin(parts, ","));
}

std::string ModelHelp() {
  std::string help =
      "cnn:C1,C2,...,fcW1,... (blocks of convolution 3x3, ReLU and pooling 2x2 "
      "with C channels, then hidden layers of width W, if any), "
      "mlp:W1,W2,... (hidden layers alone), or a name: ";
  const char* separator = "";
  for (const Name& name : kNames) {
    absl::StrAppend(&help, separator, name.name, " (", name.spelling, "; ",
                    name.source, ")");
    separator = ", ";
  }
  return help;
}

namespace {

// One of the two above, whose spelling is right, for sizes that need not be.
ConvNetOptions Sized(const char* spelling, int64_t height, int64_t width,
                     int64_t classes) {
  ConvNetOptions options = *ParseModel("the model", spelling, 28, 28, 10);
  options.height = height;
  options.width = width;
  options.classes = classes;
  return options;
}

}  // namespace

ConvNetOptions TeacherOptions(int64_t height, int64_t width, int64_t classes) {
  return Sized(kTeacherModel, height, width, classes);
}

ConvNetOptions StudentOptions(int64_t height, int64_t width, int64_t classes) {
  return Sized(kStudentModel, height, width, classes);
}

}  // namespace distill
