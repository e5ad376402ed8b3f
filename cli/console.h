// A run as a person sees it in a terminal or in a log.
#ifndef DISTILL_CLI_CONSOLE_H_
#define DISTILL_CLI_CONSOLE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "training/observer.h"

namespace distill {

struct ConsoleOptions {
  // Whether progress goes to a terminal: a bar that is redrawn in place. Else a
  // plain line every few seconds.
  bool terminal = false;
  // Columns of the terminal; a bar never wraps.
  int columns = 80;
  // Seconds on a clock that never jumps; replaced in tests.
  std::function<double()> now;
};

// For a process's stderr: whether it is a terminal, and how wide.
ConsoleOptions ConsoleOptionsOfStderr();

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
  // "7,125 of 60,000 images, 9,120/s, 6 s left, loss 0.2143".
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
