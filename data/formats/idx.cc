#include "data/formats/idx.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/paths.h"
#include "base/status.h"

namespace distill {
namespace {

constexpr int kMaxRank = 4;
constexpr int64_t kMagicSize = 4;
constexpr int64_t kMaxHeaderSize = kMagicSize + 4 * kMaxRank;
constexpr int64_t kMinHeaderSize = kMagicSize + 4;

// Memory for a packed file starts at this many times its size (MNIST's ratio is
// 4.7) and doubles when that many bytes have really come.
constexpr int64_t kFirstGuess = 8;
constexpr int64_t kLeastGuess = int64_t{1} << 20;

constexpr char kFetchAgain[] = "Fetch the file again.";

// What follows the first four bytes.
struct Shape {
  IdxType type = IdxType::kByte;
  std::vector<int64_t> dims;
  int64_t values = 0;  // Bytes: the product of dims, times a value's.

  int64_t HeaderSize() const {
    return kMagicSize + 4 * static_cast<int64_t>(dims.size());
  }
  int64_t FileSize() const { return HeaderSize() + values; }
  // "47040016 bytes (a header of 16 and 60000 x 28 x 28 values)"
  std::string Explain() const {
    return absl::StrCat(FileSize(), " bytes (a header of ", HeaderSize(),
                        " and ", absl::StrJoin(dims, " x "), " values",
                        type == IdxType::kInt32 ? " of 4 bytes)" : ")");
  }
};

std::string TypeName(int code) {
  switch (code) {
    case 0x08:
      return "unsigned byte";
    case 0x09:
      return "signed byte";
    case 0x0B:
      return "16-bit integer";
    case 0x0C:
      return "32-bit integer";
    case 0x0D:
      return "32-bit float";
    case 0x0E:
      return "64-bit float";
    default:
      return "no type of the IDX format";
  }
}

// What a file that is not IDX most often is.
std::string GuessContent(const uint8_t* magic) {
  if (magic[0] == '<') {
    return "It looks like a web page, so the download failed: fetch the file "
           "again from another place.";
  }
  if (magic[0] == 'P' && magic[1] == 'K') {
    return "It looks like a .zip archive: unpack it.";
  }
  if (magic[0] == 0x1f && magic[1] == 0x8b) {
    return "It was compressed twice: unpack it once with gunzip.";
  }
  return "Fetch the file again, or name another.";
}

// The number of dimensions, from the first kMagicSize bytes.
absl::StatusOr<int> ParseMagic(const std::string& path, const uint8_t* magic) {
  if (magic[0] != 0 || magic[1] != 0) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, path,
        absl::StrFormat("a start of %02x %02x %02x %02x", magic[0], magic[1],
                        magic[2], magic[3]),
        "00 00 08 and the number of dimensions, as an IDX file of "
        "unsigned bytes starts",
        GuessContent(magic));
  }
  if (magic[2] != static_cast<uint8_t>(IdxType::kByte) &&
      magic[2] != static_cast<uint8_t>(IdxType::kInt32)) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, path,
        absl::StrFormat("type code 0x%02X (%s)", magic[2], TypeName(magic[2])),
        "0x08 (unsigned byte), or for labels 0x0C (32-bit integer); the "
        "format's others are 0x09 (signed byte), 0x0B (16-bit integer), 0x0D "
        "(32-bit float) and 0x0E (64-bit float)",
        "Write the values as unsigned bytes.");
  }
  if (magic[3] < 1 || magic[3] > kMaxRank) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, path,
        absl::StrCat(magic[3], " dimensions"),
        absl::StrCat("1 to ", kMaxRank, " (images have 3 or 4, labels 1)"),
        kFetchAgain);
  }
  return magic[3];
}

absl::StatusOr<Shape> ParseShape(const std::string& path, IdxType type,
                                 int rank, const uint8_t* bytes) {
  Shape shape;
  shape.type = type;
  for (int i = 0; i < rank; ++i, bytes += 4) {
    shape.dims.push_back(int64_t{bytes[0]} << 24 | int64_t{bytes[1]} << 16 |
                         int64_t{bytes[2]} << 8 | int64_t{bytes[3]});
  }
  const std::string found =
      absl::StrCat("sizes ", absl::StrJoin(shape.dims, " x "));
  if (std::count(shape.dims.begin(), shape.dims.end(), 0) > 0) {
    return Unexpected(absl::StatusCode::kInvalidArgument, path, found,
                      "at least 1 in each dimension: the file holds no values",
                      kFetchAgain);
  }
  // Room for the header, so that FileSize() cannot overflow either.
  const int64_t most = std::numeric_limits<int64_t>::max() - kMaxHeaderSize;
  shape.values = type == IdxType::kInt32 ? 4 : 1;
  for (const int64_t dim : shape.dims) {
    if (shape.values > most / dim) {
      return Unexpected(absl::StatusCode::kInvalidArgument, path, found,
                        "a product below 2^63", kFetchAgain);
    }
    shape.values *= dim;
  }
  return shape;
}

