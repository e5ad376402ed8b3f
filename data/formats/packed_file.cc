#include "data/formats/packed_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
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

PackedFile::PackedFile(std::unique_ptr<RegularFile> file, ReadFunction read)
    : file_(std::move(file)), read_(read) {}

PackedFile::~PackedFile() = default;

absl::StatusOr<std::unique_ptr<PackedFile>> PackedFile::Open(
    const std::string& path, const std::string& format, ReadFunction read) {
  ASSIGN_OR_RETURN(auto regular, RegularFile::Open(path, format));
  std::unique_ptr<PackedFile> file(new PackedFile(std::move(regular), read));
  uint8_t start[2];
  ASSIGN_OR_RETURN(const int64_t count, file->ReadPlain(start, 2));
  file->start_.assign(start, start + count);
  file->is_packed_ = count == 2 && start[0] == 0x1f && start[1] == 0x8b;
  if (file->is_packed_) file->inflater_ = std::make_unique<Inflater>();
  return file;
}

absl::Status PackedFile::Corrupt() const {
  if (inflater_->members > 0 && inflater_->stream.total_out == 0) {
    return Unexpected(absl::StatusCode::kDataLoss, path(),
                      "bytes after the end of the gzip stream",
                      "nothing there, or another gzip stream",
                      absl::StrCat("The file is corrupt. ", kFetchAgain));
  }
  const char* reason = inflater_->stream.msg;
  return Unexpected(absl::StatusCode::kDataLoss, path(),
                    absl::StrCat("corrupt gzip data (",
                                 reason == nullptr ? "unknown" : reason, ")"),
                    "a gzip stream with the CRC that is written in it",
                    kFetchAgain);
}

int64_t PackedFile::most_unpacked() const {
  if (!is_packed_) return size();
  const int64_t most = std::numeric_limits<int64_t>::max();
  return size() > most / kMaxDeflateRatio ? most : size() * kMaxDeflateRatio;
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
    const ssize_t step = read_(file_->descriptor(), to + count,
                               std::min(most - count, kMaxPiece));
    if (step == 0) break;
    if (step > 0) {
      count += step;
    } else if (errno != EINTR) {
      return file_->ReadError(errno);
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
            absl::StatusCode::kDataLoss, path(),
            absl::StrCat("a .gz of ", size(), " bytes that ends early"),
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
