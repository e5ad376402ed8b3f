#include "data/digit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/status/status.h"

namespace distill {
namespace {

constexpr int64_t kLargestSide = 2048;
// The margin has this share of the shorter side on each side.
constexpr int64_t kMarginShare = 20;
constexpr int kFits = 3;
// Half of a normal distribution is within 0.6745 deviations.
constexpr double kDeviationOfMedian = 1.4826;
constexpr double kLeastContrast = 16;  // Of 255; less is no ink to see.
constexpr size_t kLeastPiece = 4;      // Pixels of the largest piece.
constexpr size_t kSpeckShare = 20;
constexpr int64_t kRimShare = 16;

// Numbers of [height, width], row-major.
struct Grid {
  int64_t height = 0, width = 0;
  std::vector<double> values;

  Grid(int64_t height, int64_t width)
      : height(height),
        width(width),
        values(static_cast<size_t>(height * width)) {}
  double& at(int64_t y, int64_t x) {
    return values[static_cast<size_t>(y * width + x)];
  }
  double at(int64_t y, int64_t x) const {
    return values[static_cast<size_t>(y * width + x)];
  }
};

double Round(double value) { return std::floor(value + 0.5); }

// The picture with the mean of `factor` x `factor` pixels for each, fewer at
// the far ends.
Grid Shrink(const Picture& image) {
  const int64_t longest = std::max(image.height, image.width);
  const int64_t factor = (longest + kLargestSide - 1) / kLargestSide;
  Grid grid((image.height + factor - 1) / factor,
            (image.width + factor - 1) / factor);
  for (int64_t y = 0; y < grid.height; ++y) {
    const int64_t bottom = std::min((y + 1) * factor, image.height);
    for (int64_t x = 0; x < grid.width; ++x) {
      const int64_t right = std::min((x + 1) * factor, image.width);
      int64_t sum = 0;
      for (int64_t i = y * factor; i < bottom; ++i) {
        for (int64_t j = x * factor; j < right; ++j) {
          sum += image.pixels[static_cast<size_t>(i * image.width + j)];
        }
      }
      const int64_t count = (bottom - y * factor) * (right - x * factor);
      grid.at(y, x) =
          Round(static_cast<double>(sum) / static_cast<double>(count));
    }
  }
  return grid;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// A place in the picture, from -1 to 1 each way, and its brightness.
struct Sample {
  double u = 0, v = 0, value = 0;
};

double Place(int64_t i, int64_t size) {
  return size > 1
             ? 2 * static_cast<double>(i) / static_cast<double>(size - 1) - 1
             : 0;
}

std::vector<Sample> Margin(const Grid& image) {
  const int64_t size =
      std::max<int64_t>(1, std::min(image.height, image.width) / kMarginShare);
  std::vector<Sample> samples;
  for (int64_t y = 0; y < image.height; ++y) {
    const bool whole = y < size || y >= image.height - size;
    for (int64_t x = 0; x < image.width; ++x) {
      if (!whole && x >= size && x < image.width - size) continue;
      samples.push_back(
          {Place(x, image.width), Place(y, image.height), image.at(y, x)});
    }
  }
  return samples;
}

struct Plane {
  double middle = 0, right = 0, down = 0;

  double at(double u, double v) const { return middle + right * u + down * v; }
};

std::vector<double> Distances(const std::vector<Sample>& samples,
                              const Plane& plane) {
  std::vector<double> distances;
  distances.reserve(samples.size());
  for (const Sample& sample : samples) {
    distances.push_back(std::abs(sample.value - plane.at(sample.u, sample.v)));
  }
  return distances;
}

// The plane nearest to the samples, by least squares, of those that are within
// `most` of `old`.
Plane Fit(const std::vector<Sample>& samples, const Plane& old, double most) {
  // The normal equations' matrix is n, u, v; u, uu, uv; v, uv, vv. A little on
  // its diagonal keeps a picture of one row or column solvable.
  double n = 0, u = 0, v = 0, uu = 1e-6, uv = 0, vv = 1e-6;
  double z = 0, zu = 0, zv = 0;
  for (const Sample& s : samples) {
    if (std::abs(s.value - old.at(s.u, s.v)) > most) continue;
    n += 1;
    u += s.u;
    v += s.v;
    uu += s.u * s.u;
    uv += s.u * s.v;
    vv += s.v * s.v;
    z += s.value;
    zu += s.value * s.u;
    zv += s.value * s.v;
  }
  // By Cramer's rule.
  const auto determinant = [](double a, double b, double c, double d, double e,
                              double f, double g, double h, double i) {
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  };
  const double all = determinant(n, u, v, u, uu, uv, v, uv, vv);
  return {determinant(z, u, v, zu, uu, uv, zv, uv, vv) / all,
          determinant(n, z, v, u, zu, uv, v, zv, vv) / all,
          determinant(n, u, z, u, uu, zu, v, uv, zv) / all};
}

struct Background {
  Plane plane;
  double noise = 0;  // Deviation of the margin's pixels from it.
};

// Pixels of the margin that are far off (a digit that reaches it) do not count.
Background FindBackground(const Grid& image) {
  const std::vector<Sample> samples = Margin(image);
  std::vector<double> values;
  values.reserve(samples.size());
  for (const Sample& sample : samples) values.push_back(sample.value);
  Background result;
  result.plane.middle = Median(values);
  for (int i = 0; i <= kFits; ++i) {
    result.noise =
        kDeviationOfMedian * Median(Distances(samples, result.plane));
    if (i < kFits) {
      result.plane = Fit(samples, result.plane, 2.5 * result.noise + 4);
    }
  }
  return result;
}

struct Strengths {
  // How much each pixel stands out to the digit's side, 0 to 255, whole
  // numbers.
  Grid grid;
  double noise = 0;  // The margin's, on that scale.
};

Strengths FindStrengths(const Grid& image, const Background& background) {
  Strengths result = {Grid(image.height, image.width), background.noise};
  std::vector<double>& values = result.grid.values;
  std::vector<double> planes;
  planes.reserve(values.size());
  double above = 0, below = 0;
  const double least = 3 * background.noise + 8;
  for (int64_t y = 0; y < image.height; ++y) {
    const double v = Place(y, image.height);
    for (int64_t x = 0; x < image.width; ++x) {
      planes.push_back(background.plane.at(Place(x, image.width), v));
      const double difference = image.at(y, x) - planes.back();
      result.grid.at(y, x) = difference;
      if (difference > least) above += difference * difference;
      if (difference < -least) below += difference * difference;
    }
  }
  if (below > above) {
    // Dark ink swallows the same share of the light wherever that falls.
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] *= -255 / std::max(planes[i], 1.);
    }
    result.noise *= 255 / std::max(background.plane.middle, 1.);
  }
  for (double& value : values) value = std::clamp(Round(value), 0., 255.);
  return result;
}

// Otsu's threshold: above it is ink. The middle one where many are as good.
double OtsuThreshold(const Grid& strength) {
  std::array<double, 256> counts = {};
  for (const double value : strength.values) {
    counts[static_cast<size_t>(value)] += 1;
  }
  double count = 0, sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    count += counts[i];
    sum += counts[i] * static_cast<double>(i);
  }
  double best = -1, first = 0, last = 0, low_count = 0, low_sum = 0;
  for (size_t i = 0; i + 1 < counts.size(); ++i) {
    low_count += counts[i];
    low_sum += counts[i] * static_cast<double>(i);
    if (low_count == 0 || low_count == count) continue;
    const double apart =
        low_sum / low_count - (sum - low_sum) / (count - low_count);
    const double between = low_count * (count - low_count) * apart * apart;
    if (between > best) first = static_cast<double>(i);
    if (between >= best) last = static_cast<double>(i);
    best = std::max(best, between);
  }
  return (first + last) / 2;
}

