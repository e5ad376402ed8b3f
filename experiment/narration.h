// What a run says of itself, for people.
#ifndef DISTILL_EXPERIMENT_NARRATION_H_
#define DISTILL_EXPERIMENT_NARRATION_H_

#include <optional>
#include <string>

#include "experiment/features.h"
#include "experiment/stages.h"

namespace distill {

// Data, device and models.
void LogConfiguration(const Stages& stages, const ModelOutline& teacher,
                      const ModelOutline& student);

// What the student and the control learn from. `features` are what the method
// compares, if it compares features.
void LogStudent(const Stages& stages,
                const std::optional<FeatureChoice>& features);

// A row of the table of models: on the test images, and, if there are any, on
// the validation images. The teacher's, which is the first, has the heading.
void LogStage(const Stages& stages, const std::string& name,
              const StageResult& stage);

// How a model does in 8 bits.
void LogInBytes(const Stages& stages, const std::string& name,
                const InBytes& result);

// How a model does on classes that it never saw (stage.omitted).
void LogOmitted(const Stages& stages, const std::string& name,
                const StageResult& stage);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_NARRATION_H_
