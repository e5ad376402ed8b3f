#include "base/paths.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace distill {

namespace fs = std::filesystem;

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (path.empty() || error) return path;
  // Removing "x/.." from the text is wrong where x is a link, "." never is.
  const bool has_parent =
      std::find(absolute.begin(), absolute.end(), "..") != absolute.end();
  return has_parent ? absolute.string() : absolute.lexically_normal().string();
}

std::string ListFolder(const std::string& folder, int most) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  std::vector<std::string> names;
  while (!error && entry != fs::directory_iterator()) {
    std::error_code unknown_type;
    const bool is_folder = entry->is_directory(unknown_type);
    names.push_back(entry->path().filename().string() + (is_folder ? "/" : ""));
    entry.increment(error);
  }
  if (error) return absl::StrCat("(cannot be listed: ", error.message(), ")");
  if (names.empty()) return "nothing";

  std::sort(names.begin(), names.end());
  const int rest = static_cast<int>(names.size()) - most;
  if (rest > 0) names.resize(most);
  const std::string list = absl::StrJoin(names, ", ");
  return rest > 0 ? absl::StrCat(list, " and ", rest, " more") : list;
}

}  // namespace distill
