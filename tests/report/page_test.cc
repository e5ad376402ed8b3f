#include "report/page.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/testing/html.h"

namespace distill {
namespace {

using testing::IsBalanced;
using testing::IsWholePage;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(PageTest, EscapesWhatMeansSomething) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\">'Tom' & Co.</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;Tom&#39; &amp; Co.&lt;/a&gt;");
  EXPECT_EQ(EscapeHtml("&amp;"), "&amp;amp;");
}

TEST(PageTest, StandsAloneAndKnowsLightDarkAndPhones) {
  const std::string html = Page("a < b", "<p>body</p>\n");
  EXPECT_TRUE(IsWholePage(html));
  EXPECT_TRUE(Contains(html, "<title>a &lt; b</title>"));
  EXPECT_TRUE(Contains(html, "<h1>a &lt; b</h1>\n<p>body</p>"));
  EXPECT_TRUE(Contains(html, "<meta charset=\"utf-8\">"));
  EXPECT_TRUE(Contains(html, "width=device-width"));
  EXPECT_TRUE(Contains(html, "prefers-color-scheme: dark"));
}

TEST(PageTest, PartsEscapeTheirTexts) {
  EXPECT_EQ(Paragraph("a < b"), "<p>a &lt; b</p>\n");
  EXPECT_EQ(Paragraph("a", "note"), "<p class=\"note\">a</p>\n");
  EXPECT_EQ(Sections({{"a & b", "<p>c</p>\n"}, {"empty", ""}}),
            "<nav aria-label=\"Contents\">\n<a href=\"#a-b\">a &amp; b</a>\n"
            "</nav>\n<section id=\"a-b\">\n<h2>a &amp; b</h2>\n<p>c</p>\n"
            "</section>\n");
}

TEST(PageTest, TablesNameTheirRowsAndScroll) {
  const std::string html =
      Table({"", "errors <"}, {{"teacher", "1 %"}, {"a & b", "2"}});
  EXPECT_TRUE(IsBalanced(html));
  EXPECT_EQ(html.find("<div class=\"scroll\">"), 0u);
  EXPECT_TRUE(Contains(html, "<th scope=\"col\">errors &lt;</th>"));
  EXPECT_TRUE(Contains(html, "<td>1&nbsp;%</td>"));
  EXPECT_TRUE(Contains(html, "<th scope=\"row\">a &amp; b</th><td>2</td>"));
}

// The check of the tests checks.
TEST(PageTest, WhatIsNotAWholePageIsFound) {
  EXPECT_FALSE(IsBalanced("<p>a"));
  EXPECT_FALSE(IsBalanced("<p><b>a</p></b>"));
  EXPECT_FALSE(IsBalanced("a</p>"));
  EXPECT_FALSE(IsBalanced("<p>a < b</p>"));
  EXPECT_FALSE(IsWholePage("<p>a</p>"));
  for (const char* part :
       {"<img src=\"a.png\">", "<p>http://a</p>", "<script></script>"}) {
    EXPECT_FALSE(IsWholePage(Page("a", part))) << part;
  }
}

}  // namespace
}  // namespace distill
