#include "report/compare.h"

#include <cmath>
#include <cstddef>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "base/text.h"
#include "report/analysis.h"
#include "report/first_screen.h"
#include "report/page.h"
#include "report/result_json.h"

namespace distill {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// The page's colours that are no stage's: c4 to c6. Runs beyond them use them
// again.
constexpr size_t kFirstColor = 4, kColors = 3;

// An array, which has no field, if it is no JSON.
Json Parsed(const std::string& text) {
  Json json = ParseJson(text);
  return json.is_discarded() ? Json::array() : json;
}

double NumberOr(const Json& value, double other) {
  return value.is_number() ? value.get<double>() : other;
}

// Throws Json::exception where the file is another.
ComparedStage StageOf(const Json& report, const std::string& name) {
  const Json& stage = report.at(name);
  const Json& metrics = report.at("metrics").at(name);
  const bool several = stage.contains("testAccuracyInterval");
  const Json& interval = several ? stage.at("testAccuracyInterval")
                                 : metrics.at("testAccuracyWilson");
  ComparedStage result;
  result.accuracy = {NumberOr(interval.at("mean"), std::nan("")),
                     NumberOr(interval.at("low"), std::nan("")),
                     NumberOr(interval.at("high"), std::nan(""))};
  const Json& parameters = stage.at("parameters");
  result.parameters = parameters.is_null() ? 0 : parameters.get<int64_t>();
  result.latency_ms =
      NumberOr(metrics.at("latencyMs").at("batch1"), std::nan(""));
  if (several) {
    for (const Json& run : report.at("runs")) {
      result.by_seed[run.at("seed").get<uint64_t>()] =
          NumberOr(run.at(name).at("testAccuracy"), std::nan(""));
    }
  } else {
    result.by_seed[report.at("seed").get<uint64_t>()] =
        NumberOr(stage.at("testAccuracy"), std::nan(""));
  }
  for (const Json& point : metrics.value("accuracyBySteps", Json::array())) {
    result.accuracy_by_step.push_back(
        {point.at(0).get<double>(), 100 * point.at(1).get<double>()});
  }
  return result;
}

void AddCurves(const std::string& metrics, ComparedRun* run) {
  std::istringstream lines(metrics);
  std::string line;
  std::optional<uint64_t> first_seed;
  while (std::getline(lines, line)) {
    const Json point = Parsed(line);
    const auto seed = point.at("seed").get<uint64_t>();
    if (!first_seed) first_seed = seed;
    if (seed != *first_seed) continue;
    for (size_t i = 0; i < run->stages.size(); ++i) {
      if (point.at("stage") != StageName(static_cast<int>(i))) continue;
      const auto step = point.at("step").get<double>();
      ComparedStage& stage = run->stages[i];
      stage.total.push_back({step, NumberOr(point.at("total"), std::nan(""))});
      stage.hard.push_back({step, NumberOr(point.at("hard"), std::nan(""))});
    }
  }
}

// Student less control, in points; "-" without a control.
std::string GainOf(const ComparedRun& run) {
  if (run.stages.size() <= kControlStage) return "-";
  return absl::StrFormat("%+.2f",
                         100 * (run.stages[kStudentStage].accuracy.mean -
                                run.stages[kControlStage].accuracy.mean));
}

std::string AccuracyDots(const std::vector<ComparedRun>& runs) {
  std::vector<ChartRow> rows;
  for (const ComparedRun& run : runs) {
    ChartRow row = {run.name, {}};
    for (size_t i = 0; i < run.stages.size(); ++i) {
      const Interval& accuracy = run.stages[i].accuracy;
      row.dots.push_back({ColorOfStage(i), StageName(static_cast<int>(i)),
                          100 * accuracy.mean, 100 * accuracy.low,
                          100 * accuracy.high});
    }
    rows.push_back(std::move(row));
  }
  return DotChart("Each run's models", "test accuracy, %", rows);
}

std::string RunsTable(const std::vector<ComparedRun>& runs) {
  Rows rows;
  for (const ComparedRun& run : runs) {
    const ComparedStage& student = run.stages[kStudentStage];
    rows.push_back({run.name, Percent(run.stages[kTeacherStage].accuracy.mean),
                    PercentWithEnds(student.accuracy),
                    run.stages.size() > kControlStage
                        ? Percent(run.stages[kControlStage].accuracy.mean)
                        : "-",
                    GainOf(run), run.verdict,
                    absl::StrCat(student.by_seed.size()),
                    WithCommas(student.parameters),
                    std::isnan(student.latency_ms)
                        ? "-"
                        : absl::StrFormat("%.3g", student.latency_ms)});
  }
  return Table({"run", "teacher", "student", "control", "points gained",
                "verdict", "seeds", "parameters", "latency, ms"},
               rows);
}

std::vector<std::string> Names(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> names = {""};
  for (const ComparedRun& run : runs) names.push_back(run.name);
  return names;
}

std::string DifferingHtml(const std::vector<ComparedRun>& runs) {
  Rows rows;
  for (const auto& [name, values] : SettingsThatDiffer(runs)) {
    std::vector<std::string> row = {name};
    row.insert(row.end(), values.begin(), values.end());
    rows.push_back(std::move(row));
  }
  return rows.empty() ? Paragraph("Nothing.") : Table(Names(runs), rows);
}

// A figure of the students' curves, a colour a run.
std::string Curves(const std::vector<ComparedRun>& runs, const char* title,
                   const char* unit, bool loss,
                   std::vector<ChartPoint> ComparedStage::*curve) {
  std::vector<ChartSeries> all;
  for (size_t r = 0; r < runs.size(); ++r) {
    ChartSeries series;
    series.name = runs[r].name;
    series.color = static_cast<int>(kFirstColor + r % kColors);
    series.dashed = r >= kColors;
    series.smooth = loss;
    series.dots = !loss;
    for (const ChartPoint& point : runs[r].stages[kStudentStage].*curve) {
      if (std::isfinite(point.y)) series.points.push_back(point);
    }
    if (!series.points.empty()) all.push_back(std::move(series));
  }
  ChartOptions options;
  options.title = title;
  options.x_label = "step";
  options.y_label = unit;
  options.log_y = loss;
  return LineChart(options, all);
}

}  // namespace

