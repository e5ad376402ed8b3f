#include "data/formats/zip.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/content.h"
#include "base/status.h"
#include "base/text.h"

namespace distill {
namespace {

using absl::StatusCode;

// The fixed parts of a member's header and of the three records at the end.
constexpr int64_t kLocalSize = 30, kEnd64Size = 56, kLocatorSize = 20,
                  kEndSize = 22;
constexpr int64_t kLongestComment = 0xffff;
constexpr int64_t kLargestDirectory = int64_t{1} << 26;
// In place of a size or an offset that a zip64 field has.
constexpr uint64_t kInZip64 = 0xffffffff;

// A member's flags (the second: its sizes come after its data), and methods.
constexpr uint64_t kEncrypted = 1 << 0, kSizesFollow = 1 << 3;
constexpr uint64_t kStored = 0, kDeflated = 8;

// The size of a read of deflated data, and of a call of inflate() at most.
constexpr int64_t kChunk = int64_t{1} << 16;
constexpr int64_t kMaxPiece = int64_t{1} << 30;

constexpr char kFetchAgain[] =
    "The file is incomplete or corrupt: fetch it again, or write it again with "
    "numpy.savez_compressed.";

// The fields of a record, one after the other.
class Fields {
 public:
  explicit Fields(absl::string_view bytes) : left_(bytes) {}

  // Of `width` bytes, the lowest first; 0 where the record has ended.
  uint64_t Number(size_t width) {
    uint64_t number = 0;
    const absl::string_view bytes = Text(width);
    for (size_t i = bytes.size(); i > 0; --i) {
      number = number << 8 | static_cast<unsigned char>(bytes[i - 1]);
    }
    return number;
  }
  absl::string_view Text(size_t count) {
    ended_ = ended_ || count > left_.size();
    if (ended_) return {};
    const absl::string_view text = left_.substr(0, count);
    left_.remove_prefix(count);
    return text;
  }
  bool empty() const { return left_.empty(); }
  bool ended() const { return ended_; }  // Before what was asked for.

