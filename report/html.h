// A run's page.
#ifndef DISTILL_REPORT_HTML_H_
#define DISTILL_REPORT_HTML_H_

#include <string>

#include "experiment/seeds.h"
#include "report/analysis.h"
#include "report/context.h"

namespace distill {

// The document of report.html; `analysis` is of `result`.
std::string ReportHtml(const ReportContext& context, const SeedsResult& result,
                       const Analysis& analysis);

}  // namespace distill

#endif  // DISTILL_REPORT_HTML_H_