absl::StatusOr<ComparedRun> ReadComparedRun(const std::string& name,
                                            const std::string& config,
                                            const std::string& report,
                                            const std::string& metrics) {
  ComparedRun run;
  run.name = name;
  const char* file = "config.json";
  try {
    run.configuration = Parsed(config);
    run.test_data = absl::StrCat(Word(run.configuration.at("testImagesCrc32")),
                                 Word(run.configuration.at("testLabelsCrc32")));
    file = "report.json";
    const Json result = Parsed(report);
    run.verdict = result.at("verdict").get<std::string>();
    run.stages = {StageOf(result, "teacher"), StageOf(result, "student")};
    if (result.at("control").is_object()) {
      run.stages.push_back(StageOf(result, "control"));
    }
    file = "metrics.jsonl";
    AddCurves(metrics, &run);
  } catch (const Json::exception&) {
    return Unexpected(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat(name, "/", file),
                      "something else, or a part of it",
                      "what a finished run of distill leaves",
                      "Pass the --output_dir of such a run");
  }
  return run;
}

std::vector<SettingValues> SettingsThatDiffer(
    const std::vector<ComparedRun>& runs) {
  std::vector<SettingValues> differ;
  std::set<std::string> seen;
  for (const ComparedRun& any : runs) {
    for (const auto& field : any.configuration.items()) {
      if (!seen.insert(field.key()).second) continue;
      std::vector<std::string> values;
      values.reserve(runs.size());
      for (const ComparedRun& run : runs) {
        const auto found = run.configuration.find(field.key());
        // 0 labels mean that all are seen.
        values.push_back(found == run.configuration.end() ? "-"
                         : field.key() == "labels" && *found == 0
                             ? "all"
                             : Word(*found));
      }
      if (std::set<std::string>(values.begin(), values.end()).size() > 1) {
        differ.emplace_back(field.key(), std::move(values));
      }
    }
  }
  return differ;
}

StudentsDifference CompareStudents(const ComparedRun& first,
                                   const ComparedRun& other, double margin) {
  StudentsDifference result;
  result.other_data = first.test_data != other.test_data;
  if (result.other_data) return result;
  const auto& ours = first.stages[kStudentStage].by_seed;
  std::vector<double> differences;
  for (const auto& [seed, accuracy] : other.stages[kStudentStage].by_seed) {
    const auto same = ours.find(seed);
    if (same != ours.end()) differences.push_back(accuracy - same->second);
  }
  result.pairs = static_cast<int64_t>(differences.size());
  if (differences.empty()) return result;
  result.difference = MeanInterval(differences);
  result.verdict = VerdictOf(result.difference, margin / 100);
  return result;
}

