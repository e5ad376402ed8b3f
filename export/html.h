// A model as a page to draw on.
#ifndef DISTILL_EXPORT_HTML_H_
#define DISTILL_EXPORT_HTML_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/weights.h"

namespace distill {

// One HTML document that needs nothing but a browser, also without a network:
// what is drawn on it with mouse or finger is prepared as PrepareDigit does it,
// and the student, and the teacher if there is one, say what they take it for
// while it is being drawn. A slider divides the logits by a temperature of 1
// to 20. The weights are inside, float32 as base64, and the arithmetic is plain
// JavaScript in float32 and float64: logits differ from LibTorch's by rounding
// alone.
//
// Opened with #test (or #test=DIGIT,TEMPERATURE) behind its address, the page
// draws a digit by itself and leaves in its element "test" a JSON object with
// all that it computed: tests/export/html_test.cc.
//
// FailedPrecondition unless the models are of images of 28 x 28 and of the same
// class names; Unimplemented for one that LayersOf does not take.
absl::StatusOr<std::string> HtmlPage(const LoadedModel& student,
                                     const LoadedModel* teacher);

}  // namespace distill

#endif  // DISTILL_EXPORT_HTML_H_
