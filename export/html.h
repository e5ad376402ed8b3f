// A model as a page to draw on, or to show pictures to.
#ifndef DISTILL_EXPORT_HTML_H_
#define DISTILL_EXPORT_HTML_H_

#include <string>

#include "absl/status/statusor.h"
#include "models/weights.h"

namespace distill {

// One HTML document that needs nothing but a browser, also without a network.
// The student, and the teacher if there is one, say what they take for what is
// shown to them. A slider divides the logits by a temperature of 1 to 20. The
// weights are inside, float32 as base64, and the arithmetic is plain JavaScript
// in float32 and float64: logits differ from LibTorch's by rounding alone.
//
// For grey images of 28 x 28 that no pictures were made (ModelInfo::fit) it is
// a page to draw a digit on with mouse or finger, prepared as PrepareDigit does
// it, with answers while it is being drawn. For all others it is a page that a
// picture is chosen on, dropped on or pasted to: the browser decodes it, and it
// is prepared as Prepare does it (bytes differ by 1 at most, and few do),
// cropped unless the model says otherwise. Of more than 12 classes it has the
// bars of the 10 likeliest.
//
// Opened with #test (or #test=DIGIT,TEMPERATURE; #test=HEIGHT,WIDTH for a
// picture) behind its address, the page draws a digit or a picture by itself
// and leaves in its element "test" a JSON object with all that it computed:
// tests/export/html_test.cc, picture_page_test.cc.
//
// FailedPrecondition unless the models are of the same images, class names and
// preparation; Unimplemented for one that LayersOf does not take.
absl::StatusOr<std::string> HtmlPage(const LoadedModel& student,
                                     const LoadedModel* teacher);

}  // namespace distill

#endif  // DISTILL_EXPORT_HTML_H_
