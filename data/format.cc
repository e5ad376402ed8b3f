#include "data/format.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace distill {

bool AbslParseFlag(absl::string_view text, ImageSize* size,
                   std::string* error) {
  constexpr int64_t kMostSide = 4096;
  const std::vector<absl::string_view> sides = absl::StrSplit(text, 'x');
  ImageSize parsed;
  if (text.empty()) {
    *size = parsed;
    return true;
  }
  if (sides.size() > 2 || !absl::SimpleAtoi(sides.front(), &parsed.height) ||
      !absl::SimpleAtoi(sides.back(), &parsed.width) || parsed.height < 1 ||
      parsed.width < 1 || parsed.height > kMostSide ||
      parsed.width > kMostSide) {
    *error = absl::StrCat("it must be a side of 1 to ", kMostSide,
                          " pixels, or height and width, like 32 or 32x24");
    return false;
  }
  *size = parsed;
  return true;
}

std::string AbslUnparseFlag(const ImageSize& size) {
  if (size.height == 0) return "";
  return size.height == size.width ? absl::StrCat(size.height)
                                   : absl::StrCat(size.height, "x", size.width);
}

absl::Status SetLabels(const std::string& path, std::vector<int32_t> labels,
                       int first, int classes, Dataset* dataset) {
  if (classes == 0) {
    const int64_t greatest = *std::max_element(labels.begin(), labels.end());
    classes = static_cast<int>(
        std::clamp<int64_t>(greatest - first + 1, 1, kMostClasses));
  }
  for (size_t i = 0; i < labels.size(); ++i) {
    const int64_t label = int64_t{labels[i]} - first;
    if (label < 0 || label >= classes) {
      return Unexpected(
          absl::StatusCode::kInvalidArgument, path,
          absl::StrCat("label ", labels[i], " at index ", i),
          absl::StrCat("labels from ", first, " to ", first + classes - 1),
          "Fetch the file again. If this is right, it is of another data set, "
          "or of one with more classes.");
    }
    labels[i] = static_cast<int32_t>(label);
  }
  dataset->count = static_cast<int64_t>(labels.size());
  dataset->labels = std::move(labels);
  dataset->classes = classes;
  return absl::OkStatus();
}

}  // namespace distill
