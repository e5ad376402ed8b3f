#include "report/report.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "report/analysis.h"
#include "report/classes.h"
#include "report/html.h"
#include "report/metrics.h"
#include "report/tensorboard.h"

namespace distill {
namespace {

// A matrix; or of too many classes [label, predicted, count] of each confusion.
// Where there is `less`, these are changes.
Json ConfusionJson(const ModelMetrics& metrics, const ModelMetrics* less) {
  const auto count = [&](int64_t label, int64_t predicted) {
    return metrics.Confused(label, predicted) -
           (less == nullptr ? 0 : less->Confused(label, predicted));
  };
  Json rows = Json::array();
  if (metrics.classes > kMostMatrixClasses) {
    auto pairs = metrics.confusions;
    if (less != nullptr) {
      pairs.insert(less->confusions.begin(), less->confusions.end());
    }
    for (const auto& [pair, unused] : pairs) {
      const int64_t found = count(pair.first, pair.second);
      if (found != 0) rows.push_back({pair.first, pair.second, found});
    }
    return rows;
  }
  for (int64_t label = 0; label < metrics.classes; ++label) {
    Json row = Json::array();
    for (int64_t c = 0; c < metrics.classes; ++c)
      row.push_back(count(label, c));
    rows.push_back(std::move(row));
  }
  return rows;
}

Json BinsJson(const ModelMetrics& metrics) {
  Json bins = Json::array();
  for (const CalibrationBin& bin : metrics.bins) {
    bins.push_back({{"samples", bin.samples},
                    {"hits", bin.hits},
                    {"confidence", bin.confidence}});
  }
  return bins;
}

// What every seed has of a stage.
Json NumbersJson(const StageAnalysis& stage) {
  const ModelMetrics& metrics = stage.metrics;
  Json json = {{"testErrors",
                metrics.samples == 0 ? Json(nullptr) : Json(metrics.errors)},
               {"testAccuracyWilson", IntervalJson(metrics.accuracy)},
               {"nll", Number(metrics.nll)},
               {"ece", Number(metrics.ece)}};
  if (metrics.top5) json["top5Accuracy"] = *metrics.top5;
  if (metrics.balanced) json["balancedAccuracy"] = *metrics.balanced;
  if (stage.fidelity) {
    json["agreed"] = stage.fidelity->agreed;
    json["teacherErrors"] = stage.fidelity->teacher_errors;
    json["agreedOnTeacherErrors"] = stage.fidelity->agreed_on_teacher_errors;
    json["klFromTeacher"] = Number(stage.fidelity->kl);
  }
  return json;
}

// What the first seed has besides.
Json StageMetricsJson(const StageAnalysis& stage, const Latency& latency) {
  Json json = NumbersJson(stage);
  json["flopPerImage"] = Known(stage.stage->outline.flop);
  json["weightBytes"] = Known(WeightBytes(*stage.stage));
  json["architecture"] = stage.stage->outline.architecture;
  json["latencyMs"] = {{"batch1", Number(latency.batch1)},
                       {"batch64", Number(latency.batch64)}};
  json["accuracyBySteps"] = Json::array();
  for (const AccuracyPoint& point : AccuraciesOf(*stage.stage)) {
    json["accuracyBySteps"].push_back({point.step, point.accuracy});
  }
  json["classAccuracy"] = Json::array();
  for (int64_t c = 0; c < stage.metrics.classes; ++c) {
    json["classAccuracy"].push_back(Number(stage.metrics.ClassAccuracy(c)));
  }
  json["calibration"] = BinsJson(stage.metrics);
  json["confusion"] = ConfusionJson(stage.metrics, nullptr);
  return json;
}

Json DarkKnowledgeJson(const Analysis& analysis, double temperature) {
  Json json = Json::array();
  for (int64_t i : analysis.dark_knowledge) {
    const std::vector<double> softened =
        Softened(analysis.predictions[kTeacherStage], i, temperature);
    json.push_back({{"index", i}, {"entropy", Entropy(softened)}});
  }
  return json;
}

Json MetricsJson(const ReportContext& context, const Analysis& analysis) {
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  Json json = {{"seed", analysis.first().seed}};
  for (size_t i = 0; i < stages.size(); ++i) {
    json[StageName(static_cast<int>(i))] =
        StageMetricsJson(stages[i], analysis.latencies[i]);
  }
  if (analysis.has_control()) {
    json["studentLessControl"] = {
        {"onlyStudentRight", analysis.discordance->only_first_right},
        {"onlyControlRight", analysis.discordance->only_second_right},
        {"confusion", ConfusionJson(stages[kStudentStage].metrics,
                                    &stages[kControlStage].metrics)}};
  }
  json["darkKnowledge"] = DarkKnowledgeJson(analysis, context.temperature);
  json["onlyStudentRight"] = analysis.only_student_right;
  json["onlyStudentWrong"] = analysis.only_student_wrong;
  return json;
}

Json SeedsMetricsJson(const Analysis& analysis) {
  Json json = Json::array();
  for (const RunAnalysis& run : analysis.runs) {
    Json one = {{"seed", run.seed}};
    for (size_t i = 0; i < run.stages.size(); ++i) {
      one[StageName(static_cast<int>(i))] = NumbersJson(run.stages[i]);
    }
    json.push_back(std::move(one));
  }
  return json;
}

std::string ReportJson(const ReportContext& context, const Analysis& analysis) {
  Json json = context.printed;
  json.update(ProvenanceJson(context));
  json["classNames"] = ClassNames(*context.test);
  json["metrics"] = MetricsJson(context, analysis);
  if (analysis.runs.size() > 1) {
    json["metricsBySeed"] = SeedsMetricsJson(analysis);
  }
  return absl::StrCat(JsonText(json, 1), "\n");
}

std::string CurvesJsonl(const Analysis& analysis) {
  std::string lines;
  for (size_t r = 0; r < analysis.runs.size(); ++r) {
    const RunAnalysis& run = analysis.runs[r];
    for (size_t s = 0; s < run.stages.size(); ++s) {
      // A shared teacher learnt once.
      if (s == kTeacherStage && r > 0 && analysis.shares_teacher) continue;
      for (const CurvePoint& point : run.stages[s].stage->training.curve) {
        const Json line = {{"seed", run.seed},
                           {"stage", StageName(static_cast<int>(s))},
                           {"step", point.step},
                           {"total", Number(point.losses.total)},
                           {"soft", Number(point.losses.soft)},
                           {"hard", Number(point.losses.hard)}};
        absl::StrAppend(&lines, JsonText(line), "\n");
      }
    }
  }
  return lines;
}

std::string PredictionsCsv(const Analysis& analysis, const Dataset& test) {
  // Of a set whose classes have but numbers there is no column of names.
  const std::vector<std::string>& names = test.class_names;
  const bool named = !std::all_of(names.begin(), names.end(), IsNumber);
  std::string csv = "index,label";
  for (size_t s = 0; s < analysis.predictions.size(); ++s) {
    if (analysis.predictions[s].samples == 0) continue;
    const std::string name = StageName(static_cast<int>(s));
    absl::StrAppend(&csv, ",", name, ",", name, "_probability,", name,
                    "_label_probability");
  }
  absl::StrAppend(&csv, named ? ",label_name\n" : "\n");
  for (int64_t i = 0; i < test.count; ++i) {
    absl::StrAppend(&csv, i, ",", test.labels[i]);
    for (const Predictions& predictions : analysis.predictions) {
      if (predictions.samples == 0) continue;
      const int predicted = predictions.predicted[i];
      absl::StrAppendFormat(&csv, ",%d,%.9g,%.9g", predicted,
                            predictions.Probability(i, predicted),
                            predictions.Probability(i, test.labels[i]));
    }
    if (named) {
      absl::StrAppend(
          &csv, ",\"",
          absl::StrReplaceAll(names[test.labels[i]], {{"\"", "\"\""}}), "\"");
    }
    absl::StrAppend(&csv, "\n");
  }
  return csv;
}

}  // namespace

absl::StatusOr<Report> MakeReport(const ReportContext& context,
                                  const SeedsResult& result,
                                  Observer& observer) {
  ASSIGN_OR_RETURN(const auto analysis,
                   Analyse(result, context.first_seed, context.temperature,
                           context.test, context.compute, observer));
  Report report;
  report.html = ReportHtml(context, result, analysis);
  report.json = ReportJson(context, analysis);
  report.metrics_jsonl = CurvesJsonl(analysis);
  report.predictions_csv = PredictionsCsv(analysis, *context.test);
  report.events = EventFile(analysis, static_cast<double>(context.ended));
  return report;
}

}  // namespace distill
