#include "experiment/features.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/uniform_tensor.h"

namespace distill {
namespace {

bool IsMap(const Feature& feature) { return feature.sizes.size() == 3; }

bool SameSize(const Feature& a, const Feature& b) {
  return IsMap(a) && IsMap(b) && a.sizes[1] == b.sizes[1] &&
         a.sizes[2] == b.sizes[2];
}

std::string List(const std::vector<Feature>& features) {
  if (features.empty()) return "none";
  return absl::StrJoin(features, ", ", [](std::string* out, const Feature& f) {
    absl::StrAppend(out, DescribeFeature(f));
  });
}

std::string WhatThereIs(const std::vector<Feature>& teacher,
                        const std::vector<Feature>& student) {
  return absl::StrCat("The teacher's features: ", List(teacher),
                      ". The student's: ", List(student), ".");
}

// The last one that `suits`; null if none does.
template <typename Suits>
const Feature* Last(const std::vector<Feature>& features, const Suits& suits) {
  const Feature* last = nullptr;
  for (const Feature& feature : features) {
    if (suits(feature)) last = &feature;
  }
  return last;
}

const Feature* Named(const std::vector<Feature>& features,
                     const std::string& name) {
  return Last(features, [&](const Feature& f) { return f.name == name; });
}

}  // namespace

absl::StatusOr<FeatureChoice> ChooseFeatures(
    const Method& method, const std::vector<Feature>& teacher,
    const std::string& teacher_name, const std::vector<Feature>& student,
    const std::string& student_name) {
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ". ", WhatThereIs(teacher, student)));
  };
  const bool maps = method.compares == Compares::kMaps;
  const auto suits = [maps](const Feature& f) { return !maps || IsMap(f); };
  const Feature* of_student = student_name.empty()
                                  ? Last(student, suits)
                                  : Named(student, student_name);
  const Feature* of_teacher =
      !teacher_name.empty() ? Named(teacher, teacher_name)
      : maps && of_student != nullptr
          ? Last(teacher,
                 [&](const Feature& f) { return SameSize(f, *of_student); })
          : Last(teacher, suits);
  const auto missing = [&](const char* flag, const std::string& name) {
    return name.empty()
               ? wrong(absl::StrCat("--method=", method.name, " compares ",
                                    maps ? "maps of one height and width"
                                         : "an inner layer of each model",
                                    ", and there are none to choose"))
               : wrong(absl::StrCat(flag, " is \"", name,
                                    "\", which that model does not have"));
  };
  if (of_student == nullptr) return missing("--student_feature", student_name);
  if (of_teacher == nullptr) return missing("--teacher_feature", teacher_name);
  if (maps && !SameSize(*of_teacher, *of_student)) {
    return wrong(absl::StrCat(
        "--method=", method.name,
        " compares maps of one height and width, and the teacher's ",
        DescribeFeature(*of_teacher), " and the student's ",
        DescribeFeature(*of_student), " are not"));
  }
  return FeatureChoice{*of_teacher, *of_student};
}

Regressor MakeRegressor(const Method& method, const FeatureChoice& features,
                        Random& random, at::Device device) {
  Regressor regressor;
  const int64_t from = features.student.sizes[0];
  const int64_t to = features.teacher.sizes[0];
  if (!method.needs_same_channels || from == to) return regressor;
  const double bound = 1 / std::sqrt(static_cast<double>(from));
  const auto leaf = [&](const std::vector<int64_t>& sizes) {
    return UniformTensor(sizes, bound, random).to(device).requires_grad_(true);
  };
  regressor.weight = leaf({to, from});
  regressor.bias = leaf({to});
  return regressor;
}

std::string DescribeFeature(const Feature& feature) {
  return absl::StrCat(feature.name, " (", absl::StrJoin(feature.sizes, " x "),
                      ")");
}

}  // namespace distill
