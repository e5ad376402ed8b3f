// Archives in the ZIP format (PKWARE's APPNOTE.TXT), as far as NumPy's .npz
// files have it: members that are stored or deflated, zip64 too. Read where
// they lie, a member at a time.
#ifndef DISTILL_DATA_FORMATS_ZIP_H_
#define DISTILL_DATA_FORMATS_ZIP_H_

#include <zlib.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/formats/regular_file.h"

namespace distill {

// What the archive's directory says of a member. Sizes are in bytes.
struct ZipMember {
  std::string name;
  uint64_t flags = 0, method = 0, crc32 = 0;
  int64_t packed = 0, size = 0;  // `size`: unpacked; not to be believed.
  // Where it begins in the file, and where what follows it does.
  int64_t begin = 0, end = 0;
};

// The unpacked bytes of one member, from its first to its last.
class ZipReader {
 public:
  // Of a member whose packed bytes begin at `at`. The file must outlive this.
  ZipReader(const RegularFile& file, const ZipMember& member, int64_t at);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  const ZipMember& member() const { return member_; }
  // How many bytes are still to come, by the directory's word.
  int64_t left() const { return left_; }
  // Fills `to` with the next `count` bytes, of left() at most. With the last
  // one the member's CRC and sizes were found right. Errors as ZipFile's.
  absl::Status Read(uint8_t* to, int64_t count);

 private:
  absl::StatusOr<int64_t> ReadPacked(uint8_t* to, int64_t most);
  absl::StatusOr<int64_t> Unpack(uint8_t* to, int64_t most);

  const RegularFile& file_;
  const ZipMember member_;
  int64_t at_, packed_left_, left_;
  uint32_t crc32_ = 0;
  std::vector<uint8_t> input_;  // Of `stream_`; empty for a stored member.
  z_stream stream_ = {};
};

class ZipFile {
 public:
  // Reads the directory, of 64 MiB at most. `format` is of what is packed in a
  // zip archive, for messages: "NumPy's .npz format".
  //
  // Errors: RegularFile::Open's, and with the same parts InvalidArgument (no
  // zip archive, one of several parts, or more than 64 MiB of names) and
  // DataLoss (incomplete, or its parts contradict each other).
  static absl::StatusOr<ZipFile> Open(const std::string& path,
                                      const std::string& format);

  // By name.
  const std::map<std::string, ZipMember>& members() const { return members_; }
  const std::string& path() const { return file_->path(); }  // Absolute.

  // Starts to read a member, of members(). InvalidArgument if it is encrypted
  // or packed by another method than deflate; DataLoss and Unavailable as
  // above. The reader must not outlive this object.
  absl::StatusOr<std::unique_ptr<ZipReader>> Start(
      const ZipMember& member) const;

 private:
  absl::Status ReadDirectory(const std::string& format);
  absl::Status ReadMembers(int64_t offset, int64_t size, uint64_t count);

  std::unique_ptr<RegularFile> file_;
  std::map<std::string, ZipMember> members_;
};

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_ZIP_H_
