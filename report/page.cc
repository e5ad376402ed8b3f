#include "report/page.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"

namespace distill {
namespace {

// The colours c1 to c6 are of Okabe and Ito's palette, which people with any
// colour vision tell apart, made darker or lighter until each has a contrast of
// at least 4.5 with the background.
constexpr char kStyle[] = R"css(
:root {
  color-scheme: light dark;
  --back: #ffffff; --text: #1c2126; --soft: #5a646e; --line: #d9dee3;
  --card: #f5f7f9; --accent: #0067a5; --heat: 0, 114, 178;
  --gain: 0, 132, 90; --loss: 200, 70, 0;
  --c0: #6e7781; --c1: #0067a5; --c2: #bd4b00; --c3: #007a56;
  --c4: #a3467c; --c5: #8a6500; --c6: #3b6f8f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14181c; --text: #e4e8ec; --soft: #9aa5b0; --line: #343c44;
    --card: #1c2228; --accent: #62b8ee; --heat: 60, 150, 220;
    --gain: 20, 170, 120; --loss: 225, 100, 30;
    --c0: #9aa5b0; --c1: #62b8ee; --c2: #ff8a3d; --c3: #2fc596;
    --c4: #e08fbd; --c5: #e3b93c; --c6: #9cc3db;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem;
  background: var(--back); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 0 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
section { margin: 2.4rem 0 0; padding-top: 1.4rem;
  border-top: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 48rem; }
.verdict { font-size: 1.15rem; padding: .9rem 1.1rem; max-width: none;
  background: var(--card); border-left: .3rem solid var(--accent);
  border-radius: .25rem; }
.note { color: var(--soft); font-size: .875rem; }
code { font: .9em ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace;
  white-space: nowrap; }
.scroll { overflow-x: auto; max-width: 100%; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
@media (max-width: 40rem) {
  table { font-size: .8rem; }
  th, td { padding: .3rem .4rem; white-space: normal; }
  th:first-child { min-width: 5.5rem; }
}
.grid { display: grid; gap: 1.2rem 1.6rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .9rem; font-weight: 600; margin-bottom: .2rem; }
.keys { display: flex; flex-wrap: wrap; gap: .1rem 1rem; font-size: .8rem;
  color: var(--soft); }
.keys i { display: inline-block; width: 1.4rem; margin-right: .35rem;
  vertical-align: middle; border-top: 3px solid var(--c); }
.keys i.dashed { border-top-style: dashed; }
.tall { max-height: 32rem; overflow-y: auto; }
svg { display: block; width: 100%; height: auto; max-width: 36rem; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  fill: var(--soft); }
svg .rule { stroke: var(--line); }
svg .axis { stroke: var(--soft); }
svg .line { fill: none; stroke: var(--c); stroke-width: 2;
  stroke-linejoin: round; }
svg .dashed { stroke-dasharray: 6 4; }
svg .whisker { stroke: var(--c); stroke-width: 1.5; }
svg .dot, svg .bar { fill: var(--c); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); }
.c3 { --c: var(--c3); } .c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
.c6 { --c: var(--c6); }
)css";

// A percent sign stays in the line of its number.
std::string CellHtml(const std::string& text) {
  return absl::StrReplaceAll(EscapeHtml(text), {{" %", "&nbsp;%"}});
}

// Bytes that are no UTF-8 (a path can be anything) become U+FFFD.
std::string ValidUtf8(const std::string& text) {
  using Json = nlohmann::json;
  const std::string quoted =
      Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(quoted).get<std::string>();
}

}  // namespace

std::string EscapeHtml(const std::string& text) {
  return absl::StrReplaceAll(ValidUtf8(text), {{"&", "&amp;"},
                                    {"<", "&lt;"},
                                    {">", "&gt;"},
                                    {"\"", "&quot;"},
                                    {"'", "&#39;"}});
}

std::string Page(const std::string& title, const std::string& body,
                 const std::string& style) {
  const std::string name = EscapeHtml(title);
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">\n<title>",
      name, "</title>\n<style>", kStyle, style,
      "</style>\n</head>\n<body>\n<h1>", name, "</h1>\n", body,
      "</body>\n</html>\n");
}

std::string Section(const std::string& heading, const std::string& body) {
  return absl::StrCat("<section>\n<h2>", EscapeHtml(heading), "</h2>\n", body,
                      "</section>\n");
}

std::string Paragraph(const std::string& text, const std::string& kind) {
  const std::string attribute =
      kind.empty() ? "" : absl::StrCat(" class=\"", kind, "\"");
  return absl::StrCat("<p", attribute, ">", EscapeHtml(text), "</p>\n");
}

std::string Table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (const std::string& cell : header) {
    absl::StrAppend(&html, "<th scope=\"col\">", CellHtml(cell), "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n");
  for (const std::vector<std::string>& row : rows) {
    absl::StrAppend(&html, "<tr>");
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&html, i == 0 ? "<th scope=\"row\">" : "<td>",
                      CellHtml(row[i]), i == 0 ? "</th>" : "</td>");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  absl::StrAppend(&html, "</tbody>\n</table></div>\n");
  return html;
}

}  // namespace distill
