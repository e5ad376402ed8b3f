#include "experiment/sweep_json.h"

#include <limits>

namespace distill {
namespace {

Json ScoresJson(const SweepScores& scores) {
  return {{"validationImages", scores.validation.samples},
          {"validationErrors", scores.validation.errors},
          {"validationLoss", Number(scores.validation.loss)},
          {"testImages", scores.test.samples},
          {"testErrors", scores.test.errors},
          {"testLoss", Number(scores.test.loss)}};
}

// What Number made of a number, up to the kind of infinity.
double FromNumber(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN()
                        : json.get<double>();
}

SweepScores ScoresFrom(const Json& json) {
  SweepScores scores;
  json.at("validationImages").get_to(scores.validation.samples);
  json.at("validationErrors").get_to(scores.validation.errors);
  scores.validation.loss = FromNumber(json.at("validationLoss"));
  json.at("testImages").get_to(scores.test.samples);
  json.at("testErrors").get_to(scores.test.errors);
  scores.test.loss = FromNumber(json.at("testLoss"));
  return scores;
}

}  // namespace

Json RunJson(const SweepRun& run) {
  return {{"labels", run.cell.labels},
          {"method", run.cell.method},
          {"temperature", run.cell.temperature},
          {"alpha", run.cell.alpha},
          {"seed", run.seed},
          {"student", ScoresJson(run.student)},
          {"control", run.control ? ScoresJson(*run.control) : Json(nullptr)},
          {"teacherValidationLoss", Number(run.teacher_loss)},
          {"seconds", run.seconds}};
}

SweepRun RunFrom(const Json& line) {
  SweepRun run;
  line.at("labels").get_to(run.cell.labels);
  line.at("method").get_to(run.cell.method);
  line.at("temperature").get_to(run.cell.temperature);
  line.at("alpha").get_to(run.cell.alpha);
  line.at("seed").get_to(run.seed);
  run.student = ScoresFrom(line.at("student"));
  if (!line.at("control").is_null()) {
    run.control = ScoresFrom(line.at("control"));
  }
  run.teacher_loss = FromNumber(line.at("teacherValidationLoss"));
  line.at("seconds").get_to(run.seconds);
  return run;
}

}  // namespace distill
