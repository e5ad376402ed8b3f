#include "report/classes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/text.h"
#include "report/chart.h"
#include "report/metrics.h"

namespace distill {
namespace {

using Rows = std::vector<std::vector<std::string>>;
using Names = std::vector<std::string>;

// More classes than these have no table of all confusions, and of more only
// those that change most are shown.
constexpr size_t kMostClasses = 30;
constexpr size_t kMostChanged = 15;
constexpr size_t kMostConfusions = 30;

std::string NameOf(size_t stage) { return StageName(static_cast<int>(stage)); }

std::string TitleOf(const std::string& name) {
  return IsNumber(name) ? absl::StrCat("class ", name) : name;
}

std::vector<std::string> HeaderOf(const std::string& first,
                                  const std::vector<StageAnalysis>& stages) {
  std::vector<std::string> header = {first};
  for (size_t i = 0; i < stages.size(); ++i) header.push_back(NameOf(i));
  return header;
}

// Of `points`, one a class, the classes that gain most, largest first, and then
// those that lose most, largest last; of equal ones the first.
std::vector<int64_t> MostChanged(const std::vector<double>& points) {
  std::vector<std::pair<double, int64_t>> gains, losses;
  for (size_t c = 0; c < points.size(); ++c) {
    if (points[c] > 0) gains.emplace_back(-points[c], c);
    if (points[c] < 0) losses.emplace_back(points[c], c);
  }
  std::vector<int64_t> classes;
  for (auto* changed : {&gains, &losses}) {
    std::sort(changed->begin(), changed->end());
    changed->resize(std::min(changed->size(), kMostChanged));
  }
  classes.reserve(gains.size() + losses.size());
  for (const auto& [negative, c] : gains) classes.push_back(c);
  std::reverse(losses.begin(), losses.end());
  for (const auto& [negative, c] : losses) classes.push_back(c);
  return classes;
}

// A cell's text, and how much of a colour (of the page's style) is behind it,
// in [0, 1].
struct HeatCell {
  std::string text;
  double heat = 0;
  const char* color = "--heat";
};

std::string HeatTable(
    const std::string& title, const Names& names,
    const std::function<HeatCell(int64_t label, int64_t predicted)>& cell) {
  const auto classes = static_cast<int64_t>(names.size());
  const auto head = [&](const char* scope, int64_t c) {
    const std::string name = EscapeHtml(names[c]);
    return absl::StrCat("<th scope=\"", scope, "\" title=\"", name, "\"><span>",
                        name, "</span></th>");
  };
  // The style turns the columns' names.
  const bool named =
      std::any_of(names.begin(), names.end(),
                  [](const std::string& name) { return name.size() > 3; });
  std::string html =
      absl::StrCat("<figure>\n<figcaption>", EscapeHtml(title),
                   "</figcaption>\n<div class=\"scroll\"><table class=\"heat",
                   named ? " named" : "", "\">\n<thead><tr><th></th>");
  for (int64_t c = 0; c < classes; ++c) absl::StrAppend(&html, head("col", c));
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n");
  for (int64_t label = 0; label < classes; ++label) {
    absl::StrAppend(&html, "<tr>", head("row", label));
    for (int64_t c = 0; c < classes; ++c) {
      const HeatCell found = cell(label, c);
      if (found.heat > 0) {
        absl::StrAppendFormat(
            &html, "<td style=\"background:rgba(var(%s),%.2f)\">%s</td>",
            found.color, found.heat, EscapeHtml(found.text));
      } else {
        absl::StrAppend(&html, "<td>", EscapeHtml(found.text), "</td>");
      }
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return absl::StrCat(html, "</tbody>\n</table></div>\n</figure>\n");
}

// Weak enough for the text on it at its strongest.
double Heat(int64_t value, int64_t largest) {
  if (value == 0) return 0;
  return 0.08 + 0.5 * static_cast<double>(std::abs(value)) /
                    static_cast<double>(std::max<int64_t>(largest, 1));
}

// The largest absolute value off the diagonal.
int64_t LargestOff(int64_t classes,
                   const std::function<int64_t(int64_t, int64_t)>& value) {
  int64_t largest = 0;
  for (int64_t a = 0; a < classes; ++a) {
    for (int64_t b = 0; b < classes; ++b) {
      if (a != b) largest = std::max(largest, std::abs(value(a, b)));
    }
  }
  return largest;
}

std::string ConfusionTable(const std::string& title,
                           const ModelMetrics& metrics, const Names& names) {
  const int64_t largest =
      LargestOff(metrics.classes, [&](int64_t label, int64_t predicted) {
        return metrics.Confused(label, predicted);
      });
  return HeatTable(title, names,
                   [&](int64_t label, int64_t predicted) -> HeatCell {
                     const int64_t count = metrics.Confused(label, predicted);
                     if (count == 0) return {};
                     return {absl::StrCat(count),
                             label == predicted ? 0 : Heat(count, largest)};
                   });
}

std::string ChangeTable(const ModelMetrics& student,
                        const ModelMetrics& control, const Names& names) {
  const auto change = [&](int64_t label, int64_t predicted) {
    return student.Confused(label, predicted) -
           control.Confused(label, predicted);
  };
  const int64_t largest = LargestOff(student.classes, change);
  return HeatTable("Student less control", names,
                   [&](int64_t label, int64_t predicted) -> HeatCell {
                     const int64_t more = change(label, predicted);
                     if (more == 0) return {};
                     const bool gain = (label == predicted) == (more > 0);
                     return {absl::StrFormat("%+d", more),
                             std::min(Heat(more, largest), 0.58),
                             gain ? "--gain" : "--loss"};
                   });
}

// Where a table of all would be too large: the pairs of classes that the
// student confuses most.
std::string TopConfusions(const std::vector<StageAnalysis>& stages,
                          const Names& names) {
  const ModelMetrics& student = stages[kStudentStage].metrics;
  std::vector<std::tuple<int64_t, int64_t, int64_t>> pairs;
  for (const auto& [pair, count] : student.confusions) {
    pairs.emplace_back(-count, pair.first, pair.second);
  }
  std::sort(pairs.begin(), pairs.end());
  Rows rows;
  for (const auto& [count, label, predicted] : pairs) {
    if (rows.size() == kMostConfusions) break;
    std::vector<std::string> row = {
        absl::StrCat(names[label], " as ", names[predicted])};
    for (const StageAnalysis& stage : stages) {
      row.push_back(WithCommas(stage.metrics.Confused(label, predicted)));
    }
    rows.push_back(std::move(row));
  }
  return absl::StrCat(
      Paragraph("The pairs that the student confuses most; report.json has "
                "all."),
      Table(HeaderOf("label, predicted", stages), rows));
}

}  // namespace

bool IsNumber(const std::string& name) {
  return std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
}

PageSection ClassesSection(const Analysis& analysis, const Names& names) {
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  const size_t other = analysis.has_control() ? kControlStage : kTeacherStage;
  const ModelMetrics& student = stages[kStudentStage].metrics;
  std::vector<double> points;
  points.reserve(names.size());
  for (int64_t c = 0; c < student.classes; ++c) {
    points.push_back(100 * (student.ClassAccuracy(c) -
                            stages[other].metrics.ClassAccuracy(c)));
  }
  std::vector<int64_t> shown(names.size());
  std::iota(shown.begin(), shown.end(), 0);
  std::string html;
  if (names.size() > kMostClasses) {
    shown = MostChanged(points);
    const auto count = [&](auto is) {
      return WithCommas(std::count_if(points.begin(), points.end(), is));
    };
    html = Paragraph(absl::StrCat(
        "Of ", WithCommas(student.classes), " classes ",
        count([](double p) { return p > 0; }), " gain and ",
        count([](double p) { return p < 0; }),
        " lose. Here are those that gain most and those that lose most, at "
        "most ",
        kMostChanged, " of each; report.json has all."));
    if (shown.empty()) return {"Class by class", html};
  }
  std::vector<ChartBar> bars;
  Rows rows;
  for (const int64_t c : shown) {
    const std::string title = TitleOf(names[c]);
    std::vector<std::string> row = {title};
    for (const StageAnalysis& stage : stages) {
      const double accuracy = stage.metrics.ClassAccuracy(c);
      row.push_back(std::isnan(accuracy) ? "-" : Percent(accuracy));
    }
    rows.push_back(std::move(row));
    if (std::isnan(points[c])) continue;
    bars.push_back({title, points[c], absl::StrFormat("%+.2f", points[c])});
  }
  return {"Class by class",
          absl::StrCat(html, "<div class=\"sides\">\n",
                       BarChart(absl::StrCat("Student less ", NameOf(other),
                                             ", points of test accuracy"),
                                bars),
                       "<div class=\"tall\">\n",
                       Table(HeaderOf("test accuracy", stages), rows),
                       "</div>\n</div>\n")};
}

PageSection ConfusionSection(const Analysis& analysis, const Names& names) {
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  const ModelMetrics& student = stages[kStudentStage].metrics;
  if (names.size() > kMostClasses) {
    return {"Confusions", TopConfusions(stages, names)};
  }
  std::string tables = ConfusionTable("Student", student, names);
  if (analysis.has_control()) {
    const ModelMetrics& control = stages[kControlStage].metrics;
    absl::StrAppend(&tables, ConfusionTable("Control", control, names),
                    ChangeTable(student, control, names));
  }
  return {
      "Confusions",
      absl::StrCat(
          "<div class=\"heats\">\n", tables, "</div>\n",
          Paragraph(
              absl::StrCat("Test images by their label (row) and the predicted "
                           "class (column). The diagonal is what is right.",
                           analysis.has_control()
                               ? " In the difference green is a gain: fewer "
                                 "errors, or more that is right."
                               : ""),
              "note"))};
}

}  // namespace distill
