#include "data/image.h"

#include <string>
#include <vector>

#include "data/orientation.h"
#include "gtest/gtest.h"
#include "tests/testing/images.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;
using testing::JpegFile;
using testing::NetpbmFile;
using testing::PngFile;
using testing::PngKind;

using Bytes = std::vector<uint8_t>;

constexpr absl::StatusCode kDamaged = absl::StatusCode::kDataLoss;
constexpr absl::StatusCode kWrong = absl::StatusCode::kInvalidArgument;

Bytes Pixels(const std::string& file, int64_t channels = 0) {
  const auto image = DecodeImage(file, "it", channels);
  EXPECT_TRUE(image.ok()) << image.status();
  return image.ok() ? image->pixels : Bytes();
}

std::string Text(const Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

Picture Noise(int64_t height, int64_t width) {
  Picture image;
  image.height = height;
  image.width = width;
  uint32_t state = 1;
  for (int64_t i = 0; i < height * width; ++i) {
    state = state * 1664525u + 1013904223u;
    image.pixels.push_back(static_cast<uint8_t>(state >> 24));
  }
  return image;
}

TEST(DecodeImageTest, ReadsGreyPngOfEveryDepthAndInterlaced) {
  const Picture noise = Noise(13, 9);
  PngKind kind;
  for (const bool interlaced : {false, true}) {
    kind.interlaced = interlaced;
    kind.depth = 8;
    const auto image = DecodeImage(PngFile(13, 9, kind, noise.pixels), "it");
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->height, 13);
    EXPECT_EQ(image->width, 9);
    EXPECT_EQ(image->pixels, noise.pixels);
    kind.depth = 1;
    EXPECT_EQ(Pixels(PngFile(2, 3, kind, {0xA0, 0x40})),
              (Bytes{255, 0, 255, 0, 255, 0}));
    kind.depth = 4;
    EXPECT_EQ(Pixels(PngFile(1, 2, kind, {0x1F})), (Bytes{17, 255}));
    kind.depth = 16;
    // 0x8080 and 0xFFFF are 128 and 255 of 255 exactly, 0x80FF rounds up.
    EXPECT_EQ(Pixels(PngFile(1, 3, kind, {0x80, 0x80, 0xFF, 0xFF, 0x81, 0x00})),
              (Bytes{128, 255, 128}));
  }
}

TEST(DecodeImageTest, ColoursBecomeTheirLumaAndTransparencyWhite) {
  PngKind kind;
  kind.color_type = 2;
  // 0.299, 0.587 and 0.114 of 255.
  const Bytes luma = {76, 150, 29, 255};
  const Bytes rgb = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
  EXPECT_EQ(Pixels(PngFile(1, 4, kind, rgb), 1), luma);
  kind.color_type = 6;
  EXPECT_EQ(
      Pixels(PngFile(1, 3, kind, {0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 51}), 1),
      (Bytes{0, 255, 204}));
  kind.color_type = 4;
  EXPECT_EQ(Pixels(PngFile(1, 3, kind, {9, 255, 9, 0, 100, 102})),
            (Bytes{9, 255, 193}));  // 100 * 0.4 + 255 * 0.6
  kind.color_type = 3;
  kind.palette = {255, 0, 0, 0, 0, 0, 10, 10, 10};
  kind.opacity = {255, 0};
  EXPECT_EQ(Pixels(PngFile(1, 3, kind, {0, 1, 2}), 1), (Bytes{76, 255, 10}));
  kind.interlaced = true;
  EXPECT_EQ(Pixels(PngFile(1, 3, kind, {2, 1, 0}), 1), (Bytes{10, 255, 76}));
}

