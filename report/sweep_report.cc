#include "report/sweep_report.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/text.h"
#include "report/assets.h"
#include "report/first_screen.h"
#include "report/page.h"

namespace distill {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// Of the faintest and the strongest colour. Text on it keeps a contrast above
// 4.5.
constexpr double kLeastInk = 0.1, kMostInk = 0.55;

// "+5.30"
std::string Points(double difference) {
  return absl::StrFormat("%+.2f", 100 * difference);
}

// "+4.77 to +5.84", or nothing.
std::string PointsEnds(const Interval& interval) {
  if (std::isnan(interval.low)) return "";
  return absl::StrCat(Points(interval.low), " to ", Points(interval.high));
}

std::string PointsAndEnds(const Interval& interval) {
  const std::string ends = PointsEnds(interval);
  return absl::StrCat(Points(interval.mean),
                      ends.empty() ? "" : absl::StrCat(" (", ends, ")"));
}

// Of a table for people, the names of the columns first.
Rows TableRows(const SweepResult& result) {
  Rows rows = {{"labels", "cell", "validation accuracy", "control's",
                "difference in points", "verdict", "chosen"}};
  for (const SweepCellResult& cell : result.cells) {
    rows.push_back({WithCommas(cell.cell.labels), CellName(cell.cell),
                    PercentWithEnds(cell.validation),
                    Percent(cell.control.mean), PointsAndEnds(cell.difference),
                    VerdictName(cell.verdict), cell.chosen ? "chosen" : ""});
  }
  return rows;
}

std::string CsvNumber(double value) {
  return std::isnan(value) ? "" : absl::StrFormat("%.6f", value);
}

// Enough digits for any number that a person types.
std::string Plain(double value) { return absl::StrFormat("%.15g", value); }

// The cells of one number of labels and one method, by temperature and alpha,
// both as they came.
struct Map {
  std::vector<double> temperatures, alphas;
  std::map<std::pair<double, double>, const SweepCellResult*> cells;
  // The difference that has the strongest colour: the largest one, and at least
  // a point, so that noise stays faint.
  double most = 0.01;
};

// The colour of a difference.
std::string ColorOf(double difference, const Map& map) {
  const double ink = difference == 0
                         ? 0
                         : kLeastInk + (kMostInk - kLeastInk) *
                                           std::abs(difference) / map.most;
  return absl::StrFormat("rgba(var(%s), %.3f)",
                         difference < 0 ? "--loss" : "--gain", ink);
}

std::string ColorOf(const Interval& difference, const Map& map) {
  const bool may_be_none = difference.low <= 0 && difference.high >= 0;
  return may_be_none ? "rgba(var(--same), 0.15)"
                     : ColorOf(difference.mean, map);
}

std::string Legend(const Map& map) {
  return absl::StrCat("<div class=\"legend\">", Points(-map.most),
                      "<i style=\"background: linear-gradient(90deg, ",
                      ColorOf(-map.most, map), ", transparent, ",
                      ColorOf(map.most, map), ")\"></i>", Points(map.most),
                      " points; grey: the interval has 0 in it</div>\n");
}

void AddOnce(double value, std::vector<double>* values) {
  if (std::find(values->begin(), values->end(), value) == values->end()) {
    values->push_back(value);
  }
}

std::string MapCell(const SweepCellResult& cell, const Map& map) {
  std::string below = PointsEnds(cell.difference);
  if (cell.chosen)
    absl::StrAppend(&below, below.empty() ? "" : "<br>", "chosen");
  return absl::StrCat("<td", cell.chosen ? " class=\"chosen\"" : "",
                      " style=\"background: ", ColorOf(cell.difference, map),
                      "\"><b>", Points(cell.difference.mean), "</b><small>",
                      below, "</small></td>");
}

std::string MapHtml(const Map& map) {
  std::string html =
      "<div class=\"scroll\"><table class=\"map\">\n<thead><tr><th></th>";
  for (const double temperature : map.temperatures) {
    absl::StrAppend(&html, "<th scope=\"col\">",
                    temperature == 0 ? std::string("no temperature")
                                     : absl::StrFormat("T=%g", temperature),
                    "</th>");
  }
  absl::StrAppend(&html, "</tr></thead>\n<tbody>\n");
  for (const double alpha : map.alphas) {
    absl::StrAppendFormat(&html, "<tr><th scope=\"row\">alpha=%g</th>", alpha);
    for (const double temperature : map.temperatures) {
      absl::StrAppend(&html, MapCell(*map.cells.at({temperature, alpha}), map));
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  absl::StrAppend(&html, "</tbody>\n</table></div>\n", Legend(map));
  return html;
}

PageSection MapSection(int64_t labels, const std::string& method,
                       const Map& map) {
  const SweepCellResult& any = *map.cells.begin()->second;
  return {absl::StrCat(Count(labels, "label"),
                       method == "kd" ? "" : absl::StrCat(", ", method)),
          absl::StrCat(
              Paragraph(absl::StrCat(
                  "Validation accuracy against the control's, in points; the "
                  "control has ",
                  PercentWithEnds(any.control), ".",
                  any.runs > 1 ? " Below each difference: its 95 % interval."
                               : "")),
              MapHtml(map))};
}

std::vector<PageSection> Maps(const SweepResult& result) {
  std::vector<std::pair<int64_t, std::string>> order;
  std::map<std::pair<int64_t, std::string>, Map> maps;
  for (const SweepCellResult& cell : result.cells) {
    const std::pair<int64_t, std::string> key = {cell.cell.labels,
                                                 cell.cell.method};
    if (maps.count(key) == 0) order.push_back(key);
    Map& map = maps[key];
    AddOnce(cell.cell.temperature, &map.temperatures);
    AddOnce(cell.cell.alpha, &map.alphas);
    map.cells[{cell.cell.temperature, cell.cell.alpha}] = &cell;
    map.most = std::max(map.most, std::abs(cell.difference.mean));
  }
  std::vector<PageSection> sections;
  sections.reserve(order.size());
  for (const auto& key : order) {
    sections.push_back(MapSection(key.first, key.second, maps.at(key)));
  }
  return sections;
}

}  // namespace

std::string CellName(const SweepCell& cell) {
  return absl::StrCat(cell.method == "kd" ? "" : cell.method + ", ",
                      SettingsText(cell));
}

std::string ChosenLine(const SweepCellResult& chosen) {
  return absl::StrFormat(
      "%s: %s is the best on the validation images, with %s. On the test set "
      "it has %s, %s points against the control: %s.",
      Count(chosen.cell.labels, "label"), CellName(chosen.cell),
      PercentWithEnds(chosen.validation), PercentWithEnds(chosen.test),
      PointsAndEnds(chosen.test_difference), VerdictName(chosen.test_verdict));
}

std::string SweepTable(const SweepResult& result) {
  const Rows rows = TableRows(result);
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(
          &line, i == 0 ? "" : "  ",
          absl::StrFormat("%-*s", static_cast<int>(widths[i]), row[i]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string SweepCsv(const SweepResult& result) {
  std::string csv =
      "method,temperature,alpha,labels,n,validation_accuracy,validation_low,"
      "validation_high,control_validation_accuracy,difference,difference_low,"
      "difference_high,verdict,chosen,test_accuracy\n";
  for (const SweepCellResult& cell : result.cells) {
    const std::vector<std::string> values = {
        cell.cell.method,
        cell.cell.temperature == 0 ? "" : Plain(cell.cell.temperature),
        Plain(cell.cell.alpha),
        absl::StrCat(cell.cell.labels),
        absl::StrCat(cell.runs),
        CsvNumber(cell.validation.mean),
        CsvNumber(cell.validation.low),
        CsvNumber(cell.validation.high),
        CsvNumber(cell.control.mean),
        CsvNumber(cell.difference.mean),
        CsvNumber(cell.difference.low),
        CsvNumber(cell.difference.high),
        VerdictName(cell.verdict),
        cell.chosen ? "yes" : "no",
        cell.chosen ? CsvNumber(cell.test.mean) : ""};
    absl::StrAppend(&csv, absl::StrJoin(values, ","), "\n");
  }
  return csv;
}

std::string SweepPage(const SweepResult& result,
                      const std::vector<std::vector<std::string>>& facts) {
  std::string chosen;
  for (const SweepCellResult& cell : result.cells) {
    if (cell.chosen) {
      absl::StrAppend(&chosen,
                      Paragraph(ChosenLine(cell),
                                "verdict" + OutcomeClass(cell.test_verdict)));
    }
  }
  Rows rows = TableRows(result);
  const std::vector<std::string> header = std::move(rows[0]);
  rows.erase(rows.begin());
  std::vector<PageSection> sections = Maps(result);
  sections.push_back({"All cells", Table(header, rows)});
  sections.push_back({"What ran", Table({"", ""}, facts)});
  return Page(
      "Sweep: which temperature and alpha",
      absl::StrCat(
          chosen,
          Paragraph(
              absl::StrCat(
                  "Each cell: ", Count(result.cells[0].runs, "student"),
                  " of one teacher. The validation images, held out of all "
                  "training, choose; the test set is looked at for the chosen "
                  "cells alone. The best of many is the best by luck too: its "
                  "validation accuracy flatters it, its test accuracy does "
                  "not."),
              "note"),
          Sections(sections)),
      kSweepStyle);
}

}  // namespace distill
