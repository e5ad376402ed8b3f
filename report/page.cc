#include "report/page.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"
#include "report/assets.h"

namespace distill {
namespace {

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

// "Class by class" as "class-by-class".
std::string SlugOf(const std::string& heading) {
  std::string slug;
  for (const char c : heading) {
    if (absl::ascii_isalnum(c)) {
      slug.push_back(absl::ascii_tolower(c));
    } else if (!slug.empty() && slug.back() != '-') {
      slug.push_back('-');
    }
  }
  return slug;
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
      name, "</title>\n<style>", kPageStyle, style,
      "</style>\n</head>\n<body>\n<h1>", name, "</h1>\n", body,
      "</body>\n</html>\n");
}

std::string Sections(const std::vector<PageSection>& sections) {
  std::string links, html;
  for (const PageSection& section : sections) {
    if (section.html.empty()) continue;
    const std::string heading = EscapeHtml(section.heading);
    const std::string slug = SlugOf(section.heading);
    absl::StrAppend(&links, "<a href=\"#", slug, "\">", heading, "</a>\n");
    absl::StrAppend(&html, "<section id=\"", slug, "\">\n<h2>", heading,
                    "</h2>\n", section.html, "</section>\n");
  }
  return absl::StrCat("<nav aria-label=\"Contents\">\n", links, "</nav>\n",
                      html);
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
