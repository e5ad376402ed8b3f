// Archives in the ZIP format (PKWARE's APPNOTE.TXT), as far as NumPy's .npz
// files have it: members that are stored or deflated, zip64 too. Read where
// they lie, a member at a time.
#ifndef DISTILL_DATA_FORMATS_ZIP_H_
#define DISTILL_DATA_FORMATS_ZIP_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/formats/regular_file.h"

namespace distill {

// What the archive's directory says of a member: sizes in bytes, and where its
// own header begins. Not to be believed.
struct ZipMember {
  uint64_t flags = 0, method = 0, crc32 = 0, packed = 0, unpacked = 0,
           begin = 0;
};

class ZipFile {
 public:
  // Reads the directory, of 64 MiB at most. `format` is of what is packed in a
  // zip archive, for messages: "NumPy's .npz format". The file stays open.
  //
  // Errors: RegularFile::Open's, and with the same parts InvalidArgument (no
  // zip archive) and DataLoss (incomplete or corrupt).
  static absl::StatusOr<ZipFile> Open(const std::string& path,
                                      const std::string& format);

  // By name.
  const std::map<std::string, ZipMember>& members() const { return members_; }
  const std::string& path() const { return file_->path(); }  // Absolute.

  // The first `most` unpacked bytes of the member `name`, of members(), or if
  // it has no more all of them, whose CRC-32 was right. Memory grows as they
  // come; throws std::bad_alloc. Errors: InvalidArgument for a member that is
  // encrypted or packed by another method than deflate; DataLoss and
  // Unavailable as above.
  absl::StatusOr<std::vector<uint8_t>> Read(const std::string& name,
                                            uint64_t most) const;

 private:
  absl::Status ReadDirectory();
  absl::Status Corrupt(const std::string& found) const;
  absl::StatusOr<std::string> Text(uint64_t offset, uint64_t count) const;

  std::unique_ptr<RegularFile> file_;
  std::map<std::string, ZipMember> members_;
};

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_ZIP_H_
