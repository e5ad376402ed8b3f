#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace distill {
namespace {

Picture Noise(int64_t channels, int64_t height, int64_t width) {
  Picture picture = {channels, height, width, {}};
  uint32_t state = 3;
  while (picture.pixels.size() < picture.size()) {
    state = state * 1664525u + 1013904223u;
    // Black and white are frequent: what overshoots is cut off.
    const auto value = static_cast<int>(state >> 23) - 128;
    picture.pixels.push_back(static_cast<uint8_t>(std::clamp(value, 0, 255)));
  }
  return picture;
}

// Lanczos' filter of three lobes, as its definition has it.
double Lanczos(double x) {
  const auto sinc = [](double t) {
    const double pi = std::acos(-1.);
    return t == 0 ? 1 : std::sin(pi * t) / (pi * t);
  };
  return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
}

// The picture with columns of the wished number, and turned on its side: each
// pixel the mean of all of its row, most of them with weight 0.
Picture ResizeRowsAndTurn(const Picture& picture, int64_t width) {
  Picture turned = {picture.channels, width, picture.height, {}};
  turned.pixels.resize(turned.size());
  const double step =
      static_cast<double>(picture.width) / static_cast<double>(width);
  for (int64_t x = 0; x < width; ++x) {
    for (int64_t y = 0; y < picture.height; ++y) {
      for (int64_t c = 0; c < picture.channels; ++c) {
        double sum = 0, weights = 0;
        for (int64_t i = 0; i < picture.width; ++i) {
          const double away = (static_cast<double>(i) + 0.5) -
                              (static_cast<double>(x) + 0.5) * step;
          const double weight = Lanczos(away / std::max(step, 1.));
          weights += weight;
          sum += weight * picture.row(y)[i * picture.channels + c];
        }
        turned.row(x)[y * picture.channels + c] = static_cast<uint8_t>(
            std::clamp(std::floor(sum / weights + 0.5), 0., 255.));
      }
    }
  }
  return turned;
}

int MostApart(const Picture& a, const Picture& b) {
  EXPECT_EQ(a.channels, b.channels);
  EXPECT_EQ(a.height, b.height);
  EXPECT_EQ(a.width, b.width);
  if (a.pixels.size() != b.pixels.size()) return 256;
  int most = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    most = std::max(most, std::abs(a.pixels[i] - b.pixels[i]));
  }
  return most;
}

Picture Part(const Picture& picture, PixelSpan rows, PixelSpan columns) {
  Picture part = {picture.channels, rows.size, columns.size, {}};
  for (int64_t y = 0; y < rows.size; ++y) {
    const uint8_t* from =
        picture.row(rows.begin + y) + columns.begin * picture.channels;
    part.pixels.insert(part.pixels.end(), from, from + part.row_size());
  }
  return part;
}

struct Sizes {
  int64_t height, width, to_height, to_width;
};

TEST(ResizeTest, IsWhatItsDefinitionSays) {
  const Sizes cases[] = {{40, 60, 7, 11},  {7, 11, 40, 60}, {33, 33, 32, 34},
                         {1, 1, 5, 3},     {5, 1, 1, 5},    {1, 90, 8, 8},
                         {90, 1, 8, 8},    {64, 48, 1, 1},  {23, 31, 23, 10},
                         {23, 31, 10, 31}, {2, 3, 3, 2},    {101, 77, 50, 38}};
  int64_t other = 0, pixels = 0;
  for (const int64_t channels : {1, 3}) {
    for (const Sizes& one : cases) {
      const Picture noise = Noise(channels, one.height, one.width);
      const Picture expected = ResizeRowsAndTurn(
          ResizeRowsAndTurn(noise, one.to_width), one.to_height);
      const Picture found = Resize(noise, one.to_height, one.to_width);
      EXPECT_LE(MostApart(found, expected), 1)
          << one.height << " " << one.width << " " << channels;
      for (size_t i = 0; i < found.pixels.size(); ++i) {
        other += found.pixels[i] == expected.pixels[i] ? 0 : 1;
      }
      pixels += static_cast<int64_t>(found.pixels.size());
    }
  }
  // Only where the last bits of a sum decide.
  EXPECT_LE(other * 1000, pixels);
}