absl::Status HeaderTooShort(const PackedFile& file, int64_t found,
                            int64_t header_size) {
  return Unexpected(
      absl::StatusCode::kDataLoss, file.path(),
      absl::StrCat(found, file.is_packed() ? " bytes once unpacked" : " bytes"),
      absl::StrCat("a header of at least ", header_size, " bytes and values"),
      absl::StrCat("The file is incomplete. ", kFetchAgain));
}

absl::StatusOr<Shape> ReadShape(PackedFile& file) {
  uint8_t header[kMaxHeaderSize];
  ASSIGN_OR_RETURN(const int64_t magic, file.Read(header, kMagicSize));
  if (magic < kMagicSize) return HeaderTooShort(file, magic, kMinHeaderSize);
  ASSIGN_OR_RETURN(const int rank, ParseMagic(file.path(), header));
  ASSIGN_OR_RETURN(const int64_t sizes,
                   file.Read(header + kMagicSize, 4 * rank));
  if (sizes < 4 * rank) {
    return HeaderTooShort(file, kMagicSize + sizes, kMagicSize + 4 * rank);
  }
  return ParseShape(file.path(), IdxType{header[2]}, rank, header + kMagicSize);
}

// Whether the file may have the size that its header says.
absl::Status CheckSize(const PackedFile& file, const Shape& shape) {
  const int64_t expected = shape.FileSize();
  if (file.is_packed()) {
    if (expected <= file.most_unpacked()) return absl::OkStatus();
    return Unexpected(
        absl::StatusCode::kDataLoss, file.path(),
        absl::StrCat("a .gz of ", file.size(),
                     " bytes, which cannot unpack to more than ",
                     file.most_unpacked()),
        absl::StrCat(shape.Explain(), " once unpacked"),
        absl::StrCat("The file is incomplete or corrupt. ", kFetchAgain));
  }
  if (file.size() == expected) return absl::OkStatus();
  return Unexpected(absl::StatusCode::kDataLoss, file.path(),
                    absl::StrCat(file.size(), " bytes"), shape.Explain(),
                    absl::StrCat(file.size() < expected
                                     ? "The file is incomplete. "
                                     : "The file has bytes after its end. ",
                                 kFetchAgain));
}

absl::StatusOr<IdxArray> ReadArray(PackedFile& file) {
  ASSIGN_OR_RETURN(Shape shape, ReadShape(file));
  RETURN_IF_ERROR(CheckSize(file, shape));
  IdxArray array;
  int64_t have = 0;
  int64_t room = file.is_packed()
                     ? std::max(kLeastGuess, kFirstGuess * file.size())
                     : shape.values;
  while (have < shape.values) {
    room = std::min(room, shape.values);
    array.values.resize(room);
    ASSIGN_OR_RETURN(const int64_t count,
                     file.Read(array.values.data() + have, room - have));
    have += count;
    if (have < room) {
      const std::string found =
          absl::StrCat(shape.HeaderSize() + have, " bytes");
      return file.is_packed()
                 ? Unexpected(
                       absl::StatusCode::kDataLoss, file.path(),
                       found + " once unpacked", shape.Explain(),
                       absl::StrCat("The file is incomplete. ", kFetchAgain))
                 : Unexpected(absl::StatusCode::kDataLoss, file.path(), found,
                              shape.Explain(),
                              "The file became shorter while it was read: let "
                              "nothing write to it, and fetch it again.");
    }
    room = room > shape.values / 2 ? shape.values : 2 * room;
  }
  array.crc32 = file.crc32();
  if (file.is_packed()) {
    // One byte more than there should be: it also takes the reader to the end
    // of the file, and so to the CRC.
    uint8_t extra;
    ASSIGN_OR_RETURN(const int64_t more, file.Read(&extra, 1));
    if (more > 0) {
      return Unexpected(
          absl::StatusCode::kDataLoss, file.path(),
          absl::StrCat("more than ", shape.FileSize(),
                       " bytes once unpacked (the rest was left packed)"),
          shape.Explain(),
          absl::StrCat("The file has bytes after its end. ", kFetchAgain));
    }
    array.crc32 = file.crc32();
  }
  array.type = shape.type;
  array.dims = std::move(shape.dims);
  return array;
}

}  // namespace

absl::StatusOr<IdxArray> ReadIdx(const std::string& path) {
  return internal::ReadIdx(path, &read);
}

std::string IdxHeader(const std::vector<int64_t>& dims, IdxType type) {
  std::string header = {0, 0, static_cast<char>(type),
                        static_cast<char>(dims.size())};
  for (const int64_t dim : dims) {
    for (const int shift : {24, 16, 8, 0}) {
      header.push_back(static_cast<char>(dim >> shift));
    }
  }
  return header;
}

namespace internal {

absl::StatusOr<IdxArray> ReadIdx(const std::string& path, ReadFunction read) {
  try {
    ASSIGN_OR_RETURN(
        const auto file,
        PackedFile::Open(path, "the IDX format, plain or .gz", read));
    return ReadArray(*file);
  } catch (const std::bad_alloc&) {
    return Unexpected(absl::StatusCode::kResourceExhausted, AbsolutePath(path),
                      "more values than fit in memory", "a file that fits",
                      "Free memory, or use a smaller file.");
  }
}

}  // namespace internal
}  // namespace distill
