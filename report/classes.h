// The classes on a run's page: what each gains, and which are confused.
#ifndef DISTILL_REPORT_CLASSES_H_
#define DISTILL_REPORT_CLASSES_H_

#include <string>
#include <vector>

#include "report/analysis.h"
#include "report/page.h"

namespace distill {

// Whether a class's name is but a number, which needs a word beside it.
bool IsNumber(const std::string& name);

// Class by class what the student gains on the control, or where there is none
// on the teacher, and how good each model is. Of many classes only those that
// change most. `names` has one a class, here and below.
PageSection ClassesSection(const Analysis& analysis,
                           const std::vector<std::string>& names);

// What is predicted to be what, of each student, and how that changed; of many
// classes only the pairs that the student confuses most.
PageSection ConfusionSection(const Analysis& analysis,
                             const std::vector<std::string>& names);

}  // namespace distill

#endif  // DISTILL_REPORT_CLASSES_H_
