// Pages in a browser.
#ifndef DISTILL_TESTS_TESTING_BROWSER_H_
#define DISTILL_TESTS_TESTING_BROWSER_H_

#include <string>

#include "nlohmann/json.hpp"

namespace distill {
namespace testing {

// Why there is none here: a test then skips itself. Else "".
std::string WhyNoBrowser();

// What the script of the page `html` leaves as JSON in its <pre id="test"
// hidden> within three seconds of the page's clock, which does not wait, with
// `hash` at the end of its address and a window of `width` pixels. An empty
// object, and a failure of the test, if that is nothing.
nlohmann::json RunInBrowser(const std::string& html, const std::string& hash,
                            int width = 1200);

// The same of a page without scripts, by one that is added to it: "inside",
// whether nothing is wider than the window; "links" of the contents and how
// many "targets" they have; and "titles" in drawings. The JavaScript `more`
// adds to `found`; it has all(selector), and shown(selector), which counts.
nlohmann::json MeasureInBrowser(const std::string& html, int width,
                                const std::string& more = "");

// Expects that a page without scripts fits a wide window and a phone's, and has
// so many links in its contents, each to a part that is there.
void ExpectFits(const std::string& html, int links);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_BROWSER_H_
