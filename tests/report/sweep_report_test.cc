#include "report/sweep_report.h"

#include <cmath>
#include <string>

#include "gtest/gtest.h"
#include "tests/testing/browser.h"
#include "tests/testing/html.h"

namespace distill {
namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

SweepCellResult Cell(const std::string& method, double temperature,
                     double difference) {
  SweepCellResult cell;
  cell.cell = {1000, method, temperature, 0.5};
  cell.runs = 5;
  cell.control = {0.9, 0.89, 0.91};
  cell.validation = {0.9 + difference, 0.8 + difference, 1.0 + difference};
  cell.difference = {difference, difference - 0.01, difference + 0.01};
  cell.verdict = VerdictOf(cell.difference, 0.02);
  return cell;
}

SweepResult Result() {
  SweepResult result;
  result.cells = {Cell("kd", 1, 0.02), Cell("kd", 2.5, 0.04),
                  Cell("kd", 10, -0.005)};
  SweepCellResult& chosen = result.cells[1];
  chosen.chosen = true;
  chosen.test = {0.93, 0.92, 0.94};
  chosen.test_difference = {0.03, 0.02, 0.04};
  chosen.test_verdict = Verdict::kBeats;
  return result;
}

// The numbers are those of Result(), to six digits.
TEST(SweepCsvTest, HasALineForEachCellAndTheTestSetOnlyForTheChosen) {
  EXPECT_EQ(
      SweepCsv(Result()),
      "method,temperature,alpha,labels,n,validation_accuracy,validation_low,"
      "validation_high,control_validation_accuracy,difference,difference_low,"
      "difference_high,verdict,chosen,test_accuracy\n"
      "kd,1,0.5,1000,5,0.920000,0.820000,1.020000,0.900000,0.020000,0.010000,"
      "0.030000,BEATS,no,\n"
      "kd,2.5,0.5,1000,5,0.940000,0.840000,1.040000,0.900000,0.040000,0.030000,"
      "0.050000,BEATS,yes,0.930000\n"
      "kd,10,0.5,1000,5,0.895000,0.795000,0.995000,0.900000,-0.005000,"
      "-0.015000,0.005000,NO DIFFERENCE,no,\n");
}

TEST(SweepCsvTest, OneRunHasNoInterval) {
  SweepResult result = Result();
  result.cells.resize(1);
  result.cells[0].validation.low = result.cells[0].validation.high =
      std::nan("");
  EXPECT_TRUE(Contains(SweepCsv(result), ",0.920000,,,0.900000,"));
  EXPECT_TRUE(Contains(SweepTable(result), "92.00 %  "));
}

TEST(SweepTableTest, StandsInColumns) {
  const std::string text = SweepTable(Result());
  const size_t column = text.find("verdict");
  const size_t second = text.find('\n') + 1;
  EXPECT_EQ(text.substr(second + column, 5), "BEATS") << text;
  EXPECT_TRUE(Contains(text, "+4.00 (+3.00 to +5.00)")) << text;
  EXPECT_EQ(CountOf(text, "chosen"), 2) << "the heading and one cell";
  EXPECT_FALSE(Contains(text, "93.00 %")) << "a test accuracy";
}

TEST(ChosenLineTest, SaysBothAccuracies) {
  EXPECT_EQ(ChosenLine(Result().cells[1]),
            "1,000 labels: T=2.5, alpha=0.5 is the best on the validation "
            "images, with 94.00 % (84.00 % to 104.00 %). On the test set it "
            "has 93.00 % (92.00 % to 94.00 %), +3.00 (+2.00 to +4.00) points "
            "against the control: BEATS.");
}

TEST(SweepPageTest, HasAMapForEachNumberOfLabelsAndMethod) {
  SweepResult result = Result();
  result.cells.push_back(Cell("dkd", 1, 0.01));
  result.cells.push_back(Cell("kd", 1, 0.03));
  result.cells.back().cell.labels = 55000;
  const std::string html = SweepPage(result, {{"dataset", "a < b"}});
  EXPECT_TRUE(testing::IsWholePage(html));
  EXPECT_EQ(CountOf(html, "<table class=\"map\">"), 3);
  EXPECT_TRUE(Contains(html, "<h2>1,000 labels</h2>"));
  EXPECT_TRUE(Contains(html, "<h2>1,000 labels, dkd</h2>"));
  EXPECT_TRUE(Contains(html, "<h2>55,000 labels</h2>"));
  EXPECT_TRUE(Contains(html, "a &lt; b"));
  // From 0.1 for 0 points to 0.55 for the 4 of the largest difference.
  EXPECT_TRUE(Contains(html,
                       "class=\"chosen\" style=\"background: "
                       "rgba(var(--gain), 0.550)\"><b>+4.00</b>"))
      << html;
  EXPECT_TRUE(Contains(html, "rgba(var(--gain), 0.325)\"><b>+2.00</b>"));
  // Its interval is from -1.5 to +0.5.
  EXPECT_TRUE(Contains(html, "rgba(var(--same), 0.15)\"><b>-0.50</b>"));
  EXPECT_TRUE(Contains(html, ">-4.00<i style="));
  EXPECT_TRUE(Contains(html, "class=\"verdict gain\""));
  EXPECT_EQ(CountOf(html, "On the test set"), 1);
}

// Of differences far below a point the strongest colour is not for the largest.
TEST(SweepPageTest, NoiseStaysFaint) {
  SweepResult result;
  for (double difference : {0.001, -0.002}) {
    result.cells.push_back(Cell("kd", 1000 * difference + 3, difference));
    result.cells.back().difference.low = difference - 0.0001;
    result.cells.back().difference.high = difference + 0.0001;
  }
  const std::string html = SweepPage(result, {});
  EXPECT_TRUE(Contains(html, "rgba(var(--gain), 0.145)\"><b>+0.10</b>"));
  EXPECT_TRUE(Contains(html, "rgba(var(--loss), 0.190)\"><b>-0.20</b>"));
}

TEST(SweepPageTest, NoDifferenceAnywhereIsNoColour) {
  SweepResult result;
  result.cells = {Cell("kd", 1, 0)};
  const std::string html = SweepPage(result, {});
  EXPECT_TRUE(testing::IsWholePage(html));
  EXPECT_TRUE(Contains(html, "rgba(var(--same), 0.15)\"><b>+0.00</b>"));
}

TEST(SweepPageTest, FitsInABrowser) {
  const std::string why_not = testing::WhyNoBrowser();
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  testing::ExpectFits(SweepPage(Result(), {{"dataset", "a"}}), 3);
}

}  // namespace
}  // namespace distill
