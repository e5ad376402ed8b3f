#include "experiment/narration.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
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
  observer.OnLine(absl::StrFormat("device:  %s, %s, seed %d (%s)",
                                  compute.device_name, compute.precision_name,
                                  stages.options().seed, compute.description));
  const std::vector<int64_t> missing = ClassesWithoutImages(train);
  if (!missing.empty()) {
    observer.OnLine(absl::StrFormat(
        "warning: no training image is of %s %s; nothing can be learnt of %s",
        missing.size() == 1 ? "class" : "the classes", RangesText(missing),
        missing.size() == 1 ? "it" : "them"));
  }
  const auto describe = [&](const char* whose, const std::string& spelling,
                            const ModelOutline& model) {
    observer.OnLine(absl::StrFormat(
        "%-8s %s", whose,
        model.parameters == 0
            ? model.architecture
            : absl::StrFormat(
                  "%s (%s parameters%s)", spelling,
                  WithCommas(model.parameters),
                  model.flop == 0
                      ? ""
                      : absl::StrFormat(
                            ", %.2f MFLOP an image",
                            static_cast<double>(model.flop) / 1e6))));
  };
  describe("teacher:", stages.options().teacher, teacher);
  describe("student:", stages.options().student, student);
  const bool is_cpu = compute.device.is_cpu();
  if (!(teacher.is_capturable && student.is_capturable) &&
      (!is_cpu || compute.dtype != at::kFloat)) {
    observer.OnLine(
        absl::StrCat("note:    TorchScript computes in float32",
                     is_cpu ? "" : ", and its steps are no CUDA graph"));
  }
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
  observer.OnLine(absl::StrCat(
      "loss:    ", absl::StripPrefix(options.loss.Formula(), "loss = ")));
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
    observer.OnLine(
        absl::StrCat("omitted: student and control see no image of ",
                     absl::StrJoin(options.omit_classes, ", "), "; ",
                     WithCommas(images), " of others"));
  }
  if (!options.augment.empty() || !options.TeacherAugment().empty()) {
    observer.OnLine(absl::StrCat(
        "views:   ", AbslUnparseFlag(options.augment),
        options.teacher_augment == kSameAugment
            ? ""
            : absl::StrCat("; the teacher's: ", options.teacher_augment),
        options.augment.empty() || options.loss.kd.alpha == 0
            ? ""
            : "; the teacher is asked about each"));
  }
  if (!data.labelled) return;
  const int64_t labels = data.labelled->batches.sample_count();
  observer.OnLine(absl::StrCat(
      "labels:  ", WithCommas(labels), " of ", WithCommas(images),
      options.transfer_set == TransferSet::kAll
          ? absl::StrCat("; for the other ", WithCommas(images - labels),
                         " images only the teacher's output")
          : "; no other image is seen"));
}

void LogStage(const Stages& stages, const std::string& name,
              const StageResult& stage) {
  const bool validated = stage.validation.has_value();
  // 80 columns have room for either.
  const auto row = [&](const std::string& first, const std::string& accuracy,
                       const std::string& validation, const std::string& errors,
                       const std::string& loss, const std::string& parameters,
                       const std::string& last) {
    stages.observer().OnLine(
        absl::StrFormat("%-18s%10s%8s%9s%12s  %s", first, accuracy, errors,
                        loss, validated ? validation : parameters, last));
  };
  if (name == "teacher") {
    row(absl::StrCat(WithCommas(stages.data().test.sample_count()),
                     " test images"),
        "accuracy", "validation", "errors", "loss", "parameters", "training");
  }
  const TrainResult& training = stage.training;
  const bool trained = training.steps > 0;
  row(name, Percent(stage.test.accuracy()),
      validated ? Percent(stage.validation->accuracy()) : "",
      stage.test.samples == 0 ? "-" : WithCommas(stage.test.errors),
      stage.test.samples == 0 ? "-" : absl::StrFormat("%.4f", stage.test.loss),
      stage.outline.parameters == 0 ? "" : WithCommas(stage.outline.parameters),
      trained ? absl::StrFormat("%s steps, %.1f s", WithCommas(training.steps),
                                training.seconds)
              : "from a file");
  if (!trained || stages.options().keep != Keep::kBest) return;
  stages.observer().OnLine(absl::StrFormat(
      "%-8s kept the weights after step %s of %s, the best on the validation "
      "images",
      name + ":",
      WithCommas(training.kept_step > 0 ? training.kept_step : training.steps),
      WithCommas(training.steps)));
}

void LogInBytes(const Stages& stages, const std::string& name,
                const InBytes& result) {
  stages.observer().OnLine(absl::StrFormat(
      "%-8s in 8 bits %s, %s errors, loss %.4f; %s of %s predictions changed; "
      "%s bytes",
      name + ":", Percent(result.test.accuracy()),
      WithCommas(result.test.errors), result.test.loss,
      WithCommas(result.changed), WithCommas(result.test.samples),
      WithCommas(result.bytes)));
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
