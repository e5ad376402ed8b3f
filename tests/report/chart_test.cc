#include "report/chart.h"

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/html.h"

namespace distill {
namespace {

using testing::IsBalanced;

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

ChartSeries Series(std::vector<ChartPoint> points) {
  ChartSeries series;
  series.name = "a < b";
  series.points = std::move(points);
  return series;
}

// By hand: the axes' frame goes from x = 50 to 368 and from y = 210 up to 12;
// with ends of 0 and 10 the middle is at 209 and 111.
TEST(ChartTest, PointsLieWhereTheAxesSay) {
  ChartOptions options;
  options.title = "loss & more";
  options.x_label = "step";
  options.x = options.y = {0, 10};
  ChartSeries series = Series({{0, 0}, {5, 5}, {10, 10}});
  series.dots = true;
  const std::string html = LineChart(options, {series});
  EXPECT_TRUE(IsBalanced(html));
  EXPECT_EQ(CountOf(html, "points=\"50.0,210.0 209.0,111.0 368.0,12.0\""), 1)
      << html;
  EXPECT_EQ(CountOf(html, "cx=\"209.0\" cy=\"111.0\""), 1);
  EXPECT_EQ(CountOf(html, "</i>a &lt; b<"), 1);
  EXPECT_EQ(CountOf(html, "<title>a &lt; b, step 5: 5</title>"), 1);
  EXPECT_EQ(CountOf(html, "<figcaption>loss &amp; more</figcaption>"), 1);
  for (const char* tick : {">0<", ">2<", ">10<"}) {
    EXPECT_EQ(CountOf(html, tick), 2) << tick;
  }
}

// From 1 to 100, 10 is in the middle.
TEST(ChartTest, ALogarithmicAxisHasPowersOfTen) {
  ChartOptions options;
  options.log_y = true;
  options.x = {0, 2};
  options.y = {1, 100};
  const std::string html =
      LineChart(options, {Series({{0, 1}, {1, 10}, {2, 100}})});
  EXPECT_EQ(CountOf(html, "points=\"50.0,210.0 209.0,111.0 368.0,12.0\""), 1)
      << html;
  EXPECT_EQ(CountOf(html, ">100<"), 1);
}

TEST(ChartTest, WhatCannotBeDrawnIsLeftOut) {
  ChartOptions options;
  options.x = options.y = {0, 10};
  const std::string html = LineChart(
      options,
      {Series({{0, 0}, {1, std::nan("")}, {INFINITY, 1}, {3, 11}, {10, 10}})});
  EXPECT_EQ(CountOf(html, "points=\"50.0,210.0 368.0,12.0\""), 1) << html;
  options.log_y = true;
  options.y = {};
  for (const std::vector<ChartPoint>& points :
       {std::vector<ChartPoint>{}, {{1, 0}, {2, -1}}, {{1, std::nan("")}}}) {
    const std::string empty = LineChart(options, {Series(points)});
    EXPECT_TRUE(IsBalanced(empty));
    EXPECT_EQ(CountOf(empty, "nothing to draw"), 1);
    EXPECT_EQ(CountOf(empty, "nan"), 0);
  }
}

TEST(ChartTest, OnePointAndEqualPointsHaveAxes) {
  for (bool log : {false, true}) {
    ChartOptions options;
    options.log_y = log;
    for (const std::vector<ChartPoint>& points :
         {std::vector<ChartPoint>{{3, 7}}, {{1, 7}, {2, 7}}}) {
      const std::string html = LineChart(options, {Series(points)});
      EXPECT_TRUE(IsBalanced(html));
      EXPECT_EQ(CountOf(html, "nan") + CountOf(html, "inf"), 0) << html;
      EXPECT_GE(CountOf(html, "class=\"rule\""), 2) << html;
    }
  }
}

TEST(ChartTest, WhiskersEndAtTheFrame) {
  ChartOptions options;
  options.x = options.y = {0, 10};
  const std::string html =
      LineChart(options, {Series({{5, 5, 0, 10}, {10, 5, -5, 20}})});
  for (const char* x : {"209.0", "368.0"}) {
    const std::string at(x);
    EXPECT_EQ(
        CountOf(html, "class=\"whisker\" x1=\"" + at + "\" y1=\"210.0\" x2=\"" +
                          at + "\" y2=\"12.0\""),
        1)
        << html;
  }
}

// By hand: bars have 110 to 310, so from -1 to 3 a step is 50 and 0 is at 160.
TEST(ChartTest, BarsStartAtZero) {
  const std::string html = BarChart("gain", {{"0", -1, "-1"}, {"<", 3, "+3"}});
  EXPECT_TRUE(IsBalanced(html));
  EXPECT_EQ(CountOf(html,
                    "class=\"bar loss\" x=\"110.0\" y=\"4.0\" "
                    "width=\"50.0\""),
            1)
      << html;
  EXPECT_EQ(CountOf(html,
                    "class=\"bar gain\" x=\"160.0\" y=\"24.0\" "
                    "width=\"150.0\""),
            1)
      << html;
  EXPECT_EQ(CountOf(html, ">&lt;</text>"), 1);
  EXPECT_TRUE(IsBalanced(BarChart("none", {})));
  EXPECT_EQ(CountOf(BarChart("zeros", {{"0", 0, "0"}}), "nan"), 0);
}

// Sixteen characters, not bytes, have room, and the bars begin after them.
TEST(ChartTest, BarsHaveTheBeginningOfLongNames) {
  const std::string sixteen = "Gr\u00fcnfink oder so";
  const std::string html =
      BarChart("gain", {{sixteen, 1, "+1"}, {sixteen + "?", 2, "+2"}});
  EXPECT_EQ(CountOf(html, ">" + sixteen + "</text>"), 1) << html;
  EXPECT_EQ(CountOf(html, ">Gr\u00fcnfink oder s\u2026</text>"), 1) << html;
  EXPECT_EQ(CountOf(html, "<title>" + sixteen + "?: +2</title>"), 1);
  EXPECT_EQ(CountOf(html, "x=\"172.0\""), 2);
}

// By hand: the first itself, then (0 + 10 + 5) / 3, the mean of five, of the
// last four 25 / 4, and of the last three 15 / 3.
TEST(ChartTest, ASmoothLineHasTheRawOneBehindIt) {
  ChartOptions options;
  options.x = {0, 4};
  options.y = {0, 10};
  ChartSeries series = Series({{0, 0}, {1, 10}, {2, 5}, {3, 10}, {4, 0}});
  series.smooth = true;
  const std::string html = LineChart(options, {series});
  EXPECT_EQ(CountOf(html,
                    "class=\"line raw\" points=\"50.0,210.0 129.5,12.0 "
                    "209.0,111.0 288.5,12.0 368.0,210.0\""),
            1)
      << html;
  EXPECT_EQ(CountOf(html,
                    "class=\"line\" points=\"50.0,210.0 129.5,111.0 "
                    "209.0,111.0 288.5,86.2 368.0,111.0\""),
            1)
      << html;
}

// By hand: 90 to 366, so from 0 to 10 with a margin of 0.5 on either side 5 is
// in the middle, at 228.
TEST(ChartTest, DotsOfARowAreTied) {
  const std::string html =
      DotChart("pairs", "%",
               {{"seed <0>", {{3, "control", 0}, {2, "student", 10}}},
                {"seed 1", {{2, "student", 5, 0, 10}, {3, "control", NAN}}}});
  EXPECT_TRUE(IsBalanced(html));
  EXPECT_EQ(CountOf(html, "cx=\"228.0\" cy=\"38.0\""), 1) << html;
  EXPECT_EQ(CountOf(html, "class=\"axis\""), 1);
  EXPECT_EQ(CountOf(html, "class=\"whisker\""), 1);
  EXPECT_EQ(CountOf(html, "</i>control<"), 1);
  EXPECT_EQ(CountOf(html, "<title>seed &lt;0&gt;, student: 10</title>"), 1);
  EXPECT_EQ(CountOf(html, "nan"), 0);
}

}  // namespace
}  // namespace distill
