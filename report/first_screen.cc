#include "report/first_screen.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/text.h"
#include "report/chart.h"
#include "report/page.h"

namespace distill {
namespace {

std::string Tile(const std::string& number, const std::string& what,
                 const std::string& small, const std::string& outcome = "") {
  return absl::StrCat("<div class=\"tile", outcome, "\"><b>",
                      EscapeHtml(number), "</b><span>", EscapeHtml(what),
                      "</span><small>", EscapeHtml(small), "</small></div>\n");
}

std::string GainTile(const SeedsResult& result, const Analysis& analysis) {
  const ModelMetrics& student = analysis.first().stages[kStudentStage].metrics;
  if (!result.difference) {
    return Tile(Percent(result.student.mean), "of the test images right",
                "no control ran: whether the teacher helped is not known");
  }
  const Interval& d = *result.difference;
  std::string small;
  if (result.runs.size() > 1) {
    small = absl::StrFormat("95 %% interval %+.2f to %+.2f, %d pairs",
                            100 * d.low, 100 * d.high, result.runs.size());
  } else {
    const ModelMetrics& control =
        analysis.first().stages[kControlStage].metrics;
    small =
        absl::StrCat("one seed: ", WithCommas(student.errors), " errors, and ",
                     WithCommas(control.errors), " without a teacher");
  }
  return Tile(absl::StrFormat("%+.2f", 100 * d.mean),
              "points of test accuracy, gained from the teacher", small,
              OutcomeClass(result.verdict));
}

// How many times `student` goes into `teacher`; "-" where one is not known.
std::string RatioTile(double teacher, double student, const char* more,
                      const char* less, const std::string& small) {
  const double ratio = teacher / student;
  if (!std::isfinite(ratio) || ratio <= 0) {
    return Tile("-", more, "of this teacher that is not known");
  }
  const double times = ratio < 1 ? 1 / ratio : ratio;
  return Tile(absl::StrFormat("%.*f\u00d7", times < 9.95 ? 1 : 0, times),
              absl::StrCat(ratio < 1 ? less : more, " than the teacher"),
              small);
}

std::string Tiles(const SeedsResult& result, const Analysis& analysis) {
  const auto& stages = analysis.first().stages;
  const StageResult& teacher = *stages[kTeacherStage].stage;
  const StageResult& student = *stages[kStudentStage].stage;
  const double slow = analysis.latencies[kTeacherStage].batch1;
  const double fast = analysis.latencies[kStudentStage].batch1;
  return absl::StrCat(
      "<div class=\"tiles\">\n", GainTile(result, analysis),
      RatioTile(
          static_cast<double>(teacher.outline.parameters),
          static_cast<double>(student.outline.parameters), "smaller", "larger",
          absl::StrCat(WithCommas(student.outline.parameters), " of ",
                       WithCommas(teacher.outline.parameters), " parameters")),
      RatioTile(slow, fast, "faster", "slower",
                absl::StrFormat("%.2g ms for one image; the teacher %.2g ms",
                                fast, slow)),
      "</div>\n");
}

ChartRow::Dot DotOf(const RunAnalysis& run, size_t stage, bool with_interval) {
  const Interval& accuracy = run.stages[stage].metrics.accuracy;
  ChartRow::Dot dot;
  dot.color = ColorOfStage(stage);
  dot.name = StageName(static_cast<int>(stage));
  dot.value = 100 * accuracy.mean;
  if (with_interval) {
    dot.low = 100 * accuracy.low;
    dot.high = 100 * accuracy.high;
  }
  return dot;
}

std::string Dots(const Analysis& analysis) {
  std::vector<ChartRow> rows;
  if (analysis.runs.size() == 1) {
    for (size_t i = 0; i < analysis.first().stages.size(); ++i) {
      if (analysis.predictions[i].samples == 0) continue;
      rows.push_back({StageName(static_cast<int>(i)),
                      {DotOf(analysis.first(), i, /*with_interval=*/true)}});
    }
    return DotChart("One seed, and how far other test images may move it",
                    "test accuracy, %; lines: 95 % intervals", rows);
  }
  for (const RunAnalysis& run : analysis.runs) {
    ChartRow row = {absl::StrCat("seed ", run.seed), {}};
    if (analysis.has_control()) {
      row.dots.push_back(DotOf(run, kControlStage, false));
    }
    row.dots.push_back(DotOf(run, kStudentStage, false));
    rows.push_back(std::move(row));
  }
  return DotChart(analysis.has_control() ? "Each seed's pair" : "Each seed",
                  "test accuracy, %", rows);
}

}  // namespace

std::string OutcomeClass(Verdict verdict) {
  return verdict == Verdict::kBeats   ? " gain"
         : verdict == Verdict::kWorse ? " loss"
                                      : "";
}

int ColorOfStage(size_t stage) { return static_cast<int>(stage) + 1; }

std::string FirstScreen(const SeedsResult& result, const Analysis& analysis) {
  std::string html =
      Paragraph(VerdictLine(result), "verdict" + OutcomeClass(result.verdict));
  if (result.runs.size() == 1 && result.runs[0].control) {
    absl::StrAppend(
        &html,
        "<p class=\"note\">What one seed shows may be luck, and another may "
        "turn it round. Run it again with <code>--seeds=5</code>, and the "
        "difference has an interval and a verdict.</p>\n");
  }
  return absl::StrCat(html, Tiles(result, analysis), "<div class=\"grid\">\n",
                      Dots(analysis), "</div>\n");
}

}  // namespace distill
