#include "tests/testing/browser.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace testing {

std::string WhyNoBrowser() {
  return RunInShell("command -v chromium").exit_code == 0
             ? ""
             : "no chromium on the PATH: the page is not run (Debian's package "
               "is chromium)";
}

nlohmann::json RunInBrowser(const std::string& html, const std::string& hash,
                            int width) {
  TempFolder folder;
  const std::string page = WriteFile(folder.File("a.html"), html);
  const ProcessResult result = RunInShell(
      absl::StrCat("HOME='", folder.path(),
                   "' chromium --headless=new --no-sandbox --disable-gpu "
                   "--disable-dev-shm-usage --hide-scrollbars --window-size=",
                   width, ",1000 --virtual-time-budget=3000 --user-data-dir='",
                   folder.File("profile"), "' --dump-dom 'file://", page, hash,
                   "' 2>'", folder.File("err"), "'"));
  const std::string start = "<pre id=\"test\" hidden=\"\">";
  const size_t begin = result.out.find(start);
  const size_t end = result.out.find("</pre>", begin);
  if (begin == std::string::npos || end == std::string::npos) {
    ADD_FAILURE() << "chromium made no page: exit code " << result.exit_code
                  << "\n"
                  << ReadFile(folder.File("err"));
    return nlohmann::json::object();
  }
  // A text's references.
  return nlohmann::json::parse(absl::StrReplaceAll(
      result.out.substr(begin + start.size(), end - begin - start.size()),
      {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}}));
}

nlohmann::json MeasureInBrowser(const std::string& html, int width,
                                const std::string& more) {
  const std::string script =
      absl::StrCat(R"(<pre id="test" hidden></pre><script>
const all = (what) => Array.from(document.querySelectorAll(what));
const shown = (what) => all(what).filter((e) => e.offsetHeight > 0).length;
const found = {
  inside: document.documentElement.scrollWidth <= window.innerWidth,
  links: all('nav a').length,
  targets: all('nav a').filter(
      (a) => document.getElementById(a.hash.slice(1)) !== null).length,
  titles: all('svg title').length};
)",
                   more, R"(
document.getElementById('test').textContent = JSON.stringify(found);
</script></body>)");
  return RunInBrowser(absl::StrReplaceAll(html, {{"</body>", script}}), "",
                      width);
}

void ExpectFits(const std::string& html, int links) {
  for (int width : {1200, 390}) {
    const nlohmann::json found = MeasureInBrowser(html, width);
    EXPECT_EQ(found["inside"], true) << width;
    EXPECT_EQ(found["links"], links);
    EXPECT_EQ(found["targets"], links);
  }
}

}  // namespace testing
}  // namespace distill
