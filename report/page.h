// The pages that the programs leave behind: one file of HTML each, which needs
// nothing but a browser.
#ifndef DISTILL_REPORT_PAGE_H_
#define DISTILL_REPORT_PAGE_H_

#include <string>
#include <vector>

namespace distill {

// `text` with the characters that mean something to HTML as references, fit for
// an element's text and for an attribute in double quotes. What is not UTF-8 is
// replaced.
std::string EscapeHtml(const std::string& text);

// A document with the style that all pages share: light or dark as the reader's
// system has it, for a wide window and for a phone, without scripts and without
// a thing from elsewhere. `title` is text, and also the page's heading; `body`
// is HTML; `style` is CSS of this page alone.
//
// What the style knows, besides the usual elements: section; p class="verdict"
// (the answer, large; also "gain" or "loss" where it is one) and class="note"
// (small print); div class="tiles" of div class="tile" (a number b, what it is
// span, and small print small); details; div class="scroll" (wide
// things scroll sideways in it) and "grid" (its parts side by side where there
// is room); and the classes c0 (grey) to c6, whose --c is a colour.
std::string Page(const std::string& title, const std::string& body,
                 const std::string& style = "");

struct PageSection {
  std::string heading, html;
};

// Each with its heading, apart from the rest, and before them all the contents:
// links to them. One whose HTML is empty is left out.
std::string Sections(const std::vector<PageSection>& sections);

// A paragraph of text. `kind` is one of the style's classes, or empty.
std::string Paragraph(const std::string& text, const std::string& kind = "");

// A table of texts in a box that scrolls sideways. The first column names the
// rows; the others are numbers and stand right. Rows are as long as `header`.
std::string Table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows);

}  // namespace distill

#endif  // DISTILL_REPORT_PAGE_H_
