// What export/html.h's page is made of besides the models.
#ifndef DISTILL_EXPORT_DRAW_SCRIPT_H_
#define DISTILL_EXPORT_DRAW_SCRIPT_H_

namespace distill {

// CSS, for the page's head, on top of the style of report/page.h.
extern const char kDrawStyle[];

// JavaScript. It expects the elements that html.cc writes, and as `page` the
// object that html.cc makes.
extern const char kDrawScript[];

}  // namespace distill

#endif  // DISTILL_EXPORT_DRAW_SCRIPT_H_
