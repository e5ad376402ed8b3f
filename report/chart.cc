#include "report/chart.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "report/page.h"

namespace distill {
namespace {

// Of the drawing, in its own units, which are pixels at the size that a phone
// shows it in: text stays readable there.
constexpr double kWidth = 380, kHeight = 250;
constexpr double kLeft = 50, kRight = 12, kTop = 12, kBottom = 40;
// About as many ticks as an axis has room for.
constexpr int kMostTicks = 6;

// 1, 2 or 5 times a power of ten, the least that is at least `value`.
double NiceStep(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (double factor : {1, 2, 5}) {
    // Not to miss 0.2 for its last bit.
    if (factor * power >= value * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::string Coordinate(double value) { return absl::StrFormat("%.1f", value); }

// From numbers to places along one axis.
class Axis {
 public:
  // `from` and `to` are the places of the low and the high end.
  Axis(bool log, const ChartRange& range, std::vector<double> values,
       double from, double to)
      : log_(log), from_(from), to_(to) {
    if (values.empty()) values.push_back(1);
    const auto ends = std::minmax_element(values.begin(), values.end());
    const bool low_given = std::isfinite(range.low);
    const bool high_given = std::isfinite(range.high);
    low_ = Scale(low_given ? range.low : *ends.first);
    high_ = Scale(high_given ? range.high : *ends.second);
    // A margin, so that no point lies on the frame; and never an empty axis.
    const double span = high_ > low_ ? high_ - low_ : 1;
    if (!low_given) low_ -= 0.05 * span;
    if (!high_given || high_ <= low_) high_ += 0.05 * span;
  }

  bool Has(double value) const {
    if (!std::isfinite(value) || (log_ && value <= 0)) return false;
    // Rounding may put an end itself outside.
    const double slack = 1e-9 * (high_ - low_);
    return Scale(value) >= low_ - slack && Scale(value) <= high_ + slack;
  }

  double Place(double value) const {
    return from_ + (Scale(value) - low_) / (high_ - low_) * (to_ - from_);
  }

  // As Place, but an end for what lies beyond it.
  double Clamp(double value) const {
    if (log_ && value <= 0) return from_;
    const double place = Place(value);
    return std::min(std::max(place, std::min(from_, to_)),
                    std::max(from_, to_));
  }

  std::vector<double> Ticks() const {
    return log_ ? LogTicks() : LinearTicks(low_, high_);
  }

 private:
  double Scale(double value) const { return log_ ? std::log10(value) : value; }

  static std::vector<double> LinearTicks(double low, double high) {
    const double step = NiceStep((high - low) / kMostTicks);
    std::vector<double> ticks;
    const double first = std::ceil(low / step - 1e-9);
    for (int i = 0; (first + i) * step <= high + 1e-9 * step; ++i) {
      // Adding 0 makes a 0 of -0.
      ticks.push_back((first + i) * step + 0.0);
    }
    return ticks;
  }

  // Powers of ten if there are enough of them, with 2 and 5 between them if
  // not, and where even these are too few as on a linear axis.
  std::vector<double> LogTicks() const {
    std::vector<double> powers, ticks;
    const int first = static_cast<int>(std::floor(low_));
    const int last = static_cast<int>(std::ceil(high_));
    const int stride = 1 + (last - first) / (kMostTicks + 1);
    for (int power = first; power <= last; power += stride) {
      for (double factor : {1, 2, 5}) {
        const double tick = factor * std::pow(10, power);
        if (!Has(tick)) continue;
        ticks.push_back(tick);
        if (factor == 1) powers.push_back(tick);
      }
    }
    if (powers.size() >= 3) return powers;
    if (ticks.size() >= 3) return ticks;
    return LinearTicks(std::pow(10, low_), std::pow(10, high_));
  }

  bool log_;
  double low_, high_, from_, to_;
};

class Drawing {
 public:
  Drawing(const ChartOptions& options, const std::vector<ChartSeries>& series)
      : options_(options),
        x_(options.log_x, options.x, Values(series, options, true), kLeft,
           kWidth - kRight),
        y_(options.log_y, options.y, Values(series, options, false),
           kHeight - kBottom, kTop) {}

  bool HasAny(const std::vector<ChartSeries>& series) const {
    return std::any_of(
        series.begin(), series.end(), [this](const ChartSeries& one) {
          return std::any_of(
              one.points.begin(), one.points.end(),
              [this](const ChartPoint& point) { return Has(point); });
        });
  }

  std::string Frame() const {
    std::string svg;
    for (double tick : y_.Ticks()) {
      const std::string at = Coordinate(y_.Place(tick));
      absl::StrAppend(&svg, Line(Coordinate(kLeft), at,
                                 Coordinate(kWidth - kRight), at, "rule"));
      absl::StrAppend(&svg, Text(kLeft - 6, y_.Place(tick) + 4, "end",
                                 absl::StrFormat("%.6g", tick)));
    }
    const std::string bottom = Coordinate(kHeight - kBottom);
    for (double tick : x_.Ticks()) {
      const std::string at = Coordinate(x_.Place(tick));
      absl::StrAppend(
          &svg, Line(at, bottom, at, Coordinate(kHeight - kBottom + 4), "axis"),
          Text(x_.Place(tick), kHeight - kBottom + 17, "middle",
               absl::StrFormat("%.6g", tick)));
    }
    absl::StrAppend(&svg,
                    Line(Coordinate(kLeft), bottom, Coordinate(kWidth - kRight),
                         bottom, "axis"),
                    Text((kLeft + kWidth - kRight) / 2, kHeight - 6, "middle",
                         options_.x_label));
    return svg;
  }

  std::string Series(const ChartSeries& series) const {
    std::string marks;
    for (const ChartPoint& point : series.points) {
      if (!Has(point)) continue;
      const std::string x = Coordinate(x_.Place(point.x));
      const std::string y = Coordinate(y_.Place(point.y));
      if (std::isfinite(point.low) && std::isfinite(point.high)) {
        absl::StrAppend(&marks,
                        Line(x, Coordinate(y_.Clamp(point.low)), x,
                             Coordinate(y_.Clamp(point.high)), "whisker"));
      }
      if (!series.name.empty() || series.dots) {
        absl::StrAppend(
            &marks, Dot(x, y, series.dots ? "dot" : "hit",
                        absl::StrFormat("%s%s%s %.6g: %.4g", series.name,
                                        series.name.empty() ? "" : ", ",
                                        options_.x_label, point.x, point.y)));
      }
    }
    std::string svg = absl::StrCat("<g class=\"c", series.color, "\">\n");
    if (series.line) {
      if (series.smooth) absl::StrAppend(&svg, Line(series.points, "line raw"));
      absl::StrAppend(
          &svg, Line(series.smooth ? Smoothed(series.points) : series.points,
                     series.dashed ? "line dashed" : "line"));
    }
    return absl::StrCat(svg, marks, "</g>\n");
  }

  static std::string Dot(const std::string& x, const std::string& y,
                         const char* kind, const std::string& text) {
    return absl::StrCat("<circle class=\"", kind, "\" cx=\"", x, "\" cy=\"", y,
                        "\" r=\"4\"><title>", EscapeHtml(text),
                        "</title></circle>\n");
  }

  static std::string Line(const std::string& x1, const std::string& y1,
                          const std::string& x2, const std::string& y2,
                          const char* kind) {
    return absl::StrCat("<line class=\"", kind, "\" x1=\"", x1, "\" y1=\"", y1,
                        "\" x2=\"", x2, "\" y2=\"", y2, "\"/>\n");
  }

  static std::string Text(double x, double y, const char* anchor,
                          const std::string& text) {
    return absl::StrCat("<text x=\"", Coordinate(x), "\" y=\"", Coordinate(y),
                        "\" text-anchor=\"", anchor, "\">", EscapeHtml(text),
                        "</text>\n");
  }

 private:
  bool Has(const ChartPoint& point) const {
    return x_.Has(point.x) && y_.Has(point.y);
  }

  // Through the points that can be drawn; empty if there are none.
  std::string Line(const std::vector<ChartPoint>& points,
                   const char* kind) const {
    std::string line;
    for (const ChartPoint& point : points) {
      if (!Has(point)) continue;
      absl::StrAppend(&line, line.empty() ? "" : " ",
                      Coordinate(x_.Place(point.x)), ",",
                      Coordinate(y_.Place(point.y)));
    }
    return line.empty() ? ""
                        : absl::StrCat("<polyline class=\"", kind,
                                       "\" points=\"", line, "\"/>\n");
  }

  // Each the mean of those up to two places away; at the steep beginning of as
  // many on either side, and at the end, which may be of a few steps, of less.
  static std::vector<ChartPoint> Smoothed(std::vector<ChartPoint> points) {
    const std::vector<ChartPoint> raw = points;
    for (size_t i = 0; i < raw.size(); ++i) {
      const size_t reach = std::min(size_t{2}, i);
      const size_t end = std::min(i + reach + 1, raw.size());
      double sum = 0;
      for (size_t k = i - reach; k < end; ++k) sum += raw[k].y;
      points[i].y = sum / static_cast<double>(end - (i - reach));
    }
    return points;
  }

  // Of the points that can be drawn, whiskers included.
  static std::vector<double> Values(const std::vector<ChartSeries>& series,
                                    const ChartOptions& options, bool of_x) {
    const bool log = of_x ? options.log_x : options.log_y;
    std::vector<double> values;
    for (const ChartSeries& one : series) {
      for (const ChartPoint& point : one.points) {
        const std::vector<double> ends =
            of_x ? std::vector<double>{point.x}
                 : std::vector<double>{point.y, point.low, point.high};
        for (double value : ends) {
          if (std::isfinite(value) && (!log || value > 0)) {
            values.push_back(value);
          }
        }
      }
    }
    return values;
  }

  const ChartOptions& options_;
  Axis x_, y_;
};

std::string Svg(double height, const std::string& name,
                const std::string& content) {
  return absl::StrCat("<svg role=\"img\" aria-label=\"", EscapeHtml(name),
                      "\" viewBox=\"0 0 ", kWidth, " ", height, "\">\n",
                      content, "</svg>\n");
}

std::string Legend(const std::vector<ChartSeries>& series) {
  std::string keys;
  for (const ChartSeries& one : series) {
    if (one.name.empty()) continue;
    absl::StrAppend(&keys, "<span class=\"c", one.color, "\"><i",
                    one.dashed ? " class=\"dashed\"" : "", "></i>",
                    EscapeHtml(one.name), "</span>\n");
  }
  return keys.empty()
             ? ""
             : absl::StrCat("<div class=\"keys\">\n", keys, "</div>\n");
}

// The end of what is too long for the room beside a row.
std::string ShortLabel(const std::string& label) {
  constexpr size_t kMost = 13;
  return label.size() <= kMost
             ? label
             : absl::StrCat("...", label.substr(label.size() - kMost + 3));
}

// How many characters of UTF-8 there are.
size_t Length(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xc0) != 0x80; });
}

// The beginning of what is longer than `most` characters.
std::string Beginning(std::string text, size_t most) {
  if (Length(text) <= most) return text;
  while (Length(text) >= most) text.pop_back();
  return text + "\u2026";
}

std::string Figure(const std::string& title, const std::string& content) {
  return absl::StrCat("<figure>\n<figcaption>", EscapeHtml(title),
                      "</figcaption>\n", content, "</figure>\n");
}

}  // namespace

std::string LineChart(const ChartOptions& options,
                      const std::vector<ChartSeries>& series) {
  const Drawing drawing(options, series);
  std::string content;
  for (const ChartSeries& one : series) {
    absl::StrAppend(&content, drawing.Series(one));
  }
  content = drawing.HasAny(series) ? absl::StrCat(drawing.Frame(), content)
                                   : Drawing::Text(kWidth / 2, kHeight / 2,
                                                   "middle", "nothing to draw");
  const std::string unit =
      options.y_label.empty() ? "" : absl::StrCat(" (", options.y_label, ")");
  return Figure(options.title + unit,
                absl::StrCat(Legend(series),
                             Svg(kHeight, options.title + unit, content)));
}

std::string BarChart(const std::string& title,
                     const std::vector<ChartBar>& bars) {
  constexpr double kRow = 20;
  constexpr size_t kMostLabel = 16;
  // Beside the bars: room for a label, and at both ends for a value.
  constexpr double kTo = kWidth - 70;
  double from = 110;
  double low = 0, high = 0;
  for (const ChartBar& bar : bars) {
    const auto length =
        static_cast<double>(std::min(Length(bar.label), kMostLabel));
    from = std::max(from, 60 + 7 * length);
    low = std::min(low, bar.value);
    high = std::max(high, bar.value);
  }
  const double scale = high > low ? (kTo - from) / (high - low) : 0;
  const double zero = from - low * scale;
  std::string content;
  for (size_t i = 0; i < bars.size(); ++i) {
    const ChartBar& bar = bars[i];
    const double top = kRow * static_cast<double>(i);
    const double end = zero + bar.value * scale;
    const bool negative = bar.value < 0;
    absl::StrAppend(
        &content,
        Drawing::Text(4, top + 14, "start", Beginning(bar.label, kMostLabel)),
        "<rect class=\"bar ", negative ? "loss" : "gain", "\" x=\"",
        Coordinate(std::min(zero, end)), "\" y=\"", Coordinate(top + 4),
        "\" width=\"", Coordinate(std::max(std::fabs(end - zero), 1.0)),
        "\" height=\"12\"><title>",
        EscapeHtml(absl::StrCat(bar.label, ": ", bar.text)),
        "</title></rect>\n",
        Drawing::Text(negative ? end - 5 : end + 5, top + 14,
                      negative ? "end" : "start", bar.text));
  }
  const double height = kRow * static_cast<double>(bars.size());
  return Figure(title, absl::StrCat("<div class=\"tall\">\n",
                                    Svg(height, title, content), "</div>\n"));
}

std::string DotChart(const std::string& title, const std::string& x_label,
                     const std::vector<ChartRow>& rows) {
  constexpr double kRow = 24, kFrom = 90, kTo = kWidth - 14, kAxis = 38;
  std::vector<double> values;
  std::vector<ChartSeries> keys;
  for (const ChartRow& row : rows) {
    for (const ChartRow::Dot& dot : row.dots) {
      for (double value : {dot.value, dot.low, dot.high}) {
        if (std::isfinite(value)) values.push_back(value);
      }
      const auto same = [&](const auto& key) { return key.name == dot.name; };
      if (std::none_of(keys.begin(), keys.end(), same)) {
        keys.push_back({dot.name, dot.color, true, false, false, false, {}});
      }
    }
  }
  const Axis axis(false, {}, values, kFrom, kTo);
  const double bottom = kRow * static_cast<double>(rows.size()) + 4;
  std::string content;
  for (double tick : axis.Ticks()) {
    const std::string at = Coordinate(axis.Place(tick));
    absl::StrAppend(&content,
                    Drawing::Line(at, "0", at, Coordinate(bottom), "rule"),
                    Drawing::Text(axis.Place(tick), bottom + 15, "middle",
                                  absl::StrFormat("%.6g", tick)));
  }
  absl::StrAppend(&content, Drawing::Text((kFrom + kTo) / 2, bottom + 32,
                                          "middle", x_label));
  for (size_t i = 0; i < rows.size(); ++i) {
    const double middle = kRow * (static_cast<double>(i) + 0.5) + 2;
    const std::string y = Coordinate(middle);
    absl::StrAppend(&content, Drawing::Text(4, middle + 4, "start",
                                            ShortLabel(rows[i].label)));
    std::string dots;
    double low = kTo, high = kFrom;
    for (const ChartRow::Dot& dot : rows[i].dots) {
      if (!std::isfinite(dot.value)) continue;
      low = std::min(low, axis.Place(dot.value));
      high = std::max(high, axis.Place(dot.value));
      absl::StrAppend(&dots, "<g class=\"c", dot.color, "\">\n");
      std::string text =
          absl::StrFormat("%s, %s: %.6g", rows[i].label, dot.name, dot.value);
      if (std::isfinite(dot.low) && std::isfinite(dot.high)) {
        absl::StrAppend(&dots, Drawing::Line(Coordinate(axis.Place(dot.low)), y,
                                             Coordinate(axis.Place(dot.high)),
                                             y, "whisker"));
        absl::StrAppendFormat(&text, " (%.6g to %.6g)", dot.low, dot.high);
      }
      absl::StrAppend(
          &dots,
          Drawing::Dot(Coordinate(axis.Place(dot.value)), y, "dot", text),
          "</g>\n");
    }
    if (high > low) {
      absl::StrAppend(&content, Drawing::Line(Coordinate(low), y,
                                              Coordinate(high), y, "axis"));
    }
    absl::StrAppend(&content, dots);
  }
  return Figure(title,
                absl::StrCat(Legend(keys), "<div class=\"tall\">\n",
                             Svg(bottom + kAxis, title, content), "</div>\n"));
}

}  // namespace distill
