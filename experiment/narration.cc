#include "experiment/narration.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "base/text.h"

namespace distill {

void LogConfiguration(const Stages& stages, const ModelOutline& teacher,
                      const ModelOutline& student) {
  const DataDivision& data = stages.data();
  const Compute& compute = stages.compute();
  Observer& observer = stages.observer();
  const Dataset& train = data.train.dataset();
  const std::string validation =
      data.validation
          ? absl::StrCat(", ", WithCommas(data.validation->sample_count()),
                         " validation")
          : "";
  observer.OnLine(absl::StrFormat(
      "data:    %s, %s training%s and %s test images, %s, %d classes",
      data.name, WithCommas(train.count), validation,
      WithCommas(data.test.sample_count()), train.image.Describe(),
      train.classes));
  observer.OnLine(absl::StrFormat(
      "device:  %s (%s), precision %s, seed %d", compute.device_name,
      compute.description, compute.precision_name, stages.options().seed));
  const std::vector<int64_t> missing = ClassesWithoutImages(train);
  if (!missing.empty()) {
    observer.OnLine(absl::StrFormat(
        "warning: no training image is of %s %s; nothing can be learnt of %s",
        missing.size() == 1 ? "class" : "the classes", RangesText(missing),
        missing.size() == 1 ? "it" : "them"));
  }
  const auto describe = [&](const char* whose, const ModelOutline& model) {
    const std::string size =
        model.parameters == 0
            ? ""
            : absl::StrFormat(" (%s parameters, %.2f MFLOP an image)",
                              WithCommas(model.parameters),
                              static_cast<double>(model.flop) / 1e6);
    observer.OnLine(
        absl::StrFormat("%-8s %s%s", whose, model.architecture, size));
  };
  describe("teacher:", teacher);
  describe("student:", student);
  if (teacher.parameters > 0 && student.parameters > teacher.parameters) {
    observer.OnLine(
        "warning: the student is larger than its teacher; distillation makes "
        "small models.");
  }
}

void LogStudent(const Stages& stages,
                const std::optional<FeatureChoice>& features) {
  const ExperimentOptions& options = stages.options();
  const DataDivision& data = stages.data();
  Observer& observer = stages.observer();
  observer.OnLine("student: " + options.loss.Formula());
  if (features) {
    Random random(options.seed, "regressor's weights");
    const at::Tensor weight = MakeRegressor(*FindMethod(options.loss.method),
                                            *features, random, at::kCPU)
                                  .weight;
    observer.OnLine(absl::StrCat(
        "         compares the teacher's ", DescribeFeature(features->teacher),
        " with the student's ", DescribeFeature(features->student),
        weight.defined()
            ? absl::StrCat(", through a regressor of ",
                           WithCommas(weight.numel() + weight.size(0)),
                           " parameters that is no part of the student")
            : ""));
  }
  const int64_t images = data.students().sample_count();
  if (data.seen) {
    observer.OnLine(absl::StrCat("student and control: no image of ",
                                 absl::StrJoin(options.omit_classes, ", "),
                                 " to train on; ", WithCommas(images),
                                 " of others"));
  }
  if (!data.labelled) return;
  const std::string labels =
      absl::StrCat(WithCommas(options.labels), " labels");
  observer.OnLine(
      options.transfer_set == TransferSet::kAll
          ? absl::StrCat("student: ", labels, "; the other ",
                         WithCommas(images - options.labels),
                         " images have the teacher's predictions alone")
          : absl::StrCat("student: ", labels, ", and their images alone"));
  observer.OnLine(absl::StrCat(
      "control: ", labels,
      ", and their images alone, in as many steps as the student's"));
}

void LogOmitted(const Stages& stages, const std::string& name,
                const StageResult& stage) {
  const OmittedResult& omitted = *stage.omitted;
  stages.observer().OnLine(absl::StrFormat(
      "%-8s of the classes it never saw (%s), %s wrong of %s; with their "
      "biases raised by %.2f, chosen by the %s images, %s wrong, and %s wrong "
      "of all",
      name + ":", absl::StrJoin(stages.options().omit_classes, ", "),
      WithCommas(omitted.errors), WithCommas(omitted.samples), omitted.bias,
      stages.data().validation ? "validation" : "test",
      WithCommas(omitted.corrected_omitted_errors),
      WithCommas(omitted.corrected_errors)));
}

}  // namespace distill
