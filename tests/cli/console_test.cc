#include "cli/console.h"

#include <cmath>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace distill {
namespace {

struct Screen {
  double now = 100;
  std::ostringstream out, progress;
  Console Make(bool terminal, int columns = 80) {
    ConsoleOptions options;
    options.terminal = terminal;
    options.columns = columns;
    options.now = [this] { return now; };
    return Console(out, progress, options);
  }
};

TEST(ConsoleTest, LinesGoToOneStreamAndProgressToTheOther) {
  Screen screen;
  Console console = screen.Make(false);
  console.OnLine("hello");
  EXPECT_EQ(screen.out.str(), "hello\n");
  EXPECT_EQ(screen.progress.str(), "");
}

TEST(ConsoleTest, PlainLinesComeEveryFewSeconds) {
  Screen screen;
  Console console = screen.Make(false);
  console.OnBegin("teacher: training", 60000);
  screen.now += 1;
  console.OnProgress(1000, 2.0);
  EXPECT_EQ(screen.progress.str(), "") << "too early";
  screen.now += 4;
  console.OnProgress(10000, 2.0);
  EXPECT_EQ(screen.progress.str(),
            "teacher: training, 17 %: 10,000 of 60,000 images, 25 s left, "
            "2,000/s, loss 2.0000\n");
  console.OnEnd();
  EXPECT_EQ(screen.progress.str().find('\r'), std::string::npos);
}

TEST(ConsoleTest, ABarIsRedrawnInPlaceAndCleared) {
  Screen screen;
  Console console = screen.Make(true);
  console.OnBegin("student", 200);
  console.OnProgress(0, std::nan(""));
  EXPECT_EQ(screen.progress.str(),
            "\r\033[Kstudent [..............................]   0 %  0 of 200 "
            "images");
  screen.progress.str("");
  screen.now += 0.01;
  console.OnProgress(50, std::nan(""));
  EXPECT_EQ(screen.progress.str(), "") << "drawn more often than can be seen";
  screen.now += 0.99;
  console.OnProgress(100, 0.5);
  const std::string drawn = screen.progress.str();
  EXPECT_NE(drawn.find(" 50 %  100 of 200 images, 1 s left, 100/s, loss 0.5"),
            std::string::npos)
      << drawn;
  EXPECT_EQ(drawn.find('\n'), std::string::npos);
  screen.progress.str("");
  console.OnEnd();
  EXPECT_EQ(screen.progress.str(), "\r\033[K");
}

TEST(ConsoleTest, ABarNeverWraps) {
  for (int columns : {0, 1, 20, 40, 79, 120}) {
    Screen screen;
    Console console = screen.Make(true, columns);
    console.OnBegin("teacher: training", 60000);
    screen.now += 10;
    console.OnProgress(30000, 0.25);
    const std::string line = screen.progress.str().substr(4);
    EXPECT_LE(static_cast<int>(line.size()), std::max(columns - 1, 0));
  }
}

TEST(ConsoleTest, AtEightyColumnsThereIsABar) {
  Screen screen;
  Console console = screen.Make(true, 80);
  console.OnBegin("seed 12, student: training", 600000);
  screen.now += 10;
  console.OnProgress(300000, 0.25);
  EXPECT_NE(screen.progress.str().find("[#####"), std::string::npos)
      << screen.progress.str();
}

TEST(WrappedTest, BreaksBetweenWordsAndIndents) {
  EXPECT_EQ(Wrapped("teacher: one two", 80), "teacher: one two");
  EXPECT_EQ(Wrapped("teacher: one two three", 16),
            "teacher: one two\n         three");
  EXPECT_EQ(Wrapped("a    table  row", 80), "a    table  row");
  EXPECT_EQ(Wrapped("onewordthatistoolong", 5), "onewordthatistoolong");
  EXPECT_EQ(Wrapped("", 5), "");
  EXPECT_EQ(Wrapped("next:    a --b=1 --c=2", 18),
            "next:    a --b=1 \\\n         --c=2");
}

TEST(ConsoleTest, LongWaitsAreInMinutes) {
  Screen screen;
  Console console = screen.Make(false);
  console.OnBegin("x", 100000);
  screen.now += 10;
  console.OnProgress(1000, std::nan(""));
  EXPECT_NE(screen.progress.str().find("16 min left"), std::string::npos)
      << screen.progress.str();
  EXPECT_EQ(screen.progress.str().find("loss"), std::string::npos);
}

}  // namespace
}  // namespace distill
