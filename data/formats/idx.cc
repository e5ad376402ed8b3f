#include "data/formats/idx.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/paths.h"
#include "base/status.h"

namespace distill {
namespace {

constexpr int kUnsignedByte = 0x08;
constexpr int kMaxRank = 4;
constexpr int64_t kMagicSize = 4;
constexpr int64_t kMaxHeaderSize = kMagicSize + 4 * kMaxRank;
constexpr int64_t kMinHeaderSize = kMagicSize + 4;

// The size of a read of a compressed file.
constexpr int64_t kChunk = int64_t{1} << 20;
// The most that one call of read(2) or inflate() is asked for: both take less
// than 64 bits.
constexpr int64_t kMaxPiece = int64_t{1} << 30;
// One byte of deflate gives at most 1032 (zlib.net/zlib_tech.html, "Maximum
// Compression Factor").
constexpr int64_t kMaxDeflateRatio = 1032;
// Memory for a compressed file starts at this many times its size (MNIST's
// ratio is 4.7) and doubles when that many bytes have really come.
constexpr int64_t kFirstGuess = 8;

constexpr char kFetchAgain[] = "Fetch the file again.";

absl::Status Error(absl::StatusCode code, const std::string& path,
                   const std::string& found, const std::string& expected,
                   const std::string& advice) {
  return absl::Status(code, absl::StrCat(path, ": found ", found, "; expected ",
                                         expected, ". ", advice));
}

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

// An open regular file. Moves, closes itself.
class File {
 public:
  static absl::StatusOr<File> Open(const std::string& path,
                                   internal::ReadFunction read) {
    File file(AbsolutePath(path), read);
    // O_NONBLOCK: opening a named pipe must not wait for a writer. It changes
    // nothing for regular files.
    do {
      file.descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    } while (file.descriptor_ < 0 && errno == EINTR);
    if (file.descriptor_ < 0) return file.OpenError(errno);

    struct stat info;
    if (fstat(file.descriptor_, &info) != 0) return file.ReadError(errno);
    if (!S_ISREG(info.st_mode)) {
      const bool folder = S_ISDIR(info.st_mode);
      return Error(absl::StatusCode::kInvalidArgument, file.path_,
                   folder ? "a folder" : "a device, pipe or socket",
                   "a file in the IDX format, plain or .gz",
                   folder ? "Name the file itself; it may be in this folder."
                          : "Copy its content to a file and name that.");
    }
    file.size_ = info.st_size;
    if (file.size_ == 0) {
      return Error(absl::StatusCode::kDataLoss, file.path_, "an empty file",
                   absl::StrCat("at least ", kMinHeaderSize + 1, " bytes"),
                   kFetchAgain);
    }
    return file;
  }