std::string DifferenceLine(const ComparedRun& first, const ComparedRun& other,
                           double margin) {
  const StudentsDifference d = CompareStudents(first, other, margin);
  const std::string whose =
      absl::StrCat(other.name, " less ", first.name, ": ");
  if (d.other_data) {
    return absl::StrCat(whose, "their test images differ; nothing to compare.");
  }
  if (d.pairs == 0) {
    return absl::StrCat(whose, "they have no seed in common; no pairs.");
  }
  std::string line = absl::StrFormat("%s%+.2f points of test accuracy (", whose,
                                     100 * d.difference.mean);
  const auto pairs = static_cast<size_t>(d.pairs);
  const bool all = pairs == first.stages[kStudentStage].by_seed.size() &&
                   pairs == other.stages[kStudentStage].by_seed.size();
  if (d.pairs == 1) {
    return absl::StrCat(line, "one seed", all ? "" : " that both have",
                        ", which proves nothing).");
  }
  absl::StrAppendFormat(
      &line, "95 %% interval %+.2f to %+.2f, %d pairs%s): %s.",
      100 * d.difference.low, 100 * d.difference.high, d.pairs,
      all ? "" : " of seeds that both have", VerdictName(d.verdict));
  return line;
}

std::string CompareTable(const std::vector<ComparedRun>& runs) {
  // The end of a path tells runs apart.
  constexpr size_t kName = 26;
  const auto row = [](std::string name, const std::string& teacher,
                      const std::string& student, const std::string& control,
                      const std::string& gain, const std::string& parameters) {
    if (name.size() > kName) {
      name = "..." + name.substr(name.size() - kName + 3);
    }
    return absl::StrFormat("%-26s%10s%10s%10s%10s%14s\n", name, teacher,
                           student, control, gain, parameters);
  };
  std::string text = row("test accuracy", "teacher", "student", "control",
                         "gained", "parameters");
  for (const ComparedRun& run : runs) {
    const auto accuracy = [&](size_t stage) {
      return stage < run.stages.size()
                 ? Percent(run.stages[stage].accuracy.mean)
                 : "-";
    };
    absl::StrAppend(
        &text, row(run.name, accuracy(kTeacherStage), accuracy(kStudentStage),
                   accuracy(kControlStage), GainOf(run),
                   WithCommas(run.stages[kStudentStage].parameters)));
  }
  return text;
}

std::string ComparePage(const std::vector<ComparedRun>& runs, double margin) {
  std::string lines;
  for (size_t r = 1; r < runs.size(); ++r) {
    absl::StrAppend(
        &lines,
        Paragraph(DifferenceLine(runs[0], runs[r], margin),
                  "verdict" +
                      OutcomeClass(
                          CompareStudents(runs[0], runs[r], margin).verdict)));
  }
  const std::string curves = absl::StrCat(
      "<div class=\"grid\">\n",
      Curves(runs, "Accuracy by epoch", "%", false,
             &ComparedStage::accuracy_by_step),
      Curves(runs, "Total loss", "nats", true, &ComparedStage::total),
      Curves(runs, "Hard term", "nats", true, &ComparedStage::hard), "</div>\n",
      Paragraph("Of the first seed's students. Totals of other losses do not "
                "compare.",
                "note"));
  return Page(
      absl::StrCat(runs.size(), " runs compared"),
      absl::StrCat(
          lines,
          Paragraph(absl::StrFormat(
                        "The students of one seed are a pair. Differences "
                        "below %g points do not matter (--margin). The lines "
                        "in the drawing are 95 %% intervals, of the seeds, or "
                        "where a run has one seed of the images.",
                        margin),
                    "note"),
          "<div class=\"grid\">\n", AccuracyDots(runs), "</div>\n",
          Sections({{"Runs", RunsTable(runs)},
                    {"Settings that differ", DifferingHtml(runs)},
                    {"The students' learning curves", curves}})));
}

}  // namespace distill