TEST(ResizeTest, OneColourStaysThatColour) {
  for (const uint8_t level : {0, 1, 77, 254, 255}) {
    Picture flat = {3, 37, 53, {}};
    for (int64_t i = 0; i < 37 * 53; ++i) {
      flat.pixels.insert(flat.pixels.end(),
                         {level, 9, static_cast<uint8_t>(255 - level)});
    }
    for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{
             {5, 6}, {90, 71}, {37, 200}}) {
      const Picture found = Resize(flat, height, width);
      for (size_t i = 0; i < found.pixels.size(); i += 3) {
        ASSERT_EQ(found.pixels[i], level);
        ASSERT_EQ(found.pixels[i + 1], 9);
        ASSERT_EQ(found.pixels[i + 2], 255 - level);
      }
    }
  }
}

TEST(ResizeTest, TheSameSizeIsTheSamePicture) {
  const Picture noise = Noise(3, 19, 23);
  EXPECT_EQ(Resize(noise, 19, 23).pixels, noise.pixels);
  // A side that has its size already passes through.
  EXPECT_EQ(MostApart(ResizePart(noise, 19, 23, {4, 9}, {2, 20}),
                      Part(noise, {4, 9}, {2, 20})),
            0);
}

TEST(ResizeTest, MirroredPicturesStayMirrored) {
  const Picture noise = Noise(1, 30, 41);
  Picture mirrored = noise;
  std::reverse(mirrored.pixels.begin(), mirrored.pixels.end());
  Picture found = Resize(mirrored, 13, 19);
  std::reverse(found.pixels.begin(), found.pixels.end());
  // The order of a sum is another one.
  EXPECT_LE(MostApart(found, Resize(noise, 13, 19)), 1);
}

TEST(ResizeTest, FineStripesDoNotAlias) {
  Picture stripes = {1, 64, 640, {}};
  for (int64_t i = 0; i < 64 * 640; ++i) {
    stripes.pixels.push_back(i % 2 == 0 ? 0 : 255);
  }
  const Picture found = Resize(stripes, 6, 91);
  for (size_t i = 0; i < found.pixels.size(); ++i) {
    // The rims see half a filter.
    if (i % 91 < 3 || i % 91 > 87) continue;
    EXPECT_NEAR(found.pixels[i], 127.5, 4) << i;
  }
}

TEST(ResizeTest, APartIsThatPartOfTheWhole) {
  for (const int64_t channels : {1, 3}) {
    const Picture noise = Noise(channels, 50, 70);
    for (const Sizes& to : {Sizes{5, 40, 10, 30}, Sizes{0, 0, 1, 1},
                            Sizes{89, 99, 1, 1}, Sizes{0, 0, 90, 100}}) {
      const PixelSpan rows = {to.height, to.to_height};
      const PixelSpan columns = {to.width, to.to_width};
      EXPECT_EQ(MostApart(ResizePart(noise, 90, 100, rows, columns),
                          Part(Resize(noise, 90, 100), rows, columns)),
                0);
    }
  }
}

// What is resized in parts: lines of a million pixels, and a large picture.
// Each part has to be in its place.
TEST(ResizeTest, LargePicturesAreMadeOfParts) {
  constexpr int64_t kLong = int64_t{1} << 20;
  Picture line = {1, 1, kLong, std::vector<uint8_t>(kLong)};
  for (int64_t i = 0; i < kLong; ++i) {
    line.pixels[static_cast<size_t>(i)] = static_cast<uint8_t>(i * 256 / kLong);
  }
  const Picture wide = Resize(line, 3, 16);
  line.height = kLong;
  line.width = 1;
  const Picture tall = Resize(line, 16, 3);
  for (int64_t i = 0; i < 16; ++i) {
    // The middle of a sixteenth, but that the rims see half a filter.
    const auto expected = static_cast<double>(16 * i) + 7.5;
    EXPECT_NEAR(wide.row(2)[i], expected, i % 15 == 0 ? 4 : 1) << i;
    EXPECT_NEAR(tall.row(i)[2], expected, i % 15 == 0 ? 4 : 1) << i;
  }
  const Picture noise = Noise(3, 40, 50);
  EXPECT_EQ(MostApart(Part(Resize(noise, 1500, 1600), {700, 30}, {800, 40}),
                      ResizePart(noise, 1500, 1600, {700, 30}, {800, 40})),
            0);
  EXPECT_EQ(MostApart(Part(Resize(noise, 40, 100000), {7, 30}, {80000, 40}),
                      ResizePart(noise, 40, 100000, {7, 30}, {80000, 40})),
            0);
}

}  // namespace
}  // namespace distill