// Calls `visit` with the places of the pixels around one that are in the grid.
template <typename Visit>
void Neighbours(const Grid& grid, size_t place, const Visit& visit) {
  const int64_t y = static_cast<int64_t>(place) / grid.width;
  const int64_t x = static_cast<int64_t>(place) % grid.width;
  for (int64_t i = std::max<int64_t>(0, y - 1);
       i <= std::min(grid.height - 1, y + 1); ++i) {
    for (int64_t j = std::max<int64_t>(0, x - 1);
         j <= std::min(grid.width - 1, x + 1); ++j) {
      visit(static_cast<size_t>(i * grid.width + j));
    }
  }
}

// Ink that is connected over edges and corners.
using Piece = std::vector<size_t>;  // The places of its pixels.

std::vector<Piece> FindPieces(const Grid& strength, double threshold) {
  std::vector<bool> seen(strength.values.size());
  std::vector<Piece> pieces;
  for (size_t start = 0; start < seen.size(); ++start) {
    Piece piece;
    const auto take = [&](size_t place) {
      if (seen[place] || strength.values[place] <= threshold) return;
      seen[place] = true;
      piece.push_back(place);
    };
    take(start);
    for (size_t i = 0; i < piece.size(); ++i) {
      Neighbours(strength, piece[i], take);
    }
    if (!piece.empty()) pieces.push_back(std::move(piece));
  }
  return pieces;
}