  File(File&& other)
      : path_(other.path_),
        read_(other.read_),
        descriptor_(other.descriptor_),
        size_(other.size_) {
    other.descriptor_ = -1;
  }
  File& operator=(File&&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  const std::string& path() const { return path_; }
  // In bytes, when it was opened; at least 1.
  int64_t size() const { return size_; }

  // Reads `most` bytes, or fewer if the file ends; returns how many.
  absl::StatusOr<int64_t> Read(uint8_t* to, int64_t most) {
    int64_t count = 0;
    while (count < most) {
      const ssize_t step =
          read_(descriptor_, to + count, std::min(most - count, kMaxPiece));
      if (step == 0) break;
      if (step > 0) {
        count += step;
      } else if (errno != EINTR) {
        return ReadError(errno);
      }
    }
    return count;
  }

 private:
  File(const std::string& path, internal::ReadFunction read)
      : path_(path), read_(read) {}

  absl::Status OpenError(int error) const {
    const std::string expected = "a readable file in the IDX format";
    if (error == ENOENT || error == ENOTDIR) {
      struct stat link;
      const bool dangling = lstat(path_.c_str(), &link) == 0;
      return Error(
          absl::StatusCode::kNotFound, path_,
          dangling ? "a link to a file that does not exist" : "no such file",
          expected, dangling ? "Repair the link." : "Check the path.");
    }
    if (error == EACCES || error == EPERM) {
      return Error(absl::StatusCode::kPermissionDenied, path_, ErrorText(error),
                   expected,
                   "Let this user read the file and enter the folders above it "
                   "(chmod a+r, chmod a+x).");
    }
    return ReadError(error);
  }

  absl::Status ReadError(int error) const {
    return Error(absl::StatusCode::kUnavailable, path_,
                 absl::StrCat("the error \"", ErrorText(error), "\""),
                 "a file that can be read",
                 "Check the disk or the network file system, and try again.");
  }

  std::string path_;
  internal::ReadFunction read_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

// What follows the first four bytes.
struct Shape {
  std::vector<int64_t> dims;
  int64_t values = 0;  // The product of dims.

  int64_t HeaderSize() const {
    return kMagicSize + 4 * static_cast<int64_t>(dims.size());
  }
  int64_t FileSize() const { return HeaderSize() + values; }
  // "47040016 bytes (a header of 16 and 60000 x 28 x 28 values)"
  std::string Explain() const {
    return absl::StrCat(FileSize(), " bytes (a header of ", HeaderSize(),
                        " and ", absl::StrJoin(dims, " x "), " values)");
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
    return Error(absl::StatusCode::kInvalidArgument, path,
                 absl::StrFormat("a start of %02x %02x %02x %02x", magic[0],
                                 magic[1], magic[2], magic[3]),
                 "00 00 08 and the number of dimensions, as an IDX file of "
                 "unsigned bytes starts",
                 GuessContent(magic));
  }
  if (magic[2] != kUnsignedByte) {
    return Error(
        absl::StatusCode::kInvalidArgument, path,
        absl::StrFormat("type code 0x%02X (%s)", magic[2], TypeName(magic[2])),
        "0x08 (unsigned byte); the format's others are 0x09 (signed byte), "
        "0x0B (16-bit integer), 0x0C (32-bit integer), 0x0D (32-bit float) "
        "and 0x0E (64-bit float)",
        "Write the values as unsigned bytes.");
  }
  if (magic[3] < 1 || magic[3] > kMaxRank) {
    return Error(absl::StatusCode::kInvalidArgument, path,
                 absl::StrCat(magic[3], " dimensions"),
                 absl::StrCat("1 to ", kMaxRank, " (images have 3, labels 1)"),
                 kFetchAgain);
  }
  return magic[3];
}

absl::StatusOr<Shape> ParseShape(const std::string& path, int rank,
                                 const uint8_t* bytes) {
  Shape shape;
  for (int i = 0; i < rank; ++i, bytes += 4) {
    shape.dims.push_back(int64_t{bytes[0]} << 24 | int64_t{bytes[1]} << 16 |
                         int64_t{bytes[2]} << 8 | int64_t{bytes[3]});
  }
  const std::string found =
      absl::StrCat("sizes ", absl::StrJoin(shape.dims, " x "));
  if (std::count(shape.dims.begin(), shape.dims.end(), 0) > 0) {
    return Error(absl::StatusCode::kInvalidArgument, path, found,
                 "at least 1 in each dimension: the file holds no values",
                 kFetchAgain);
  }
  // Room for the header, so that FileSize() cannot overflow either.
  const int64_t most = std::numeric_limits<int64_t>::max() - kMaxHeaderSize;
  shape.values = 1;
  for (const int64_t dim : shape.dims) {
    if (shape.values > most / dim) {
      return Error(absl::StatusCode::kInvalidArgument, path, found,
                   "a product below 2^63", kFetchAgain);
    }
    shape.values *= dim;
  }
  return shape;
}

absl::Status HeaderTooShort(const std::string& path, int64_t found,
                            int64_t header_size, bool unpacked) {
  return Error(
      absl::StatusCode::kDataLoss, path,
      absl::StrCat(found, unpacked ? " bytes once unpacked" : " bytes"),
      absl::StrCat("a header of at least ", header_size, " bytes and values"),
      absl::StrCat("The file is incomplete. ", kFetchAgain));
}

// `start` is what was already read of the file: `start_size` bytes, less than
// kMaxHeaderSize only if the file ends there.
absl::StatusOr<IdxArray> ReadPlain(File& file, const uint8_t* start,
                                   int64_t start_size) {
  if (start_size < kMagicSize) {
    return HeaderTooShort(file.path(), start_size, kMinHeaderSize, false);
  }
  ASSIGN_OR_RETURN(const int rank, ParseMagic(file.path(), start));
  const int64_t header_size = kMagicSize + 4 * rank;
  if (start_size < header_size) {
    return HeaderTooShort(file.path(), start_size, header_size, false);
  }
  ASSIGN_OR_RETURN(Shape shape,
                   ParseShape(file.path(), rank, start + kMagicSize));
  if (file.size() != shape.FileSize()) {
    return Error(absl::StatusCode::kDataLoss, file.path(),
                 absl::StrCat(file.size(), " bytes"), shape.Explain(),
                 absl::StrCat(file.size() < shape.FileSize()
                                  ? "The file is incomplete. "
                                  : "The file has bytes after its end. ",
                              kFetchAgain));
  }

  IdxArray array;
  array.values.resize(shape.values);
  const int64_t have = std::min(start_size - header_size, shape.values);
  std::copy_n(start + header_size, have, array.values.begin());
  ASSIGN_OR_RETURN(const int64_t rest,
                   file.Read(array.values.data() + have, shape.values - have));
  if (have + rest < shape.values) {
    return Error(absl::StatusCode::kDataLoss, file.path(),
                 absl::StrCat(header_size + have + rest, " bytes"),
                 shape.Explain(),
                 "The file became shorter while it was read: let nothing write "
                 "to it, and fetch it again.");
  }
  array.crc32 = crc32_z(crc32_z(0, start, header_size), array.values.data(),
                        array.values.size());
  array.dims = std::move(shape.dims);
  return array;
}

// Unpacks a gzip file from its start, bit by bit.
class Inflater {
 public:
  // `start` is what was already read of the file.
  Inflater(File& file, const uint8_t* start, int64_t start_size)
      : file_(file), input_(kChunk) {
    std::copy_n(start, start_size, input_.begin());
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(start_size);
    // 15 for the largest window, 16 for gzip, not zlib's own wrapping.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Unpacks `most` bytes, or fewer if the file ends; returns how many. Once it
  // has returned fewer, the whole file was read and each CRC in it was right.
  absl::StatusOr<int64_t> Read(uint8_t* to, int64_t most) {
    int64_t count = 0;
    while (count < most) {
      if (stream_.avail_in == 0) {
        ASSIGN_OR_RETURN(const int64_t more, file_.Read(input_.data(), kChunk));
        if (more == 0 && between_members_) break;
        if (more == 0) {
          return Error(
              absl::StatusCode::kDataLoss, file_.path(),
              absl::StrCat("a .gz of ", file_.size(), " bytes that ends early"),
              "a complete gzip stream",
              absl::StrCat("The file is incomplete. ", kFetchAgain));
        }
        stream_.next_in = input_.data();
        stream_.avail_in = static_cast<uInt>(more);
      }
      if (between_members_) {
        inflateReset(&stream_);
        between_members_ = false;
      }
      const int64_t piece = std::min(most - count, kMaxPiece);
      stream_.next_out = to + count;
      stream_.avail_out = static_cast<uInt>(piece);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      count += piece - static_cast<int64_t>(stream_.avail_out);
      if (result == Z_STREAM_END) {
        // zlib leaves in `adler` the CRC-32 that it has just compared with the
        // one in the file.
        crc32_ = static_cast<uint32_t>(crc32_combine(
            crc32_, stream_.adler, static_cast<z_off_t>(stream_.total_out)));
        between_members_ = true;
        ++members_;
      } else if (result == Z_MEM_ERROR) {
        throw std::bad_alloc();
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return Corrupt();
      }
    }
    return count;
  }

  // Of all that was unpacked, once Read() has come to the end.
  uint32_t crc32() const { return crc32_; }

 private:
  absl::Status Corrupt() const {
    if (members_ > 0 && stream_.total_out == 0) {
      return Error(absl::StatusCode::kDataLoss, file_.path(),
                   "bytes after the end of the gzip stream",
                   "nothing there, or another gzip stream",
                   absl::StrCat("The file is corrupt. ", kFetchAgain));
    }
    const char* reason = stream_.msg == nullptr ? "unknown" : stream_.msg;
    return Error(absl::StatusCode::kDataLoss, file_.path(),
                 absl::StrCat("corrupt gzip data (", reason, ")"),
                 "a gzip stream with the CRC that is written in it",
                 kFetchAgain);
  }

  File& file_;
  std::vector<uint8_t> input_;
  z_stream stream_ = {};
  bool between_members_ = false;
  int64_t members_ = 0;
  uint32_t crc32_ = 0;
};

absl::StatusOr<IdxArray> ReadGzip(File& file, const uint8_t* start,
                                  int64_t start_size) {
  const std::string& path = file.path();
  Inflater inflater(file, start, start_size);

  uint8_t header[kMaxHeaderSize];
  absl::StatusOr<int64_t> count = inflater.Read(header, kMagicSize);
  if (!count.ok()) return count.status();
  if (*count < kMagicSize) {
    return HeaderTooShort(path, *count, kMinHeaderSize, true);
  }
  ASSIGN_OR_RETURN(const int rank, ParseMagic(path, header));
  count = inflater.Read(header + kMagicSize, 4 * rank);
  if (!count.ok()) return count.status();
  if (*count < 4 * rank) {
    return HeaderTooShort(path, kMagicSize + *count, kMagicSize + 4 * rank,
                          true);
  }
  ASSIGN_OR_RETURN(Shape shape, ParseShape(path, rank, header + kMagicSize));
  if (shape.FileSize() / kMaxDeflateRatio > file.size()) {
    return Error(
        absl::StatusCode::kDataLoss, path,
        absl::StrCat("a .gz of ", file.size(),
                     " bytes, which cannot unpack to more than ",
                     kMaxDeflateRatio, " times as many"),
        absl::StrCat(shape.Explain(), " once unpacked"),
        absl::StrCat("The file is incomplete or corrupt. ", kFetchAgain));
  }

  IdxArray array;
  int64_t have = 0;
  int64_t room = std::max(kChunk, kFirstGuess * file.size());
  while (have < shape.values) {
    room = std::min(room, shape.values);
    array.values.resize(room);
    count = inflater.Read(array.values.data() + have, room - have);
    if (!count.ok()) return count.status();
    have += *count;
    if (have < room) {
      return Error(
          absl::StatusCode::kDataLoss, path,
          absl::StrCat(shape.HeaderSize() + have, " bytes once unpacked"),
          shape.Explain(),
          absl::StrCat("The file is incomplete. ", kFetchAgain));
    }
    room = room > shape.values / 2 ? shape.values : 2 * room;
  }

  // One byte more than there should be: it also takes the reader to the end of
  // the file, and so to the CRC.
  uint8_t extra;
  count = inflater.Read(&extra, 1);
  if (!count.ok()) return count.status();
  if (*count > 0) {
    return Error(
        absl::StatusCode::kDataLoss, path,
        absl::StrCat("more than ", shape.FileSize(),
                     " bytes once unpacked (the rest was left packed)"),
        shape.Explain(),
        absl::StrCat("The file has bytes after its end. ", kFetchAgain));
  }
  array.crc32 = inflater.crc32();
  array.dims = std::move(shape.dims);
  return array;
}

}  // namespace

absl::StatusOr<IdxArray> ReadIdx(const std::string& path) {
  return internal::ReadIdx(path, &read);
}

uint32_t IdxCrc32(const std::vector<int64_t>& dims,
                  const std::vector<uint8_t>& values) {
  std::vector<uint8_t> header = {0, 0, kUnsignedByte,
                                 static_cast<uint8_t>(dims.size())};
  for (const int64_t dim : dims) {
    for (const int shift : {24, 16, 8, 0}) {
      header.push_back(static_cast<uint8_t>(dim >> shift));
    }
  }
  return crc32_z(crc32_z(0, header.data(), header.size()), values.data(),
                 values.size());
}

namespace internal {

absl::StatusOr<IdxArray> ReadIdx(const std::string& path, ReadFunction read) {
  try {
    ASSIGN_OR_RETURN(File file, File::Open(path, read));
    uint8_t start[kMaxHeaderSize];
    ASSIGN_OR_RETURN(const int64_t size, file.Read(start, kMaxHeaderSize));
    const bool gzip = size >= 2 && start[0] == 0x1f && start[1] == 0x8b;
    return gzip ? ReadGzip(file, start, size) : ReadPlain(file, start, size);
  } catch (const std::bad_alloc&) {
    return Error(absl::StatusCode::kResourceExhausted, AbsolutePath(path),
                 "more values than fit in memory", "a file that fits",
                 "Free memory, or use a smaller file.");
  }
}

}  // namespace internal
}  // namespace distill
