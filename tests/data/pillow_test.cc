// Pictures that this project prepares, prepared again by Pillow.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "data/image.h"
#include "data/preparation.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/images.h"
#include "tests/testing/python.h"

namespace distill {
namespace {

using testing::JpegFile;
using testing::NetpbmFile;
using testing::PngFile;
using testing::PngKind;
using Bytes = std::vector<uint8_t>;

// Waves that become finer to the right and below, with hard edges; and a third
// of it noise.
Bytes Samples(int64_t channels, int64_t height, int64_t width) {
  Bytes samples;
  uint32_t state = 5;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c) {
        state = state * 1664525u + 1013904223u;
        const double wave =
            std::sin(static_cast<double>(x * x + y * y * (c + 1)) / 150);
        const double edge = (x / 9 + y / 7 + c) % 3 == 0 ? 60 : 0;
        const double noise =
            3 * x < width ? static_cast<double>(state >> 24) : 100 + 90 * wave;
        samples.push_back(static_cast<uint8_t>(std::max(noise - edge, 0.)));
      }
    }
  }
  return samples;
}

// Files by their names: all kinds, and sizes to shrink and to enlarge.
std::vector<std::pair<std::string, std::string>> Files() {
  std::vector<std::pair<std::string, std::string>> files;
  const std::pair<int64_t, int64_t> sizes[] = {{97, 131}, {40, 40}, {20, 33},
                                               {300, 41}, {28, 28}, {1, 9}};
  for (const auto& [height, width] : sizes) {
    const auto add = [&, h = height, w = width](const std::string& kind,
                                                const std::string& file) {
      files.emplace_back(absl::StrCat(kind, h, "x", w), file);
    };
    const auto samples = [&, h = height, w = width](int64_t channels) {
      return Samples(channels, h, w);
    };
    // Intel's byte order, one entry: turned by a quarter.
    const std::string exif(
        "II*\0\x8\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0", 26);
    PngKind kind;
    add("grey", PngFile(height, width, kind, samples(1)));
    kind.color_type = 2;
    add("rgb", PngFile(height, width, kind, samples(3)));
    kind.exif = exif;
    add("turned", PngFile(height, width, kind, samples(3)));
    kind.exif = "";
    kind.color_type = 4;
    add("grey_alpha", PngFile(height, width, kind, samples(2)));
    kind.color_type = 6;
    add("rgb_alpha", PngFile(height, width, kind, samples(4)));
    kind.color_type = 3;
    for (int i = 0; i < 256; ++i) {
      for (const int c : {1, 5, 7}) {
        kind.palette.push_back(static_cast<uint8_t>(i * c));
      }
      kind.opacity.push_back(static_cast<uint8_t>(i < 128 ? 255 : 2 * i));
    }
    add("palette", PngFile(height, width, kind, samples(1)));
    add("pnm_grey", NetpbmFile({1, height, width, samples(1)}));
    add("pnm_rgb", NetpbmFile({3, height, width, samples(3)}));
    add("jpeg_grey", JpegFile(height, width, 1, samples(1), 85));
    add("jpeg", JpegFile(height, width, 3, samples(3), 85));
    add("jpeg_turned", JpegFile(height, width, 3, samples(3), 85, true,
                                std::string("Exif\0\0", 6) + exif));
    add("cmyk", JpegFile(height, width, 4, samples(4), 85));
    add("ycck", JpegFile(height, width, 4, samples(4), 85, false, "", true));
  }
  return files;
}

TEST(PillowTest, PreparesTheSamePixelsWithinALevel) {
  const std::string missing = testing::WhyNoPython();
  if (!missing.empty()) GTEST_SKIP() << missing;
  const ImageSpec specs[] = {
      {3, 32, 32}, {1, 28, 28}, {3, 48, 31}, {1, 7, 60}, {3, 224, 200}};
  const testing::TempFolder folder;
  std::string cases;
  int64_t count = 0;
  for (const auto& [name, file] : Files()) {
    testing::WriteFile(folder.File(name), file);
    for (const ImageSpec& spec : specs) {
      const auto picture = DecodeImage(file, name, spec.channels);
      ASSERT_TRUE(picture.ok()) << picture.status();
      for (const auto& [word, fit] : Fits()) {
        const Bytes pixels = Prepare(*picture, spec, fit);
        const std::string ours = absl::StrCat("ours", count++);
        testing::WriteFile(folder.File(ours), {pixels.begin(), pixels.end()});
        absl::StrAppend(&cases, name, " ", ours, " ", spec.channels, " ",
                        spec.height, " ", spec.width, " ", word, "\n");
      }
    }
  }
  testing::WriteFile(folder.File("cases"), cases);
  const auto result = testing::RunPython(absl::StrCat(
      testing::Source("tests/data/pillow_proof.py"), " ", folder.path()));
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(result.LastLine(), absl::StrCat(count, " cases, 0 wrong"))
      << result.out;
  std::cout << result.out;
}

}  // namespace
}  // namespace distill
