// A run as an event file, which TensorBoard reads.
#ifndef DISTILL_REPORT_TENSORBOARD_H_
#define DISTILL_REPORT_TENSORBOARD_H_

#include <string>

#include "report/analysis.h"

namespace distill {

// The first seed's scalars by step: "total loss/student" and the like, and
// "accuracy/student" (AccuraciesOf); and of each stage, at its last step, the
// calibration and, of at most kMostMatrixClasses classes, the confusion as
// images. `wall_time` is of all of them, in seconds since 1970.
//
// TFRecord frames of Event messages (tensorflow.org: "TFRecord";
// core/util/event.proto and core/framework/summary.proto of TensorFlow).
std::string EventFile(const Analysis& analysis, double wall_time);

}  // namespace distill

#endif  // DISTILL_REPORT_TENSORBOARD_H_