TEST(DecodeImageTest, ColoursStayColoursAndTransparencyIsWhite) {
  PngKind kind;
  kind.color_type = 2;
  const Bytes rgb = {255, 0, 0, 1, 2, 3, 200, 100, 50};
  for (const bool interlaced : {false, true}) {
    kind.interlaced = interlaced;
    const auto image = DecodeImage(PngFile(1, 3, kind, rgb), "it");
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(image->channels, 3);
    EXPECT_EQ(image->height, 1);
    EXPECT_EQ(image->width, 3);
    EXPECT_EQ(image->pixels, rgb);
  }
  kind.depth = 16;
  EXPECT_EQ(Pixels(PngFile(1, 1, kind, {0x80, 0x80, 0xFF, 0xFF, 0x81, 0x00})),
            (Bytes{128, 255, 128}));
  kind.color_type = 6;
  EXPECT_EQ(
      Pixels(PngFile(1, 1, kind, {0x80, 0x80, 0xFF, 0xFF, 0, 0, 0x66, 0x66})),
      (Bytes{204, 255, 153}));  // 0x66 is 0.4.
  kind.depth = 8;
  EXPECT_EQ(
      Pixels(PngFile(1, 3, kind, {9, 8, 7, 255, 9, 8, 7, 0, 100, 0, 200, 102})),
      (Bytes{9, 8, 7, 255, 255, 255, 193, 153, 233}));
  // Grey with alpha stays grey, or is wished three times.
  kind.color_type = 4;
  EXPECT_EQ(Pixels(PngFile(1, 2, kind, {9, 255, 100, 102})), (Bytes{9, 193}));
  EXPECT_EQ(Pixels(PngFile(1, 2, kind, {9, 255, 100, 102}), 3),
            (Bytes{9, 9, 9, 193, 193, 193}));
  // A palette with transparency, of colours and of greys.
  kind.color_type = 3;
  kind.palette = {255, 0, 0, 100, 0, 200, 10, 10, 10};
  kind.opacity = {255, 102, 0};
  for (const bool interlaced : {false, true}) {
    kind.interlaced = interlaced;
    EXPECT_EQ(Pixels(PngFile(1, 3, kind, {0, 1, 2})),
              (Bytes{255, 0, 0, 193, 153, 233, 255, 255, 255}));
  }
}

TEST(DecodeImageTest, GreyAndColouredCanBeWishedOfAllKinds) {
  const Picture noise = Noise(8, 24);
  const Picture coloured = {3, 8, 8, noise.pixels};
  const Picture grey = ToGrey(coloured);
  EXPECT_EQ(grey.channels, 1);
  ASSERT_EQ(grey.pixels.size(), 64u);
  EXPECT_EQ(grey.pixels[9],
            Luma(noise.pixels[27], noise.pixels[28], noise.pixels[29]));
  const Picture again = WithChannels(grey, 3);
  EXPECT_EQ(again.channels, 3);
  EXPECT_EQ(ToGrey(again).pixels, grey.pixels);
  for (const std::string& file : {PngFile(coloured), NetpbmFile(coloured)}) {
    EXPECT_EQ(Pixels(file), coloured.pixels);
    EXPECT_EQ(Pixels(file, 3), coloured.pixels);
    EXPECT_EQ(Pixels(file, 1), grey.pixels);
  }
  for (const std::string& file : {PngFile(grey), NetpbmFile(grey)}) {
    EXPECT_EQ(Pixels(file), grey.pixels);
    EXPECT_EQ(Pixels(file, 3), again.pixels);
  }
  const std::string jpeg = JpegFile(8, 8, 1, grey.pixels, 100);
  EXPECT_EQ(WithChannels({1, 8, 8, Pixels(jpeg)}, 3).pixels, Pixels(jpeg, 3));
}

TEST(DecodeImageTest, ReadsJpegGreyColouredAndProgressive) {
  // Quality 100 rounds coefficients to whole numbers, which is an error of a
  // few levels.
  const Picture drawn = testing::Draw(40, 50, testing::kSeven, 0.1, 30, 220);
  Bytes rgb;
  for (const uint8_t grey : drawn.pixels) rgb.insert(rgb.end(), 3, grey);
  for (const std::string& file :
       {JpegFile(40, 50, 1, drawn.pixels, 100), JpegFile(40, 50, 3, rgb, 100),
        JpegFile(40, 50, 3, rgb, 100, true)}) {
    const auto image = DecodeImage(file, "it", 1);
    ASSERT_TRUE(image.ok()) << image.status();
    ASSERT_EQ(image->pixels.size(), drawn.pixels.size());
    EXPECT_EQ(image->width, 50);
    for (size_t i = 0; i < drawn.pixels.size(); ++i) {
      EXPECT_NEAR(image->pixels[i], drawn.pixels[i], 4) << i;
    }
  }
}

// A picture of one colour, but for rounding on the way.
void ExpectFlat(const std::string& file, const Bytes& colour, int most) {
  const auto image = DecodeImage(file, "it");
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(image->channels, static_cast<int64_t>(colour.size()));
  for (size_t i = 0; i < image->pixels.size(); ++i) {
    EXPECT_NEAR(image->pixels[i], colour[i % colour.size()], most) << i;
  }
}

