#include "report/result_json.h"

#include <cstddef>

namespace distill {
namespace {

Json StageJson(const StageResult& stage) {
  Json json = {
      {"parameters", Known(stage.outline.parameters)},
      {"testAccuracy", Number(stage.test.accuracy())},
      {"testErrors",
       stage.test.samples == 0 ? Json(nullptr) : Json(stage.test.errors)},
      {"testImages", stage.test.samples},
      {"testLoss", Number(stage.test.loss)},
      {"trainLoss", stage.training.epochs.empty()
                        ? Json(nullptr)  // It came from a file.
                        : Number(stage.training.epochs.back().total)},
      {"steps", stage.training.steps},
      {"seconds", stage.training.seconds}};
  if (stage.omitted) {
    const OmittedResult& omitted = *stage.omitted;
    json["omitted"] = {
        {"testImages", omitted.samples},
        {"testErrors", omitted.errors},
        {"bias", omitted.bias},
        {"correctedTestErrors", omitted.corrected_omitted_errors},
        {"correctedTestErrorsOfAll", omitted.corrected_errors}};
  }
  if (stage.in_bytes) {
    const InBytes& bytes = *stage.in_bytes;
    json["int8"] = {{"testAccuracy", bytes.test.accuracy()},
                    {"testErrors", bytes.test.errors},
                    {"testLoss", Number(bytes.test.loss)},
                    {"changedPredictions", bytes.changed},
                    {"bytes", bytes.bytes}};
  }
  if (stage.validation) {
    json["validationAccuracy"] = stage.validation->accuracy();
  }
  return json;
}

// One seed's stages under the names of a run of one seed.
Json RunJson(const ExperimentResult& run) {
  const EpochLosses& losses = run.student.training.epochs.back();
  return {{"finalLoss", Number(losses.total)},
          {"finalSoftLoss", Number(losses.soft)},
          {"finalHardLoss", Number(losses.hard)},
          {"seconds", run.seconds},
          {"teacherLogitsSeconds", run.teacher_logits_seconds},
          {"teacher", StageJson(run.teacher)},
          {"student", StageJson(run.student)},
          {"control", run.control ? StageJson(*run.control) : Json(nullptr)}};
}

// What several seeds' stages have in common: the mean of the accuracies, with
// its interval.
Json StagesJson(const StageResult& first, const Interval& accuracy) {
  return {{"parameters", Known(first.outline.parameters)},
          {"testAccuracy", Number(accuracy.mean)},
          {"testAccuracyInterval", IntervalJson(accuracy)}};
}

}  // namespace

std::string Word(const Json& value) {
  return value.is_string() ? value.get<std::string>() : JsonText(value);
}

Json Known(int64_t count) { return count == 0 ? Json(nullptr) : Json(count); }

Json IntervalJson(const Interval& interval) {
  return {{"mean", Number(interval.mean)},
          {"low", Number(interval.low)},
          {"high", Number(interval.high)}};
}

double MeanFinalLoss(const SeedsResult& result) {
  double sum = 0;
  for (const ExperimentResult& run : result.runs) {
    sum += run.student.training.epochs.back().total;
  }
  return sum / static_cast<double>(result.runs.size());
}

Json ResultJson(const SeedsResult& result, uint64_t first_seed) {
  const ExperimentResult& first = result.runs[0];
  Json json = {
      {"verdict", VerdictName(result.verdict)},
      {"margin", result.margin},
      {"pairsToDecide", result.pairs_to_decide > 0
                            ? Json(result.pairs_to_decide)
                            : Json(nullptr)},
      {"difference",
       result.difference ? IntervalJson(*result.difference) : Json(nullptr)}};
  if (result.runs.size() == 1) {
    json.update(RunJson(first));
    return json;
  }
  json["finalLoss"] = Number(MeanFinalLoss(result));
  json["seconds"] = result.seconds;
  json["teacher"] = StagesJson(first.teacher, result.teacher);
  json["student"] = StagesJson(first.student, result.student);
  json["control"] = result.control ? StagesJson(*first.control, *result.control)
                                   : Json(nullptr);
  json["runs"] = Json::array();
  for (size_t i = 0; i < result.runs.size(); ++i) {
    Json run = {{"seed", first_seed + i}};
    run.update(RunJson(result.runs[i]));
    json["runs"].push_back(run);
  }
  return json;
}

}  // namespace distill
