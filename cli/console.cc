#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
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

ConsoleOptions ConsoleOptionsOfStderr() {
  ConsoleOptions options;
  options.terminal = isatty(STDERR_FILENO) != 0;
  winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.columns = size.ws_col;
  }
  return options;
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
    absl::StrAppend(&text, ", ", WithCommas(std::llround(rate)), "/s, ");
    if (left < 100) {
      absl::StrAppendFormat(&text, "%.0f s left", left);
    } else {
      absl::StrAppendFormat(&text, "%.0f min left", left / 60);
    }
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
  // The bar takes what the words leave of the line, and gives way to them.
  std::string line = absl::StrCat(what_, " ");
  const int room =
      options_.columns - 1 -
      static_cast<int>(line.size() + percent.size() + numbers.size() + 6);
  if (room >= 5) {
    const int width = std::min(room, 30);
    const int full = static_cast<int>(fraction * width);
    absl::StrAppend(&line, "[", std::string(full, '#'),
                    std::string(width - full, '.'), "] ");
  }
  absl::StrAppend(&line, percent, "  ", numbers);
  if (static_cast<int>(line.size()) >= options_.columns) {
    line.resize(std::max(options_.columns - 1, 0));
  }
  progress_ << kClearLine << line << std::flush;
  drawn_ = true;
}

void Console::OnEnd() {
  if (drawn_) progress_ << kClearLine << std::flush;
  drawn_ = false;
}

void Console::OnLine(const std::string& line) { out_ << line << std::endl; }

}  // namespace distill