// Whether a piece is what lies beside the paper: it has a corner of the picture
// and much of its rim.
bool IsBeside(const Piece& piece, const Grid& grid) {
  int64_t rim = 0, corners = 0;
  for (const size_t place : piece) {
    const int64_t y = static_cast<int64_t>(place) / grid.width;
    const int64_t x = static_cast<int64_t>(place) % grid.width;
    const bool end_y = y == 0 || y == grid.height - 1;
    const bool end_x = x == 0 || x == grid.width - 1;
    rim += end_y || end_x ? 1 : 0;
    corners += end_y && end_x ? 1 : 0;
  }
  return corners > 0 && rim * kRimShare >= 2 * (grid.height + grid.width);
}

size_t Largest(const std::vector<Piece>& pieces) {
  size_t largest = 0;
  for (const Piece& piece : pieces) largest = std::max(largest, piece.size());
  return largest;
}

// The places of the digit's ink: of all pieces that count. Empty if there is
// none.
std::vector<size_t> FindInk(const Grid& strength, double threshold) {
  std::vector<Piece> pieces = FindPieces(strength, threshold);
  std::vector<Piece> inside;
  for (const Piece& piece : pieces) {
    if (!IsBeside(piece, strength)) inside.push_back(piece);
  }
  // A digit that fills the whole picture stays.
  if (Largest(inside) * kSpeckShare >= Largest(pieces)) {
    pieces = std::move(inside);
  }
  const size_t largest = Largest(pieces);
  std::vector<size_t> ink;
  if (largest < kLeastPiece) return ink;
  for (const Piece& piece : pieces) {
    if (piece.size() * kSpeckShare < largest) continue;
    ink.insert(ink.end(), piece.begin(), piece.end());
  }
  return ink;
}

// The digit alone, 0 to 1: of ink and the pixels around it, from the noise to
// the level of good ink. Nothing if nothing is drawn.
std::optional<Grid> Digit(const Grid& image) {
  const Strengths strengths = FindStrengths(image, FindBackground(image));
  const Grid& strength = strengths.grid;
  const double noise = strengths.noise;
  const double threshold = std::max(OtsuThreshold(strength), 4 * noise);
  const std::vector<size_t> ink = FindInk(strength, threshold);
  if (ink.empty()) return std::nullopt;
  std::vector<double> levels;
  levels.reserve(ink.size());
  for (const size_t place : ink) levels.push_back(strength.values[place]);
  const double mean = std::accumulate(levels.begin(), levels.end(), 0.) /
                      static_cast<double>(levels.size());
  if (mean < std::max(kLeastContrast, 5 * noise)) {
    return std::nullopt;
  }
  const auto high =
      levels.begin() + static_cast<int64_t>(levels.size() * 9 / 10);
  std::nth_element(levels.begin(), high, levels.end());
  const double low = std::min(3 * noise, threshold / 2);
  const double range = *high - low;
  Grid digit(image.height, image.width);
  for (const size_t place : ink) {
    Neighbours(digit, place, [&](size_t near) {
      digit.values[near] =
          std::clamp((strength.values[near] - low) / range, 0., 1.);
    });
  }
  return digit;
}

