#include "data/formats/zip.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/content.h"
#include "base/status.h"
#include "base/text.h"

namespace distill {
namespace {

using absl::StatusCode;
using absl::string_view;

// The fixed parts of an entry in the directory, a member's own header, and the
// records at the end.
constexpr uint64_t kEntrySize = 46, kHeaderSize = 30, kEnd64Size = 56,
                   kLocatorSize = 20, kEndSize = 22;
constexpr uint64_t kLongestComment = 0xffff;
constexpr uint64_t kLargestDirectory = uint64_t{1} << 26;
// In place of a size or an offset that a zip64 field has.
constexpr uint64_t kInZip64 = 0xffffffff;

constexpr uint64_t kEncrypted = 1;  // One of a member's flags.
constexpr uint64_t kStored = 0, kDeflated = 8;

constexpr int64_t kChunk = int64_t{1} << 16;  // A read of deflated data.
// The most that one call of inflate() is asked for, which takes 32 bits.
constexpr uint64_t kMaxPiece = uint64_t{1} << 30;
// Memory for a deflated member starts at this many times its packed size, and
// doubles when that many bytes have really come.
constexpr uint64_t kFirstGuess = 8, kLeastGuess = uint64_t{1} << 20;

// The number in `width` bytes from `at` on, the lowest first; 0 behind the end.
uint64_t Number(string_view bytes, size_t at, size_t width) {
  if (at > bytes.size() || width > bytes.size() - at) return 0;
  uint64_t number = 0;
  for (size_t i = width; i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  }
  return number;
}

// Reads from an entry's extra fields those of `numbers` that are there, in
// their order; 0 for what is missing.
void ReadZip64(string_view extra, const std::vector<uint64_t*>& numbers) {
  while (!extra.empty() && Number(extra, 0, 2) != 1) {
    extra.remove_prefix(std::min(extra.size(), 4 + Number(extra, 2, 2)));
  }
  size_t at = 4;
  for (uint64_t* number : numbers) {
    if (*number != kInZip64) continue;
    *number = Number(extra, at, 8);
    at += 8;
  }
}

// The first `size` bytes that the `packed` bytes from `at` on unpack to; fewer
// if there are no more, or what follows is corrupt.
absl::StatusOr<std::vector<uint8_t>> Inflate(const RegularFile& file,
                                             int64_t at, int64_t packed,
                                             uint64_t size) {
  struct Stream : z_stream {
    Stream() : z_stream() {
      // The largest window; negative for deflate without a wrapping.
      if (inflateInit2(this, -15) != Z_OK) throw std::bad_alloc();
    }
    ~Stream() { inflateEnd(this); }
  } stream;
  std::vector<uint8_t> input(kChunk), bytes;
  uint64_t room = std::max(kLeastGuess, kFirstGuess * packed), have = 0;
  for (int result = Z_OK; have < size && result == Z_OK;) {
    if (have == bytes.size()) {
      bytes.resize(std::min(size, std::max(room, 2 * have)));
    }
    if (stream.avail_in == 0) {
      const int64_t count = std::min(kChunk, packed);
      RETURN_IF_ERROR(file.ReadAt(at, input.data(), count));
      at += count;
      packed -= count;
      stream.next_in = input.data();
      stream.avail_in = static_cast<uInt>(count);
    }
    stream.next_out = &bytes[have];
    stream.avail_out =
        static_cast<uInt>(std::min(bytes.size() - have, kMaxPiece));
    result = inflate(&stream, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    have = stream.next_out - bytes.data();
  }
  bytes.resize(have);
  return bytes;
}

absl::Status Corrupt(const RegularFile& file, const std::string& found) {
  return Unexpected(StatusCode::kDataLoss, file.path(), found,
                    "a whole zip archive",
                    "The file is incomplete or corrupt: fetch it again, or "
                    "write it again with numpy.savez_compressed.");
}

absl::StatusOr<std::string> Text(const RegularFile& file, uint64_t offset,
                                 uint64_t count) {
  const auto size = static_cast<uint64_t>(file.size());
  if (offset > size || count > size - offset) {
    return Corrupt(file,
                   absl::StrCat("a reference to ", count, " bytes from byte ",
                                offset, " on in a file of ", size));
  }
  std::string text(count, '\0');
  RETURN_IF_ERROR(file.ReadAt(static_cast<int64_t>(offset), text.data(),
                              static_cast<int64_t>(count)));
  return text;
}

}  // namespace

absl::StatusOr<std::map<std::string, ZipMember>> ReadZipDirectory(
    const RegularFile& file) {
  const auto file_size = static_cast<uint64_t>(file.size());
  ASSIGN_OR_RETURN(const std::string start,
                   Text(file, 0, std::min<uint64_t>(file_size, 64)));
  if (!absl::StartsWith(start, "PK\3\4") &&
      !absl::StartsWith(start, "PK\5\6")) {
    return Unexpected(StatusCode::kInvalidArgument, file.path(),
                      ContentOf(start).name,
                      "a zip archive, as NumPy's .npz files are",
                      "Check the path, or write the arrays with "
                      "numpy.savez_compressed.");
  }
  const uint64_t tail_size =
      std::min(file_size, kLocatorSize + kEndSize + kLongestComment);
  ASSIGN_OR_RETURN(const std::string tail,
                   Text(file, file_size - tail_size, tail_size));
  const size_t end = tail.rfind("PK\5\6");
  if (end == tail.npos || tail.size() - end < kEndSize) {
    return Corrupt(file, absl::StrCat(file_size, " bytes without a zip's end"));
  }
  uint64_t size = Number(tail, end + 12, 4), offset = Number(tail, end + 16, 4);
  if (end >= kLocatorSize &&
      tail.compare(end - kLocatorSize, 4, "PK\6\7") == 0) {
    ASSIGN_OR_RETURN(
        const std::string end64,
        Text(file, Number(tail, end - kLocatorSize + 8, 8), kEnd64Size));
    if (!absl::StartsWith(end64, "PK\6\6")) {
      return Corrupt(file, "a broken zip64 end");
    }
    size = Number(end64, 40, 8);
    offset = Number(end64, 48, 8);
  }
  if (size > kLargestDirectory) {
    return Corrupt(file, absl::StrCat("a zip's directory of ", size, " bytes"));
  }
  ASSIGN_OR_RETURN(const std::string directory, Text(file, offset, size));
  std::map<std::string, ZipMember> members;
  for (string_view left = directory; !left.empty();) {
    const size_t name = Number(left, 28, 2), extra = Number(left, 30, 2),
                 whole = kEntrySize + name + extra + Number(left, 32, 2);
    if (!absl::StartsWith(left, "PK\1\2") || whole > left.size()) {
      return Corrupt(file, "a broken zip's directory");
    }
    ZipMember& member = members[std::string(left.substr(kEntrySize, name))];
    member = {Number(left, 8, 2),  Number(left, 10, 2), Number(left, 16, 4),
              Number(left, 20, 4), Number(left, 24, 4), Number(left, 42, 4)};
    ReadZip64(left.substr(kEntrySize + name, extra),
              {&member.unpacked, &member.packed, &member.begin});
    left.remove_prefix(whole);
  }
  return members;
}

absl::StatusOr<std::vector<uint8_t>> ReadZipMember(const RegularFile& file,
                                                   const ZipMember& member,
                                                   const std::string& name,
                                                   uint64_t most) {
  const std::string quoted = absl::StrCat("\"", Printable(name), "\"");
  const bool encrypted = (member.flags & kEncrypted) != 0;
  if (encrypted || (member.method != kStored && member.method != kDeflated)) {
    return Unexpected(
        StatusCode::kInvalidArgument, file.path(),
        encrypted ? quoted + ", which is encrypted"
                  : absl::StrCat(quoted, " packed by method ", member.method),
        "a member that is stored (method 0) or deflated (8)",
        "Write the file with numpy.savez_compressed.");
  }
  // Its own header says alone where the data begin.
  ASSIGN_OR_RETURN(const std::string header,
                   Text(file, member.begin, kHeaderSize));
  const uint64_t begin = member.begin + kHeaderSize + Number(header, 26, 2) +
                         Number(header, 28, 2);
  const auto file_size = static_cast<uint64_t>(file.size());
  if (!absl::StartsWith(header, "PK\3\4") || begin > file_size ||
      member.packed > file_size - begin ||
      (member.method == kStored && member.packed != member.unpacked)) {
    return Corrupt(file, quoted + " with a broken header");
  }
  const uint64_t size = std::min(member.unpacked, most);
  std::vector<uint8_t> bytes;
  if (member.method == kStored) {
    bytes.resize(size);
    RETURN_IF_ERROR(file.ReadAt(static_cast<int64_t>(begin), bytes.data(),
                                static_cast<int64_t>(size)));
  } else {
    ASSIGN_OR_RETURN(bytes, Inflate(file, static_cast<int64_t>(begin),
                                    static_cast<int64_t>(member.packed), size));
  }
  if (bytes.size() < size) {
    return Corrupt(
        file, absl::StrCat(quoted, " with corrupt data after ", bytes.size(),
                           " of ", member.unpacked, " bytes"));
  }
  if (size == member.unpacked &&
      crc32_z(0, bytes.data(), bytes.size()) != member.crc32) {
    return Corrupt(file, quoted + " with another CRC-32 than it should have");
  }
  return bytes;
}

}  // namespace distill
