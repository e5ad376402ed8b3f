#include "data/formats/packed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/paths.h"
#include "base/status.h"

namespace distill {
namespace {

// The size of a read of a packed file.
constexpr int64_t kChunk = int64_t{1} << 20;
// The most that one call of read(2) or inflate() is asked for: both take less
// than 64 bits.
constexpr int64_t kMaxPiece = int64_t{1} << 30;
// One byte of deflate gives at most 1032 (zlib.net/zlib_tech.html, "Maximum
// Compression Factor").
constexpr int64_t kMaxDeflateRatio = 1032;

constexpr char kFetchAgain[] = "Fetch the file again.";

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

}  // namespace

struct PackedFile::Inflater {
  Inflater() : input(kChunk) {
    // 15 for the largest window, 16 for gzip, not zlib's own wrapping.
    if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::vector<uint8_t> input;
  z_stream stream = {};
  bool between_members = false;
  int64_t members = 0;
};

PackedFile::PackedFile(const std::string& path, const std::string& format,
                       ReadFunction read)
    : path_(AbsolutePath(path)), format_(format), read_(read) {}

PackedFile::~PackedFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<std::unique_ptr<PackedFile>> PackedFile::Open(
    const std::string& path, const std::string& format, ReadFunction read) {
  std::unique_ptr<PackedFile> file(new PackedFile(path, format, read));
  // O_NONBLOCK: opening a named pipe must not wait for a writer. It changes
  // nothing for regular files.
  do {
    file->descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (file->descriptor_ < 0 && errno == EINTR);
  if (file->descriptor_ < 0) return file->OpenError(errno);

  struct stat info;
  if (fstat(file->descriptor_, &info) != 0) return file->ReadError(errno);
  if (!S_ISREG(info.st_mode)) {
    const bool folder = S_ISDIR(info.st_mode);
    return Unexpected(absl::StatusCode::kInvalidArgument, file->path_,
                      folder ? "a folder" : "a device, pipe or socket",
                      absl::StrCat("a file in ", format, ", plain or .gz"),
                      folder ? "Name the file itself; it may be in this folder."
                             : "Copy its content to a file and name that.");
  }
  file->size_ = info.st_size;
  if (file->size_ == 0) {
    return Unexpected(absl::StatusCode::kDataLoss, file->path_, "an empty file",
                      absl::StrCat("a file in ", format), kFetchAgain);
  }
  uint8_t start[2];
  ASSIGN_OR_RETURN(const int64_t count, file->ReadPlain(start, 2));
  file->start_.assign(start, start + count);
  file->is_packed_ = count == 2 && start[0] == 0x1f && start[1] == 0x8b;
  if (file->is_packed_) file->inflater_ = std::make_unique<Inflater>();
  return file;
}

absl::Status PackedFile::OpenError(int error) const {
  const std::string expected = "a readable file in " + format_;
  if (error == ENOENT || error == ENOTDIR) {
    struct stat link;
    const bool dangling = lstat(path_.c_str(), &link) == 0;
    return Unexpected(
        absl::StatusCode::kNotFound, path_,
        dangling ? "a link to a file that does not exist" : "no such file",
        expected, dangling ? "Repair the link." : "Check the path.");
  }
  if (error == EACCES || error == EPERM) {
    return Unexpected(
        absl::StatusCode::kPermissionDenied, path_, ErrorText(error), expected,
        "Let this user read the file and enter the folders above it (chmod "
        "a+r, chmod a+x).");
  }
  return ReadError(error);
}

absl::Status PackedFile::ReadError(int error) const {
  return Unexpected(
      absl::StatusCode::kUnavailable, path_,
      absl::StrCat("the error \"", ErrorText(error), "\""),
      "a file that can be read",
      "Check the disk or the network file system, and try again.");
}

absl::Status PackedFile::Corrupt() const {
  if (inflater_->members > 0 && inflater_->stream.total_out == 0) {
    return Unexpected(absl::StatusCode::kDataLoss, path_,
                      "bytes after the end of the gzip stream",
                      "nothing there, or another gzip stream",
                      absl::StrCat("The file is corrupt. ", kFetchAgain));
  }
  const char* reason = inflater_->stream.msg;
  return Unexpected(absl::StatusCode::kDataLoss, path_,
                    absl::StrCat("corrupt gzip data (",
                                 reason == nullptr ? "unknown" : reason, ")"),
                    "a gzip stream with the CRC that is written in it",
                    kFetchAgain);
}

int64_t PackedFile::most_unpacked() const {
  if (!is_packed_) return size_;
  const int64_t most = std::numeric_limits<int64_t>::max();
  return size_ > most / kMaxDeflateRatio ? most : size_ * kMaxDeflateRatio;
}

absl::StatusOr<int64_t> PackedFile::Read(uint8_t* to, int64_t most) {
  if (is_packed_) return Inflate(to, most);
  ASSIGN_OR_RETURN(const int64_t count, ReadPlain(to, most));
  crc32_ = static_cast<uint32_t>(crc32_z(crc32_, to, count));
  return count;
}

absl::StatusOr<int64_t> PackedFile::ReadPlain(uint8_t* to, int64_t most) {
  int64_t count = std::min<int64_t>(most, start_.size());
  std::copy_n(start_.begin(), count, to);
  start_.erase(start_.begin(), start_.begin() + count);
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

absl::StatusOr<int64_t> PackedFile::Inflate(uint8_t* to, int64_t most) {
  z_stream& stream = inflater_->stream;
  int64_t count = 0;
  while (count < most) {
    if (stream.avail_in == 0) {
      ASSIGN_OR_RETURN(const int64_t more,
                       ReadPlain(inflater_->input.data(), kChunk));
      if (more == 0 && inflater_->between_members) break;
      if (more == 0) {
        return Unexpected(
            absl::StatusCode::kDataLoss, path_,
            absl::StrCat("a .gz of ", size_, " bytes that ends early"),
            "a complete gzip stream",
            absl::StrCat("The file is incomplete. ", kFetchAgain));
      }
      stream.next_in = inflater_->input.data();
      stream.avail_in = static_cast<uInt>(more);
    }
    if (inflater_->between_members) {
      inflateReset(&stream);
      inflater_->between_members = false;
    }
    const int64_t piece = std::min(most - count, kMaxPiece);
    stream.next_out = to + count;
    stream.avail_out = static_cast<uInt>(piece);
    const int result = inflate(&stream, Z_NO_FLUSH);
    count += piece - static_cast<int64_t>(stream.avail_out);
    if (result == Z_STREAM_END) {
      // zlib leaves in `adler` the CRC-32 that it has just compared with the
      // one in the file.
      crc32_ = static_cast<uint32_t>(crc32_combine(
          crc32_, stream.adler, static_cast<z_off_t>(stream.total_out)));
      inflater_->between_members = true;
      ++inflater_->members;
    } else if (result == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return Corrupt();
    }
  }
  return count;
}

}  // namespace distill
