#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/text.h"

namespace distill {
namespace {

// Seconds between two pictures of the bar, and between two plain lines.
constexpr double kBarPeriod = 0.1;
constexpr double kLinePeriod = 5;

constexpr char kClearLine[] = "\r\033[K";

}  // namespace

ConsoleOptions ConsoleOptionsOfProcess(const OutputOptions& output,
                                       bool passed_on) {
  ConsoleOptions options;
  options.terminal = !passed_on && isatty(STDERR_FILENO) != 0;
  options.wrap = !passed_on && isatty(STDOUT_FILENO) != 0;
  options.brief = options.wrap && !output.json;
  options.quiet = output.quiet;
  const char* const term = std::getenv("TERM");
  options.color = options.wrap && std::getenv("NO_COLOR") == nullptr &&
                  term != nullptr && std::string(term) != "dumb";
  winsize size;
  for (const int stream : {STDERR_FILENO, STDOUT_FILENO}) {
    if (ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
      options.columns = size.ws_col;
      break;
    }
  }
  return options;
}

std::string Wrapped(const std::string& text, int columns) {
  constexpr int kLabel = 9;  // "teacher: ".
  const int indent = text.find(':') < kLabel ? kLabel : 0;
  // A command stays one for the shell.
  const std::string more = text.rfind("next:", 0) == 0 ? " \\" : "";
  std::string wrapped, line;
  size_t begin = 0;
  while (begin < text.size()) {
    // A word, with the blanks before it.
    const size_t word =
        std::min(text.find_first_not_of(' ', begin), text.size());
    const size_t end = std::min(text.find(' ', word), text.size());
    if (!line.empty() &&
        static_cast<int>(line.size() + end - begin + more.size()) > columns) {
      absl::StrAppend(&wrapped, line, more, "\n");
      line = std::string(indent, ' ');
      begin = word;
    }
    line += text.substr(begin, end - begin);
    begin = end;
  }
  return wrapped + line;
}

Console::Console(std::ostream& out, std::ostream& progress,
                 ConsoleOptions options)
    : out_(out), progress_(progress), options_(std::move(options)) {
  if (!options_.now) {
    options_.now = [] {
      return std::chrono::duration<double>(
                 std::chrono::steady_clock::now().time_since_epoch())
          .count();
    };
  }
}

void Console::OnBegin(const std::string& what, int64_t images) {
  what_ = what;
  images_ = images;
  begun_ = options_.now();
  // The first picture of a bar comes at once, the first line later.
  shown_ = options_.terminal ? begun_ - 2 * kBarPeriod : begun_;
  loss_ = std::numeric_limits<double>::quiet_NaN();
}

void Console::OnProgress(int64_t done, double loss) {
  if (!std::isnan(loss)) {
    loss_ = std::isnan(loss_) ? loss : 0.95 * loss_ + 0.05 * loss;
  }
  if (options_.quiet) return;
  const double now = options_.now();
  if (now - shown_ < (options_.terminal ? kBarPeriod : kLinePeriod)) return;
  shown_ = now;
  Draw(done, now - begun_);
}

std::string Console::Numbers(int64_t done, double seconds) const {
  std::string text =
      absl::StrCat(WithCommas(done), " of ", WithCommas(images_), " images");
  if (done > 0 && seconds > 0) {
    const double rate = static_cast<double>(done) / seconds;
    const double left = static_cast<double>(images_ - done) / rate;
    const bool soon = left < 100;
    absl::StrAppendFormat(&text, ", %.0f %s left", soon ? left : left / 60,
                          soon ? "s" : "min");
    absl::StrAppend(&text, ", ", WithCommas(std::llround(rate)), "/s");
  }
  if (!std::isnan(loss_)) absl::StrAppendFormat(&text, ", loss %.4f", loss_);
  return text;
}

void Console::Draw(int64_t done, double seconds) {
  const double fraction =
      images_ > 0 ? static_cast<double>(done) / static_cast<double>(images_)
                  : 1;
  const std::string numbers = Numbers(done, seconds);
  if (!options_.terminal) {
    progress_ << what_ << absl::StrFormat(", %.0f %%: ", 100 * fraction)
              << numbers << std::endl;
    return;
  }
  const std::string percent = absl::StrFormat("%3.0f %%", 100 * fraction);
  // The numbers give way to the bar, one after the other, the last one first.
  constexpr int kLeast = 10, kMost = 30;
  const std::string begin = absl::StrCat(what_, " [");
  const int room = options_.columns - 1 -
                   static_cast<int>(begin.size() + percent.size() + 4);
  std::string shown = numbers;
  while (!shown.empty() && room - static_cast<int>(shown.size()) < kLeast) {
    const size_t comma = shown.rfind(", ");
    shown.resize(comma == std::string::npos ? 0 : comma);
  }
  const int width = std::clamp(room - static_cast<int>(shown.size()), 0, kMost);
  const int full = static_cast<int>(fraction * width);
  std::string line =
      absl::StrCat(begin, std::string(full, '#'),
                   std::string(width - full, '.'), "] ", percent, "  ", shown);
  if (static_cast<int>(line.size()) >= options_.columns) {
    line = percent.substr(0, std::max(options_.columns - 1, 0));
  }
  progress_ << kClearLine << line << std::flush;
  drawn_ = true;
}

void Console::OnEnd() {
  if (drawn_) progress_ << kClearLine << std::flush;
  drawn_ = false;
}

void Console::OnLine(const std::string& line) {
  if (options_.quiet) return;
  out_ << (options_.wrap ? Wrapped(line, options_.columns) : line) << std::endl;
}

}  // namespace distill
