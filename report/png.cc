#include "report/png.h"

#include <zlib.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"

namespace distill {
namespace {

// Most significant byte first.
std::string Number(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
  }
  return bytes;
}

// Length of the data, name, data, CRC-32 of name and data.
std::string Chunk(const std::string& name, const std::string& data) {
  const std::string body = name + data;
  return absl::StrCat(Number(static_cast<uint32_t>(data.size())), body,
                      Number(Crc32(body)));
}

std::string Deflate(const std::string& data) {
  uLongf size = compressBound(static_cast<uLong>(data.size()));
  std::string packed(size, '\0');
  // Cannot fail with so much room, but for memory, without which strings
  // throw, too.
  compress2(reinterpret_cast<Bytef*>(&packed[0]), &size,
            reinterpret_cast<const Bytef*>(data.data()),
            static_cast<uLong>(data.size()), Z_BEST_COMPRESSION);
  packed.resize(size);
  return packed;
}

}  // namespace

std::string Png(const uint8_t* pixels, const ImageSpec& image) {
  const int samples = image.channels < 3 ? 1 : 3;
  std::string rows;
  for (int64_t y = 0; y < image.height; ++y) {
    rows.push_back(0);  // No filter.
    for (int64_t x = 0; x < image.width; ++x) {
      for (int c = 0; c < samples; ++c) {
        rows.push_back(
            static_cast<char>(pixels[c * image.plane() + y * image.width + x]));
      }
    }
  }
  // 8 bits, grey or colour, deflate, the one kind of filters, not interlaced.
  const std::string header = absl::StrCat(
      Number(static_cast<uint32_t>(image.width)),
      Number(static_cast<uint32_t>(image.height)),
      std::string({8, static_cast<char>(samples == 1 ? 0 : 2), 0, 0, 0}));
  return absl::StrCat("\x89PNG\r\n\x1a\n", Chunk("IHDR", header),
                      Chunk("IDAT", Deflate(rows)), Chunk("IEND", ""));
}

std::string PngUri(const uint8_t* pixels, const ImageSpec& image) {
  return absl::StrCat("data:image/png;base64,",
                      absl::Base64Escape(Png(pixels, image)));
}

}  // namespace distill
