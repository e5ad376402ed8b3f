// Charts as inline SVG, in the style of report/page.h.
#ifndef DISTILL_REPORT_CHART_H_
#define DISTILL_REPORT_CHART_H_

#include <limits>
#include <string>
#include <vector>

namespace distill {

struct ChartPoint {
  double x = 0, y = 0;
  // An interval around y, drawn as a whisker; NaN for none.
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

struct ChartSeries {
  std::string name;  // For the legend; empty: not in it.
  int color = 1;     // The page's class, 0 to 6.
  bool line = true;  // Connects the points.
  bool dashed = false;
  bool dots = false;  // Marks the points.
  // Draws a moving mean over five points, and the points' own line faintly
  // behind it.
  bool smooth = false;
  // In the order to connect them. A point that is not finite, or not above 0 on
  // a logarithmic axis, is left out.
  std::vector<ChartPoint> points;
};

// The ends of an axis; NaN: as the points have it.
struct ChartRange {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

struct ChartOptions {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;
  ChartRange x, y;
};

// A figure of lines, or of dots, in one pair of axes, with a legend. What the
// axes' ends leave out is not drawn. Without any point it says so. Under a
// pointer each point says its numbers, as in all charts here.
std::string LineChart(const ChartOptions& options,
                      const std::vector<ChartSeries>& series);

struct ChartBar {
  std::string label;  // Left of the bar: a class's number or name.
  double value = 0;   // Finite; below 0 goes to the left.
  std::string text;   // At its end; says the value.
};

// A figure of horizontal bars, one below the other, in the colour of a gain;
// bars below 0 in that of a loss. Many of them scroll in a box of their own.
std::string BarChart(const std::string& title,
                     const std::vector<ChartBar>& bars);

// Dots in one row, tied to each other by a line.
struct ChartRow {
  std::string label;
  struct Dot {
    int color = 1;
    std::string name;
    double value = 0;
    // A whisker; NaN for none.
    double low = std::numeric_limits<double>::quiet_NaN();
    double high = std::numeric_limits<double>::quiet_NaN();
  };
  std::vector<Dot> dots;
};

// A figure of rows, one below the other, over one axis named `x_label`. Many of
// them scroll in a box of their own. The legend has each name once.
std::string DotChart(const std::string& title, const std::string& x_label,
                     const std::vector<ChartRow>& rows);

}  // namespace distill

#endif  // DISTILL_REPORT_CHART_H_
