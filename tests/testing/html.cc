#include "tests/testing/html.h"

#include <cstddef>
#include <set>
#include <vector>

namespace distill {
namespace testing {
namespace {

// Elements that HTML never closes.
bool IsVoid(const std::string& name) {
  static const auto& names =
      *new std::set<std::string>{"meta", "br", "img", "!DOCTYPE"};
  return names.count(name) > 0;
}

}  // namespace

::testing::AssertionResult IsBalanced(const std::string& html) {
  std::vector<std::string> open;
  size_t at = 0;
  while ((at = html.find('<', at)) != std::string::npos) {
    const size_t end = html.find('>', at);
    if (end == std::string::npos) {
      return ::testing::AssertionFailure() << "a tag without end at " << at;
    }
    const std::string tag = html.substr(at + 1, end - at - 1);
    const std::string where = html.substr(at, 60);
    if (tag.find('<') != std::string::npos) {
      return ::testing::AssertionFailure() << "a < inside of a tag: " << where;
    }
    const size_t start = tag[0] == '/' ? 1 : 0;
    const std::string name =
        tag.substr(start, tag.find_first_of(" \n/", start) - start);
    if (start == 1) {
      if (open.empty() || open.back() != name) {
        return ::testing::AssertionFailure()
               << where << " closes "
               << (open.empty() ? "nothing" : open.back());
      }
      open.pop_back();
    } else if (tag.back() != '/' && !IsVoid(name)) {
      open.push_back(name);
    }
    at = end;
  }
  if (!open.empty()) {
    return ::testing::AssertionFailure() << open.back() << " is not closed";
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult IsWholePage(const std::string& html) {
  if (html.find("<!DOCTYPE html>\n") != 0) {
    return ::testing::AssertionFailure() << "no doctype";
  }
  for (const char* word : {"http", "<script", "<link", "@import", "url("}) {
    const size_t at = html.find(word);
    if (at != std::string::npos) {
      return ::testing::AssertionFailure()
             << "from elsewhere: " << html.substr(at, 60);
    }
  }
  for (size_t at = 0; (at = html.find("src=", at)) != std::string::npos; ++at) {
    if (html.compare(at, 10, "src=\"data:") != 0) {
      return ::testing::AssertionFailure()
             << "from elsewhere: " << html.substr(at, 60);
    }
  }
  return IsBalanced(html);
}

}  // namespace testing
}  // namespace distill
