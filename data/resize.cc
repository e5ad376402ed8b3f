#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

namespace distill {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLobes = 3;

// In the compiler's own notation; x86-64 has such registers from the start.
typedef float Lanes __attribute__((vector_size(16)));

// Numbers that are summed side by side: whole pixels of 1 as of 3 channels, and
// whole registers.
constexpr int64_t kGroup = 12;
constexpr int64_t kRegisters = kGroup / 4;
// Rows that are summed with each weight that is fetched.
constexpr int64_t kRows = 4;
// Of weights, or of bytes between the two passes: a picture that is a line of
// millions of pixels is resized in parts.
constexpr double kMuch = 1 << 26;

double Lanczos(double x) {
  if (x == 0) return 1;
  x *= kPi;
  return std::sin(x) * std::sin(x / kLobes) * kLobes / (x * x);
}

// Which pixels of a side a pixel of the result is the weighted mean of.
struct Window {
  int64_t first = 0;  // The nearest to the side's begin.
  std::vector<float> weights;
};

// The windows of the `wanted` ones among `to` pixels, made of `from`.
std::vector<Window> Windows(int64_t from, int64_t to, PixelSpan wanted) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  const double stretch = std::max(step, 1.);
  // Of one pixel alone where nothing is to be done.
  const double reach = from == to ? 0.5 : kLobes * stretch;
  std::vector<Window> windows(static_cast<size_t>(wanted.size));
  std::vector<double> weights;
  for (size_t i = 0; i < windows.size(); ++i) {
    Window& window = windows[i];
    const double centre =
        (static_cast<double>(wanted.begin) + static_cast<double>(i) + 0.5) *
        step;
    // The pixels whose centres are in reach.
    const auto first = static_cast<int64_t>(std::ceil(centre - reach - 0.5));
    const auto last = static_cast<int64_t>(std::floor(centre + reach - 0.5));
    window.first = std::max<int64_t>(first, 0);
    weights.clear();
    double sum = 0;
    for (int64_t j = window.first; j <= std::min(last, from - 1); ++j) {
      const double away = static_cast<double>(j) + 0.5 - centre;
      weights.push_back(Lanczos(away / stretch));
      sum += weights.back();
    }
    for (const double weight : weights) {
      window.weights.push_back(static_cast<float>(weight / sum));
    }
  }
  return windows;
}

// All pixels that windows see.
PixelSpan Seen(const std::vector<Window>& windows) {
  const int64_t begin = windows.front().first;
  const Window& last = windows.back();
  return {begin,
          last.first + static_cast<int64_t>(last.weights.size()) - begin};
}

uint8_t Rounded(float sum) {
  return static_cast<uint8_t>(std::min(std::max(sum + 0.5f, 0.f), 255.f));
}

// A window along a row: each weight once for each channel, up to whole groups
// of numbers, with zeros for what is behind the window.
struct RowWindow {
  int64_t first = 0;  // Number in a row.
  int64_t groups = 0;
  const float* weights = nullptr;
};

// The window's sums of kRows rows of numbers, `stride` apart in a buffer: the
// pixel of each of the results' rows that `to` points to, which it moves on.
template <int64_t kChannels>
void SumWindow(const RowWindow& window, const float* rows, int64_t stride,
               uint8_t** to) {
  Lanes totals[kRows][kRegisters] = {};
  const float* weights = window.weights;
  const float* from = rows + window.first;
  for (int64_t g = 0; g < window.groups; ++g) {
    Lanes weight[kRegisters];
    std::memcpy(weight, weights, sizeof(weight));
#pragma GCC unroll 4
    for (int64_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
      for (int64_t i = 0; i < kRegisters; ++i) {
        Lanes values;
        std::memcpy(&values, from + r * stride + 4 * i, sizeof(values));
        totals[r][i] += weight[i] * values;
      }
    }
    weights += kGroup;
    from += kGroup;
  }
  // The numbers of a group belong to the channels in turn.
  for (int64_t r = 0; r < kRows; ++r) {
    float sums[kGroup];
    std::memcpy(sums, totals[r], sizeof(sums));
    for (int64_t c = 0; c < kChannels; ++c) {
      float sum = sums[c];
      for (int64_t i = c + kChannels; i < kGroup; i += kChannels) {
        sum += sums[i];
      }
      *to[r]++ = Rounded(sum);
    }
  }
}