Bytes Flat(int64_t count, const Bytes& colour) {
  Bytes pixels;
  for (int64_t i = 0; i < count; ++i) {
    pixels.insert(pixels.end(), colour.begin(), colour.end());
  }
  return pixels;
}

TEST(DecodeImageTest, ReadsJpegInColour) {
  const Bytes orange = {230, 120, 30};
  for (const bool progressive : {false, true}) {
    ExpectFlat(JpegFile(20, 9, 3, Flat(180, orange), 100, progressive), orange,
               2);
  }
  // Grey of a JPEG is what it has stored.
  for (const uint8_t grey :
       Pixels(JpegFile(4, 4, 3, Flat(16, orange), 100), 1)) {
    EXPECT_NEAR(grey, Luma(230, 120, 30), 1);
  }
}

TEST(DecodeImageTest, PrintingInksAreInvertedAsAdobeWritesThem) {
  // Stored 255 is no ink at all: 230 * 200 / 255 and so on.
  const Bytes inks = {230, 120, 30, 200}, rgb = {180, 94, 24};
  for (const bool ycck : {false, true}) {
    const std::string file =
        JpegFile(16, 24, 4, Flat(384, inks), 100, false, "", ycck);
    ExpectFlat(file, rgb, ycck ? 3 : 1);
    for (const uint8_t grey : Pixels(file, 1)) {
      EXPECT_NEAR(grey, Luma(180, 94, 24), 2);
    }
  }
}

// Exif's data with nothing but that orientation.
std::string Exif(bool big_endian, int orientation) {
  const auto number = [&](uint64_t value, int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) {
      bytes += static_cast<char>(value >> 8 * (big_endian ? size - 1 - i : i));
    }
    return bytes;
  };
  return std::string(big_endian ? "MM" : "II") + number(42, 2) + number(8, 4) +
         number(1, 2) + number(0x0112, 2) + number(3, 2) + number(1, 4) +
         number(static_cast<uint64_t>(orientation), 2) + number(0, 6);
}

// Four flat quarters: light where the letters are large.
constexpr int64_t kQuartersHeight = 16, kQuartersWidth = 32;
Bytes Quarters() {
  Bytes pixels;
  for (int64_t y = 0; y < kQuartersHeight; ++y) {
    for (int64_t x = 0; x < kQuartersWidth; ++x) {
      pixels.push_back(
          static_cast<uint8_t>((y < 8 ? 40 : 160) + (x < 16 ? 0 : 60)));
    }
  }
  return pixels;
}

// Three of the grey's channels, which are told apart.
Bytes Coloured(const Bytes& grey) {
  Bytes rgb;
  for (const uint8_t value : grey) {
    rgb.insert(rgb.end(), {value, static_cast<uint8_t>(255 - value), 128});
  }
  return rgb;
}

// That the file has the quarters turned from that orientation.
void ExpectTurned(const std::string& file, int orientation) {
  // Top left, top right, bottom left, bottom right of 1 are 40, 100, 160, 220.
  // Exif 2.3's table of tag 0x0112 says what the stored row 0 and column 0 are.
  const std::vector<std::vector<int>> expected = {
      {40, 100, 160, 220}, {100, 40, 220, 160}, {220, 160, 100, 40},
      {160, 220, 40, 100}, {40, 160, 100, 220}, {160, 40, 220, 100},
      {220, 100, 160, 40}, {100, 220, 40, 160}};
  const int64_t h = kQuartersHeight, w = kQuartersWidth;
  const auto image = DecodeImage(file, "it");
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(image->height, orientation < 5 ? h : w);
  ASSERT_EQ(image->width, orientation < 5 ? w : h);
  for (int corner = 0; corner < 4; ++corner) {
    const int64_t y = corner / 2 == 0 ? 3 : image->height - 4;
    const int64_t x = corner % 2 == 0 ? 3 : image->width - 4;
    const uint8_t* pixel = image->row(y) + x * image->channels;
    const int value = expected[static_cast<size_t>(orientation - 1)]
                              [static_cast<size_t>(corner)];
    EXPECT_NEAR(pixel[0], value, 3) << orientation << " " << corner;
    if (image->channels == 1) continue;
    EXPECT_NEAR(pixel[1], 255 - value, 3) << orientation << " " << corner;
    EXPECT_NEAR(pixel[2], 128, 3) << orientation << " " << corner;
  }
}

