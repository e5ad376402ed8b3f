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

std::string GreyPng(const uint8_t* pixels, int64_t height, int64_t width) {
  std::string rows;
  for (int64_t y = 0; y < height; ++y) {
    rows.push_back(0);  // No filter.
    rows.append(reinterpret_cast<const char*>(pixels + y * width),
                static_cast<size_t>(width));
  }
  // 8 bits, grey, deflate, the one kind of filters, not interlaced.
  const std::string header =
      absl::StrCat(Number(static_cast<uint32_t>(width)),
                   Number(static_cast<uint32_t>(height)),
                   std::string("\x08\x00\x00\x00\x00", 5));
  return absl::StrCat("\x89PNG\r\n\x1a\n", Chunk("IHDR", header),
                      Chunk("IDAT", Deflate(rows)), Chunk("IEND", ""));
}

std::string GreyPngUri(const uint8_t* pixels, int64_t height, int64_t width) {
  return absl::StrCat("data:image/png;base64,",
                      absl::Base64Escape(GreyPng(pixels, height, width)));
}

}  // namespace distill