// The `rows` of the picture, each as wide as there are windows.
template <int64_t kChannels>
Picture ResizeRows(const Picture& picture, PixelSpan rows,
                   const std::vector<Window>& windows) {
  Picture result = {
      kChannels, rows.size, static_cast<int64_t>(windows.size()), {}};
  result.pixels.resize(result.size());
  const PixelSpan seen = Seen(windows);
  std::vector<RowWindow> row_windows;
  std::vector<float> weights;
  for (const Window& window : windows) {
    const auto size = static_cast<int64_t>(window.weights.size()) * kChannels;
    row_windows.push_back({(window.first - seen.begin) * kChannels,
                           (size + kGroup - 1) / kGroup, nullptr});
    for (const float weight : window.weights) {
      weights.insert(weights.end(), kChannels, weight);
    }
    weights.resize((weights.size() + kGroup - 1) / kGroup * kGroup);
  }
  const float* place = weights.data();
  for (RowWindow& window : row_windows) {
    window.weights = place;
    place += window.groups * kGroup;
  }
  // Behind a row there are zeros, for the last windows' groups to end in.
  const int64_t length = seen.size * kChannels, stride = length + kGroup;
  std::vector<float> values(static_cast<size_t>(kRows * stride));
  std::vector<uint8_t> nobodys(static_cast<size_t>(result.row_size()));
  for (int64_t y = 0; y < rows.size; y += kRows) {
    uint8_t* to[kRows];
    for (int64_t r = 0; r < kRows; ++r) {
      // Of fewer rows at the end, the results of the others are thrown away.
      const bool there = y + r < rows.size;
      to[r] = there ? result.row(y + r) : nobodys.data();
      if (!there) continue;
      const uint8_t* from =
          picture.row(rows.begin + y + r) + seen.begin * kChannels;
      std::copy_n(from, length, values.begin() + r * stride);
    }
    for (const RowWindow& window : row_windows) {
      SumWindow<kChannels>(window, values.data(), stride, to);
    }
  }
  return result;
}

// As many rows as there are windows; `begin` is the number that the windows
// have for the picture's first row.
Picture ResizeColumns(const Picture& picture, int64_t begin,
                      const std::vector<Window>& windows) {
  Picture result = {picture.channels,
                    static_cast<int64_t>(windows.size()),
                    picture.width,
                    {}};
  result.pixels.resize(result.size());
  std::vector<float> sums(static_cast<size_t>(picture.row_size()));
  for (size_t y = 0; y < windows.size(); ++y) {
    std::fill(sums.begin(), sums.end(), 0.f);
    const uint8_t* from = picture.row(windows[y].first - begin);
    for (const float weight : windows[y].weights) {
      for (float& sum : sums) sum += weight * static_cast<float>(*from++);
    }
    std::transform(sums.begin(), sums.end(),
                   result.row(static_cast<int64_t>(y)), &Rounded);
  }
  return result;
}

// Rows below rows, or columns beside columns.
Picture Below(Picture upper, const Picture& lower) {
  upper.pixels.insert(upper.pixels.end(), lower.pixels.begin(),
                      lower.pixels.end());
  upper.height += lower.height;
  return upper;
}
Picture Beside(const Picture& left, const Picture& right) {
  Picture both = {left.channels, left.height, left.width + right.width, {}};
  both.pixels.reserve(both.size());
  for (int64_t y = 0; y < both.height; ++y) {
    for (const Picture* one : {&left, &right}) {
      both.pixels.insert(both.pixels.end(), one->row(y),
                         one->row(y) + one->row_size());
    }
  }
  return both;
}

std::pair<PixelSpan, PixelSpan> Halves(PixelSpan span) {
  const int64_t half = span.size / 2;
  return {{span.begin, half}, {span.begin + half, span.size - half}};
}

// About how many pixels of a side of `from` are looked at for the `wanted` ones
// of `to`, and how many weights they have.
struct Work {
  double seen = 0, weights = 0;

  Work(int64_t from, int64_t to, PixelSpan wanted) {
    const double step = static_cast<double>(from) / static_cast<double>(to);
    const double each = 2 * kLobes * std::max(step, 1.);
    weights = static_cast<double>(wanted.size) * each;
    seen = std::min(static_cast<double>(wanted.size) * step + each,
                    static_cast<double>(from));
  }
};

}  // namespace

Picture ResizePart(const Picture& picture, int64_t height, int64_t width,
                   PixelSpan rows, PixelSpan columns) {
  const Work down_work(picture.height, height, rows);
  const Work across_work(picture.width, width, columns);
  const auto numbers = static_cast<double>(picture.channels);
  const bool much_across = across_work.weights * numbers > kMuch;
  const bool much_down = down_work.weights > kMuch;
  const bool much_between =
      down_work.seen * static_cast<double>(columns.size) * numbers > kMuch;
  if (rows.size > 1 && (much_down || much_between)) {
    const auto [upper, lower] = Halves(rows);
    return Below(ResizePart(picture, height, width, upper, columns),
                 ResizePart(picture, height, width, lower, columns));
  }
  if (columns.size > 1 && (much_across || much_between)) {
    const auto [left, right] = Halves(columns);
    return Beside(ResizePart(picture, height, width, rows, left),
                  ResizePart(picture, height, width, rows, right));
  }
  const std::vector<Window> down = Windows(picture.height, height, rows);
  const std::vector<Window> across = Windows(picture.width, width, columns);
  const PixelSpan seen = Seen(down);
  return ResizeColumns(picture.channels == 1
                           ? ResizeRows<1>(picture, seen, across)
                           : ResizeRows<3>(picture, seen, across),
                       seen.begin, down);
}

Picture Resize(const Picture& picture, int64_t height, int64_t width) {
  if (height == picture.height && width == picture.width) return picture;
  return ResizePart(picture, height, width, {0, height}, {0, width});
}

}  // namespace distill