TEST(DecodeImageTest, TurnsAPhotographAsItsCameraSays) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string exif =
        std::string("Exif\0\0", 6) + Exif(orientation % 2 == 0, orientation);
    ExpectTurned(JpegFile(kQuartersHeight, kQuartersWidth, 1, Quarters(), 95,
                          false, exif),
                 orientation);
    ExpectTurned(JpegFile(kQuartersHeight, kQuartersWidth, 3,
                          Coloured(Quarters()), 100, false, exif),
                 orientation);
  }
}

TEST(DecodeImageTest, TurnsAPngAsItsExifSaysBeforeOrAfterThePixels) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    PngKind kind;
    kind.exif = Exif(orientation % 2 == 0, orientation);
    std::string file =
        PngFile(kQuartersHeight, kQuartersWidth, kind, Quarters());
    ExpectTurned(file, orientation);
    PngKind coloured = kind;
    coloured.color_type = 2;
    ExpectTurned(PngFile(kQuartersHeight, kQuartersWidth, coloured,
                         Coloured(Quarters())),
                 orientation);
    // The chunk: length, name, data, checksum.
    const size_t begin = file.find("eXIf") - 4;
    const std::string chunk = file.substr(begin, kind.exif.size() + 12);
    file.erase(begin, chunk.size());
    file.insert(file.find("IEND") - 4, chunk);
    ExpectTurned(file, orientation);
  }
}

TEST(DecodeImageTest, ExifThatMakesNoSenseTurnsNothing) {
  const std::string good = Exif(true, 6);
  EXPECT_EQ(ExifOrientation(good), 6);
  EXPECT_EQ(ExifOrientation(Exif(false, 8)), 8);
  EXPECT_EQ(ExifOrientation(Exif(false, 9)), 1);
  // The value ends at byte 20 of 26.
  for (size_t size = 0; size < 20; ++size) {
    EXPECT_EQ(ExifOrientation(good.substr(0, size)), 1) << size;
  }
  std::string far = good;
  far.replace(4, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_EQ(ExifOrientation(far), 1);
}

TEST(DecodeImageTest, ReadsPgm) {
  EXPECT_EQ(Pixels("P2\n# a comment\n3 2 # another\n15\n0 1 2\n13 14 15"),
            (Bytes{0, 17, 34, 221, 238, 255}));
  EXPECT_EQ(Pixels("P5 3 1 255\n" + Text({0, 10, 255})), (Bytes{0, 10, 255}));
  EXPECT_EQ(Pixels("P5 2 1\n1\n" + Text({0, 1})), (Bytes{0, 255}));
  EXPECT_EQ(Pixels("P5 2 1 65535\n" + Text({0x80, 0x80, 0xFF, 0xFF})),
            (Bytes{128, 255}));
  EXPECT_EQ(Pixels("P2 1 1 65535 32896\n"), (Bytes{128}));
  // A first pixel that looks like a blank or a comment is a pixel.
  EXPECT_EQ(Pixels("P5 2 1 255\n #"), (Bytes{32, 35}));
  // Of several pictures, the first.
  EXPECT_EQ(Pixels("P5 1 1 255\n\x05"
                   "P5 1 1 255\n\x06"),
            (Bytes{5}));
}

TEST(DecodeImageTest, ReadsPpm) {
  const auto image = DecodeImage("P3 1 2 15\n0 1 2\n13 14 15", "it");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->channels, 3);
  EXPECT_EQ(image->height, 2);
  EXPECT_EQ(image->width, 1);
  EXPECT_EQ(image->pixels, (Bytes{0, 17, 34, 221, 238, 255}));
  EXPECT_EQ(Pixels("P6 1 1 255\n" + Text({7, 10, 255})), (Bytes{7, 10, 255}));
  EXPECT_EQ(Pixels("P6 1 1 65535\n" + Text({0x80, 0x80, 0, 0, 0xFF, 0xFF})),
            (Bytes{128, 0, 255}));
  EXPECT_EQ(Pixels("P6 1 1 255\n" + Text({0, 255, 0}), 1), (Bytes{150}));
}