 private:
  absl::string_view left_;
  bool ended_ = false;
};

// Reads from a header's extra fields those of `sizes` that are there, in their
// order. False if one is missing.
bool ReadZip64(absl::string_view extra, const std::vector<uint64_t*>& sizes) {
  absl::string_view zip64;
  for (Fields fields(extra); !fields.empty() && !fields.ended();) {
    const uint64_t id = fields.Number(2);
    const absl::string_view field = fields.Text(fields.Number(2));
    if (id == 1) zip64 = field;
  }
  Fields fields(zip64);
  for (uint64_t* size : sizes) {
    if (*size == kInZip64) *size = fields.Number(8);
  }
  return !fields.ended();
}

absl::Status Corrupt(const RegularFile& file, const std::string& found,
                     const std::string& expected) {
  return Unexpected(StatusCode::kDataLoss, file.path(), found, expected,
                    kFetchAgain);
}

std::string InQuotes(const ZipMember& member) {
  return absl::StrCat("\"", Printable(member.name), "\"");
}

// Of a file's bytes that are there.
absl::StatusOr<std::string> ReadText(const RegularFile& file, int64_t offset,
                                     int64_t count) {
  std::string text(count, '\0');
  RETURN_IF_ERROR(file.ReadAt(offset, text.data(), count));
  return text;
}

}  // namespace

absl::StatusOr<ZipFile> ZipFile::Open(const std::string& path,
                                      const std::string& format) {
  ZipFile zip;
  ASSIGN_OR_RETURN(zip.file_, RegularFile::Open(path, format));
  RETURN_IF_ERROR(zip.ReadDirectory(format));
  return zip;
}

absl::Status ZipFile::ReadDirectory(const std::string& format) {
  const int64_t size = file_->size();
  ASSIGN_OR_RETURN(const std::string start,
                   ReadText(*file_, 0, std::min<int64_t>(size, 64)));
  if (!absl::StartsWith(start, "PK\3\4") &&
      !absl::StartsWith(start, "PK\5\6")) {
    return Unexpected(StatusCode::kInvalidArgument, file_->path(),
                      ContentOf(start).name,
                      absl::StrCat("a zip archive, as ", format, " is"),
                      "Check the path, or write the arrays with "
                      "numpy.savez_compressed.");
  }
  const int64_t tail_size =
      std::min(size, kEnd64Size + kLocatorSize + kEndSize + kLongestComment);
  ASSIGN_OR_RETURN(const std::string tail,
                   ReadText(*file_, size - tail_size, tail_size));
  // The record that says how long the comment after it is.
  int64_t at = tail_size - kEndSize;
  for (; at >= 0; --at) {
    Fields comment(absl::string_view(tail).substr(at + kEndSize - 2));
    if (tail.compare(at, 4, "PK\5\6") == 0 &&
        comment.Number(2) == static_cast<uint64_t>(tail_size - at - kEndSize)) {
      break;
    }
  }
  if (at < 0) {
    return Corrupt(*file_, absl::StrCat(size, " bytes without a zip's end"),
                   "a zip archive with its directory");
  }
  // Number of this file and of the one with the directory, members here and in
  // all, and the directory's size and offset.
  const auto read = [&tail](int64_t from, const std::vector<size_t>& widths) {
    Fields fields(absl::string_view(tail).substr(from));
    std::vector<uint64_t> numbers;
    numbers.reserve(widths.size());
    for (const size_t width : widths) numbers.push_back(fields.Number(width));
    return numbers;
  };
  std::vector<uint64_t> end = read(at + 4, {2, 2, 2, 2, 4, 4});
  const int64_t locator = at - kLocatorSize;
  if (locator >= 0 && tail.compare(locator, 4, "PK\6\7") == 0) {
    at = locator - kEnd64Size;
    bool right = at >= 0 && tail.compare(at, 4, "PK\6\6") == 0 &&
                 read(locator + 8, {8})[0] ==
                     static_cast<uint64_t>(size - tail_size + at);
    if (right) {
      const std::vector<uint64_t> end64 = read(at + 16, {4, 4, 8, 8, 8, 8});
      for (size_t i = 0; i < end.size(); ++i) {
        const uint64_t most = i < 4 ? 0xffff : kInZip64;
        right = right && (end[i] == end64[i] || end[i] == most);
      }
      end = end64;
    }
    if (!right) {
      return Corrupt(*file_, "a broken zip64 end",
                     "one that fits to the zip archive's end");
    }
  }
  if (end[0] != 0 || end[1] != 0 || end[2] != end[3]) {
    return Unexpected(StatusCode::kInvalidArgument, file_->path(),
                      "one part of a zip archive of several parts",
                      "a whole zip archive", "Join the parts to one file.");
  }
  if (end[4] > kLargestDirectory) {
    return Unexpected(StatusCode::kInvalidArgument, file_->path(),
                      absl::StrCat("a zip's directory of ", end[4], " bytes"),
                      absl::StrCat("at most ", kLargestDirectory),
                      "Write a file with fewer arrays.");
  }
  const int64_t end_at = size - tail_size + at;
  const auto directory_size = static_cast<int64_t>(end[4]);
  if (directory_size > end_at ||
      end[5] != static_cast<uint64_t>(end_at - directory_size)) {
    return Corrupt(*file_,
                   absl::StrCat("a zip's directory of ", end[4],
                                " bytes at byte ", end[5]),
                   absl::StrCat("one that ends at byte ", end_at));
  }
  return ReadMembers(end_at - directory_size, directory_size, end[3]);
}

absl::Status ZipFile::ReadMembers(int64_t offset, int64_t size,
                                  uint64_t count) {
  ASSIGN_OR_RETURN(const std::string directory, ReadText(*file_, offset, size));
  std::vector<ZipMember*> by_place;
  for (Fields fields(directory); !fields.empty();) {
    ZipMember member;
    const bool begins = fields.Text(4) == "PK\1\2";
    fields.Text(4);  // Versions.
    member.flags = fields.Number(2);
    member.method = fields.Number(2);
    fields.Text(4);  // Date and time.
    member.crc32 = fields.Number(4);
    uint64_t packed = fields.Number(4), unpacked = fields.Number(4);
    const uint64_t name = fields.Number(2), extra = fields.Number(2),
                   comment = fields.Number(2), disk = fields.Number(2);
    fields.Text(6);  // Attributes.
    uint64_t begin = fields.Number(4);
    member.name = std::string(fields.Text(name));
    const bool complete =
        ReadZip64(fields.Text(extra), {&unpacked, &packed, &begin});
    fields.Text(comment);
    const auto most = static_cast<uint64_t>(file_->size());
    if (!begins || !complete || fields.ended() || disk != 0 || packed > most ||
        begin > most || unpacked >> 62 != 0) {
      return Corrupt(*file_,
                     absl::StrCat("a wrong entry ", by_place.size() + 1,
                                  " in the zip's directory"),
                     "a name, and sizes and places within the file");
    }
    member.packed = static_cast<int64_t>(packed);
    member.size = static_cast<int64_t>(unpacked);
    member.begin = static_cast<int64_t>(begin);
    const auto [at, is_new] = members_.emplace(member.name, member);
    if (!is_new) {
      return Corrupt(*file_, InQuotes(member) + " twice", "names that differ");
    }
    by_place.push_back(&at->second);
  }
  if (by_place.size() != count) {
    return Corrupt(*file_,
                   absl::StrCat(by_place.size(), " members in the directory"),
                   absl::StrCat(count, ", as the zip's end says"));
  }
  std::sort(by_place.begin(), by_place.end(),
            [](const ZipMember* a, const ZipMember* b) {
              return a->begin < b->begin;
            });
  for (size_t i = 0; i < by_place.size(); ++i) {
    by_place[i]->end = i + 1 < by_place.size()
                           ? std::min(by_place[i + 1]->begin, offset)
                           : offset;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ZipReader>> ZipFile::Start(
    const ZipMember& member) const {
  const bool encrypted = (member.flags & kEncrypted) != 0;
  if (encrypted || (member.method != kStored && member.method != kDeflated)) {
    return Unexpected(
        StatusCode::kInvalidArgument, file_->path(),
        absl::StrCat(InQuotes(member),
                     encrypted
                         ? ", which is encrypted"
                         : absl::StrCat(" packed by method ", member.method)),
        "a member that is stored (method 0) or deflated (8)",
        "Write the file with numpy.savez_compressed.");
  }
  const auto overlaps = [&] {
    return Corrupt(*file_,
                   absl::StrCat(InQuotes(member), " with ", member.packed,
                                " bytes from byte ", member.begin, " on"),
                   absl::StrCat("it to end before byte ", member.end));
  };
  if (kLocalSize > member.end - member.begin) return overlaps();
  ASSIGN_OR_RETURN(const std::string header,
                   ReadText(*file_, member.begin, kLocalSize));
  Fields fields(header);
  bool same = fields.Text(4) == "PK\3\4";
  fields.Text(2);  // Version.
  const uint64_t flags = fields.Number(2), method = fields.Number(2);
  fields.Text(4);  // Date and time.
  const uint64_t crc32 = fields.Number(4);
  uint64_t packed = fields.Number(4), size = fields.Number(4);
  const uint64_t name = fields.Number(2), extra = fields.Number(2);
  const int64_t names_at = member.begin + kLocalSize;
  const int64_t data_at = names_at + static_cast<int64_t>(name + extra);
  if (member.packed > member.end - data_at) return overlaps();
  ASSIGN_OR_RETURN(const std::string names,
                   ReadText(*file_, names_at, data_at - names_at));
  same = same && flags == member.flags && method == member.method &&
         names.compare(0, name, member.name) == 0;
  if ((flags & kSizesFollow) == 0) {
    same = same &&
           ReadZip64(absl::string_view(names).substr(name), {&size, &packed}) &&
           crc32 == member.crc32 &&
           packed == static_cast<uint64_t>(member.packed) &&
           size == static_cast<uint64_t>(member.size);
  }
  if (!same || (method == kStored && member.packed != member.size)) {
    return Corrupt(*file_,
                   absl::StrCat(InQuotes(member),
                                " with another header at byte ", member.begin),
                   "the name, method and sizes that the zip's directory has");
  }
  return std::make_unique<ZipReader>(*file_, member, data_at);
}

ZipReader::ZipReader(const RegularFile& file, const ZipMember& member,
                     int64_t at)
    : file_(file),
      member_(member),
      at_(at),
      packed_left_(member.packed),
      left_(member.size) {
  if (member.method == kStored) return;
  input_.resize(std::min(kChunk, member.packed));
  // The largest window; negative for deflate without a wrapping.
  if (inflateInit2(&stream_, -15) != Z_OK) throw std::bad_alloc();
}

ZipReader::~ZipReader() { inflateEnd(&stream_); }

absl::Status ZipReader::Read(uint8_t* to, int64_t count) {
  for (int64_t done = 0; done < count;) {
    const int64_t piece = std::min(count - done, kMaxPiece);
    ASSIGN_OR_RETURN(const int64_t got, Unpack(to + done, piece));
    if (got < piece) {
      return Corrupt(file_,
                     absl::StrCat(InQuotes(member_), " of ",
                                  member_.size - left_ + done + got,
                                  " bytes once unpacked"),
                     absl::StrCat(member_.size));
    }
    crc32_ = static_cast<uint32_t>(crc32_z(crc32_, to + done, piece));
    done += piece;
  }
  left_ -= count;
  if (left_ > 0) return absl::OkStatus();
  // One byte more than there should be takes inflate() to the stream's end.
  uint8_t more;
  ASSIGN_OR_RETURN(const int64_t extra, Unpack(&more, 1));
  if (extra > 0 || packed_left_ > 0 || stream_.avail_in > 0) {
    return Corrupt(file_, InQuotes(member_) + " with bytes after its end",
                   absl::StrCat(member_.size, " bytes once unpacked"));
  }
  if (crc32_ != member_.crc32) {
    return Corrupt(file_, InQuotes(member_) + " with another CRC-32",
                   "the one that is written in the file");
  }
  return absl::OkStatus();
}

// Fewer than `most` bytes only at the end of what is packed.
absl::StatusOr<int64_t> ZipReader::ReadPacked(uint8_t* to, int64_t most) {
  const int64_t count = std::min(most, packed_left_);
  RETURN_IF_ERROR(file_.ReadAt(at_, to, count));
  at_ += count;
  packed_left_ -= count;
  return count;
}

// Fewer than `most` bytes only at the member's end.
absl::StatusOr<int64_t> ZipReader::Unpack(uint8_t* to, int64_t most) {
  if (member_.method == kStored) return ReadPacked(to, most);
  stream_.next_out = to;
  stream_.avail_out = static_cast<uInt>(most);
  while (stream_.avail_out > 0) {
    if (stream_.avail_in == 0) {
      ASSIGN_OR_RETURN(const int64_t more,
                       ReadPacked(input_.data(), input_.size()));
      stream_.next_in = input_.data();
      stream_.avail_in = static_cast<uInt>(more);
    }
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) break;
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result != Z_OK) {
      return Corrupt(
          file_,
          absl::StrCat(InQuotes(member_), " with corrupt data (",
                       stream_.msg == nullptr ? "they end early" : stream_.msg,
                       ")"),
          "a whole deflate stream");
    }
  }
  return most - static_cast<int64_t>(stream_.avail_out);
}

}  // namespace distill
