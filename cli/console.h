// A run as a person sees it in a terminal or in a log.
#ifndef DISTILL_CLI_CONSOLE_H_
#define DISTILL_CLI_CONSOLE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "base/observer.h"

namespace distill {

// How much a program says.
struct OutputOptions {
  bool json = false;   // The whole result, on a terminal too.
  bool quiet = false;  // The result alone.

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Output");
    table
        .Add("json", &json,
             "Print the whole result as the last line, as in a pipe, and not "
             "its status, message and final loss alone.")
        .NotInConfiguration();
    table.Add("quiet", &quiet, "Print the last line alone, and no progress.")
        .Common("print the last line alone")
        .NotInConfiguration();
  }
};

struct ConsoleOptions {
  // Whether progress goes to a terminal: a bar that is redrawn in place. Else a
  // plain line every few seconds.
  bool terminal = false;
  // Columns of the terminal; a bar never wraps.
  int columns = 80;
  // Whether lines go to a terminal: they are wrapped to its width, and the
  // result is brief.
  bool wrap = false, brief = false;
  bool quiet = false;  // Neither lines nor progress.
  bool color = false;  // Of the verdict.
  // Seconds on a clock that never jumps; replaced in tests.
  std::function<double()> now;

  // Whether lines and errors meet on one terminal.
  bool brief_errors() const { return brief && terminal; }
};

// For this process's streams: whether they are terminals, and how wide; colour
// unless NO_COLOR is set or TERM is "dumb" (no-color.org). Those that mpirun
// has `passed_on` are none, whatever it has put in their place.
ConsoleOptions ConsoleOptionsOfProcess(const OutputOptions& output,
                                       bool passed_on = false);

// `text` in lines of whole words of at most `columns`. Below a label
// ("teacher: ") all lines but the first are indented.
std::string Wrapped(const std::string& text, int columns);

// Writes the lines to `out` and the progress to `progress`, both of which must
// outlive it.
class Console : public Observer {
 public:
  Console(std::ostream& out, std::ostream& progress, ConsoleOptions options);

  void OnBegin(const std::string& what, int64_t images) override;
  void OnProgress(int64_t done, double loss) override;
  void OnEnd() override;
  void OnLine(const std::string& line) override;

 private:
  // "7,125 of 60,000 images, 6 s left, 9,120/s, loss 0.2143".
  std::string Numbers(int64_t done, double seconds) const;
  void Draw(int64_t done, double seconds);

  std::ostream& out_;
  std::ostream& progress_;
  ConsoleOptions options_;
  std::string what_;
  int64_t images_ = 0;
  double begun_ = 0, shown_ = 0;
  // Of the losses reported, smoothed so that it can be read; NaN before any.
  double loss_ = 0;
  bool drawn_ = false;
};

}  // namespace distill

#endif  // DISTILL_CLI_CONSOLE_H_