TEST(DecodeImageTest, BrokenPpmIsNamed) {
  for (const char* file :
       {"P3", "P6 3", "P6 3 3 0\n123456789", "P6 3 3 255\n12345678901234567890",
        "P6 1 1 256\n12345", "P3 1 1 9 1 2", "P3 1 1 9 1 2 10",
        "P6 1 1 7\n\x01\x02\x08"}) {
    EXPECT_TRUE(FailsWith(DecodeImage(file, "the file").status(), kDamaged,
                          {"the file: found a PPM", "; expected "}))
        << file;
  }
}

TEST(DecodeImageTest, BrokenPgmIsNamed) {
  for (const char* file :
       {"P2", "P5 3", "P5 3 3", "P5 3 3 ", "P5 3 3 0\n123456789",
        "P5 -3 3 255 ", "P5 3 3 65536\n", "P5 3 3 255\n12345678",
        "P5 3 3 256\n1234567890123456", "P2 2 2 9 1 2 3", "P2 2 2 9 1 2 3 x",
        "P2 2 2 9 1 2 3 10", "P2 2 2 9 1 2 3 99999999999999999999",
        "P5 99999999999 1 1 x", "P5 2 1 7\n\x01\x08", "P2 1 1 9 #"}) {
    EXPECT_TRUE(FailsWith(DecodeImage(file, "the file").status(), kDamaged,
                          {"the file: found a PGM", "; expected "}))
        << file;
  }
}

// The size and its CRC in the header of a PNG of 8-bit grey.
std::string WithSize(std::string png, const std::string& width_and_height) {
  png.replace(16, 8, width_and_height);
  uint32_t crc = 0xFFFFFFFF;  // PNG's annex D.
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<uint8_t>(png[i]);
    for (int k = 0; k < 8; ++k) {
      crc = (crc & 1) != 0 ? 0xEDB88320 ^ crc >> 1 : crc >> 1;
    }
  }
  crc = ~crc;
  for (size_t i = 0; i < 4; ++i) {
    png[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  }
  return png;
}

TEST(DecodeImageTest, HugeAndEmptyImagesAreRefusedBeforeMemoryIsTaken) {
  const std::string png = PngFile(Noise(4, 4));
  const std::string most("\x7F\xFF\xFF\xFF", 4);
  EXPECT_TRUE(FailsWith(DecodeImage(WithSize(png, most + most), "it").status(),
                        kWrong,
                        {"2147483647 x 2147483647", "67108864 pixels"}));
  // A bomb that says no more than PNG's everyday programs write.
  const std::string bomb("\0\0\xFF\xFF", 4);
  EXPECT_TRUE(FailsWith(DecodeImage(WithSize(png, bomb + bomb), "it").status(),
                        kWrong,
                        {"65535 x 65535", "67108864 pixels", "smaller"}));
  EXPECT_TRUE(FailsWith(DecodeImage("P6 8193 8192 255\n", "it").status(),
                        kWrong, {"8193 x 8192"}));
  EXPECT_TRUE(
      FailsWith(DecodeImage("P5 2147483647 2147483647 255\n", "it").status(),
                kWrong, {"2147483647 x 2147483647"}));
  EXPECT_TRUE(FailsWith(DecodeImage("P5 8193 8192 255\n", "it").status(),
                        kWrong, {"8193 x 8192"}));
  std::string jpeg = JpegFile(8, 8, 1, Noise(8, 8).pixels, 90);
  const size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, jpeg.npos);
  jpeg.replace(frame + 5, 4, "\xFD\xE8\xFD\xE8");  // 65000 twice.
  EXPECT_TRUE(
      FailsWith(DecodeImage(jpeg, "it").status(), kWrong, {"65000 x 65000"}));
  EXPECT_TRUE(FailsWith(DecodeImage("P2 0 5 255\n", "it").status(), kWrong,
                        {"0 x 5", "at least one pixel"}));
  EXPECT_TRUE(FailsWith(
      DecodeImage(WithSize(png, std::string("\0\0\0\0\0\0\0\4", 8)), "it")
          .status(),
      kDamaged, {"IHDR"}));
}

