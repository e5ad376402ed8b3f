#include "report/png.h"

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

uint32_t NumberAt(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes.at(at + i));
  }
  return value;
}

// Takes the file apart again: each chunk's CRC is checked, and the data of the
// one called `name` returned.
std::string ChunkOf(const std::string& png, const std::string& name) {
  std::string found;
  size_t at = 8;
  while (at < png.size()) {
    const size_t length = NumberAt(png, at);
    const std::string body = png.substr(at + 4, 4 + length);
    EXPECT_EQ(NumberAt(png, at + 8 + length),
              crc32(0, reinterpret_cast<const Bytef*>(body.data()),
                    static_cast<uInt>(body.size())));
    if (body.substr(0, 4) == name) found = body.substr(4);
    at += 12 + length;
  }
  EXPECT_EQ(at, png.size());
  return found;
}

TEST(PngTest, HasItsPixels) {
  const std::vector<uint8_t> pixels = {0, 1, 255, 128, 7, 9};
  const std::string png = Png(pixels.data(), {1, 2, 3});
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  // The last chunk of any PNG file, as the specification writes it out.
  EXPECT_EQ(png.substr(png.size() - 12),
            std::string("\0\0\0\0IEND\xae\x42\x60\x82", 12));
  const std::string header = ChunkOf(png, "IHDR");
  ASSERT_EQ(header.size(), 13u);
  EXPECT_EQ(NumberAt(header, 0), 3u);  // Width first.
  EXPECT_EQ(NumberAt(header, 4), 2u);
  EXPECT_EQ(header.substr(8), std::string("\x08\0\0\0\0", 5));
  const std::string packed = ChunkOf(png, "IDAT");
  std::string rows(8, '?');
  uLongf size = rows.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(&rows[0]), &size,
                       reinterpret_cast<const Bytef*>(packed.data()),
                       static_cast<uLong>(packed.size())),
            Z_OK);
  EXPECT_EQ(rows, std::string("\0\x00\x01\xff\0\x80\x07\x09", 8));
}

TEST(PngTest, ThreeChannelsAreRedGreenAndBlue) {
  const std::vector<uint8_t> pixels = {1, 2, 11, 12, 21, 22};
  const std::string png = Png(pixels.data(), {3, 1, 2});
  EXPECT_EQ(ChunkOf(png, "IHDR").substr(8), std::string("\x08\2\0\0\0", 5));
  const std::string packed = ChunkOf(png, "IDAT");
  std::string rows(7, '?');
  uLongf size = rows.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(&rows[0]), &size,
                       reinterpret_cast<const Bytef*>(packed.data()),
                       static_cast<uLong>(packed.size())),
            Z_OK);
  EXPECT_EQ(rows, std::string("\0\x01\x0b\x15\x02\x0c\x16", 7));
}

TEST(PngTest, TheAddressHasTheFile) {
  const std::vector<uint8_t> pixels(28 * 28, 200);
  const std::string uri = PngUri(pixels.data(), {1, 28, 28});
  const std::string start = "data:image/png;base64,";
  ASSERT_EQ(uri.find(start), 0u);
  std::string png;
  ASSERT_TRUE(absl::Base64Unescape(uri.substr(start.size()), &png));
  EXPECT_EQ(png, Png(pixels.data(), {1, 28, 28}));
}

}  // namespace
}  // namespace distill
