// Which layers of teacher and student a method compares.
#ifndef DISTILL_EXPERIMENT_FEATURES_H_
#define DISTILL_EXPERIMENT_FEATURES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/random.h"
#include "c10/core/Device.h"
#include "losses/fitnets.h"
#include "losses/methods.h"
#include "models/classifier.h"

namespace distill {

struct FeatureChoice {
  Feature teacher, student;
};

// The features that `method` compares. Empty names choose: of maps the
// student's last ones and the teacher's last of the same height and width, of
// points the last feature of each.
//
// InvalidArgument, with what each model has, for a name that it does not have,
// for maps of different sizes, and where there is nothing to choose.
absl::StatusOr<FeatureChoice> ChooseFeatures(
    const Method& method, const std::vector<Feature>& teacher,
    const std::string& teacher_name, const std::vector<Feature>& student,
    const std::string& student_name);

// The regressor that `method` needs between these features, with weights drawn
// from `random` as Network draws its own, on `device`, asking for gradients;
// one without a weight if it needs none.
Regressor MakeRegressor(const Method& method, const FeatureChoice& features,
                        Random& random, at::Device device);

// "conv1 (32 x 14 x 14)".
std::string DescribeFeature(const Feature& feature);

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_FEATURES_H_