// Every beginning of a file is an error, and never more.
TEST(DecodeImageTest, TruncatedFilesAreErrors) {
  PngKind interlaced;
  interlaced.interlaced = true;
  const Picture noise = Noise(12, 11);
  Bytes rgb(12 * 11 * 3);
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = noise.pixels[i / 3];
  for (const std::string& file :
       {PngFile(noise), PngFile(12, 11, interlaced, noise.pixels),
        JpegFile(12, 11, 1, noise.pixels, 90),
        JpegFile(12, 11, 3, rgb, 90, true), NetpbmFile(noise),
        NetpbmFile({3, 12, 11, rgb})}) {
    ASSERT_TRUE(DecodeImage(file, "it").ok());
    for (size_t size = 0; size < file.size(); ++size) {
      const auto image = DecodeImage(file.substr(0, size), "it");
      EXPECT_FALSE(image.ok()) << size << " of " << file.size();
      if (size >= 8) {
        EXPECT_TRUE(FailsWith(image.status(), kDamaged, {"it: found a ", "("}));
      }
    }
  }
}

TEST(DecodeImageTest, APhotographCutAnywhereIsAnError) {
  const Picture noise = Noise(120, 3 * 160);
  for (const bool progressive : {false, true}) {
    const std::string file =
        JpegFile(120, 160, 3, noise.pixels, 85, progressive);
    ASSERT_TRUE(DecodeImage(file, "it").ok());
    for (size_t percent = 0; percent < 100; ++percent) {
      const auto image =
          DecodeImage(file.substr(0, file.size() * percent / 100), "it");
      EXPECT_FALSE(image.ok()) << percent;
    }
  }
}

// Any byte may be wrong: an image or an error, but no crash (and no complaint
// of the sanitizers).
// (Cameras and editors leave some behind.)
TEST(DecodeImageTest, BytesBeforeAJpegsEndAreNoError) {
  std::string jpeg = JpegFile(8, 8, 1, Bytes(64, 9), 90);
  const auto plain = DecodeImage(jpeg, "it");
  jpeg.insert(jpeg.size() - 2, std::string(4, '\0'));
  const auto more = DecodeImage(jpeg, "it");
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_EQ(more->pixels, plain->pixels);
}

TEST(DecodeImageTest, DamagedFilesEndWell) {
  const Picture noise = Noise(9, 8);
  Bytes rgb(9 * 8 * 3, 77);
  PngKind kind;
  kind.color_type = 2;
  int failed = 0;
  for (const std::string& file :
       {PngFile(9, 8, kind, rgb), JpegFile(9, 8, 1, noise.pixels, 80),
        JpegFile(9, 8, 3, rgb, 80, true,
                 std::string("Exif\0\0", 6) + Exif(true, 6)),
        JpegFile(9, 2, 4, noise.pixels, 80, false, "", true), NetpbmFile(noise),
        NetpbmFile({3, 9, 8, rgb})}) {
    for (size_t i = 0; i < file.size(); ++i) {
      for (const int change : {0x01, 0x80, 0xFF}) {
        std::string damaged = file;
        damaged[i] = static_cast<char>(damaged[i] ^ change);
        failed += DecodeImage(damaged, "it").ok() ? 0 : 1;
      }
    }
  }
  EXPECT_GT(failed, 0);
}

TEST(DecodeImageTest, APngsChecksumIsChecked) {
  std::string png = PngFile(Noise(9, 8));
  png[png.size() - 13] ^= 1;  // The CRC of the pixels: IEND takes 12 bytes.
  EXPECT_TRUE(FailsWith(DecodeImage(png, "it").status(), kDamaged, {"CRC"}));
}

TEST(DecodeImageTest, OtherContentsAreNamed) {
  struct Case {
    std::string bytes, part;
  };
  const Case cases[] = {{"", "an empty file"},
                        {"GIF89a", "a GIF"},
                        {std::string("\0\0\0\x18"
                                     "ftypheic",
                                     12),
                         "HEIC"},
                        {"<svg>", "SVG"},
                        {"P7 1 1 255\n123", "Netpbm"},
                        {"\x89PN", "something else"},
                        {"\x89PNG\n\x1a\n", "line ends were changed"},
                        {"\x89PNG\r\r\n\x1a", "line ends were changed"},
                        {"x", "something else"}};
  for (const Case& one : cases) {
    EXPECT_TRUE(
        FailsWith(DecodeImage(one.bytes, "a.png").status(), kWrong,
                  {"a.png: found ", one.part, "PNG, JPEG, PGM or PPM"}));
  }
  EXPECT_TRUE(FailsWith(
      DecodeImage(JpegFile(8, 8, 2, Bytes(128, 9), 90), "it").status(), kWrong,
      {"2 channels", "grey, RGB or CMYK"}));
}

}  // namespace
}  // namespace distill
