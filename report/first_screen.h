// What a report says before one scrolls: whether distillation helped.
#ifndef DISTILL_REPORT_FIRST_SCREEN_H_
#define DISTILL_REPORT_FIRST_SCREEN_H_

#include <cstddef>
#include <string>

#include "experiment/seeds.h"
#include "report/analysis.h"

namespace distill {

// The verdict with its condition, in the colour of a gain or a loss; three
// numbers: points gained, times smaller and times faster than the teacher; and
// the seeds' pairs, or one seed's models, as dots. HTML.
std::string FirstScreen(const SeedsResult& result, const Analysis& analysis);

// " gain", " loss" or "": what the style adds to a verdict.
std::string OutcomeClass(Verdict verdict);

// The colour of a stage in every chart and on every page: a class of the
// page's style, by number.
int ColorOfStage(size_t stage);

}  // namespace distill

#endif  // DISTILL_REPORT_FIRST_SCREEN_H_