// The part of the grid with anything but zeros, which there is.
Grid Crop(const Grid& grid) {
  int64_t top = grid.height, bottom = 0, left = grid.width, right = 0;
  for (int64_t y = 0; y < grid.height; ++y) {
    for (int64_t x = 0; x < grid.width; ++x) {
      if (grid.at(y, x) <= 0) continue;
      top = std::min(top, y);
      bottom = std::max(bottom, y + 1);
      left = std::min(left, x);
      right = std::max(right, x + 1);
    }
  }
  Grid part(bottom - top, right - left);
  for (int64_t y = 0; y < part.height; ++y) {
    for (int64_t x = 0; x < part.width; ++x) {
      part.at(y, x) = grid.at(top + y, left + x);
    }
  }
  return part;
}

// The grid turned on its side, each row scaled by `scale`: a pixel is the mean
// of what it covers, and outside of the grid is 0.
Grid ScaleRowsAndTurn(const Grid& grid, double scale) {
  const auto size = static_cast<int64_t>(
      std::max(1., std::ceil(static_cast<double>(grid.width) * scale - 1e-9)));
  Grid result(size, grid.height);
  for (int64_t i = 0; i < size; ++i) {
    const double from = static_cast<double>(i) / scale;
    const double to = std::min(static_cast<double>(i + 1) / scale,
                               static_cast<double>(grid.width));
    for (auto x = static_cast<int64_t>(from);
         x < grid.width && static_cast<double>(x) < to; ++x) {
      const double covered = std::min(to, static_cast<double>(x + 1)) -
                             std::max(from, static_cast<double>(x));
      for (int64_t y = 0; y < grid.height; ++y) {
        result.at(i, y) += covered * scale * grid.at(y, x);
      }
    }
  }
  return result;
}

// Where the box begins on one axis, for its centre of mass, `sum` / `mass`, to
// come nearest to the middle: to pixel 14, counted from 0, as in all of MNIST's
// images.
int64_t Begin(double sum, double mass, int64_t size) {
  const double begin = Round(static_cast<double>(kDigitSize) / 2 - sum / mass);
  return std::clamp<int64_t>(static_cast<int64_t>(begin), 0, kDigitSize - size);
}

std::vector<uint8_t> Centre(const Grid& box) {
  double mass = 0, down = 0, right = 0;
  for (int64_t y = 0; y < box.height; ++y) {
    for (int64_t x = 0; x < box.width; ++x) {
      mass += box.at(y, x);
      down += box.at(y, x) * static_cast<double>(y);
      right += box.at(y, x) * static_cast<double>(x);
    }
  }
  const int64_t top = Begin(down, mass, box.height);
  const int64_t left = Begin(right, mass, box.width);
  // Thin strokes became faint when they were averaged.
  const double full = *std::max_element(box.values.begin(), box.values.end());
  std::vector<uint8_t> pixels(static_cast<size_t>(kDigitSize * kDigitSize));
  for (int64_t y = 0; y < box.height; ++y) {
    for (int64_t x = 0; x < box.width; ++x) {
      pixels[static_cast<size_t>((top + y) * kDigitSize + left + x)] =
          static_cast<uint8_t>(Round(255 * box.at(y, x) / full));
    }
  }
  return pixels;
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> PrepareDigit(const Picture& image) {
  const std::optional<Grid> digit = Digit(Shrink(image));
  if (!digit.has_value()) {
    return absl::InvalidArgumentError(
        "found nothing drawn on it; expected a digit that stands out from its "
        "background. Take a picture with more contrast; what is transparent "
        "counts as white.");
  }
  const Grid part = Crop(*digit);
  const double scale = static_cast<double>(kDigitBoxSize) /
                       static_cast<double>(std::max(part.height, part.width));
  return Centre(ScaleRowsAndTurn(ScaleRowsAndTurn(part, scale), scale));
}

}  // namespace distill
