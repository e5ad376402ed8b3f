// Archives in the ZIP format (PKWARE's APPNOTE.TXT), as far as NumPy's .npz
// files have it: members that are stored or deflated, zip64 too. Read where
// they lie, a member at a time.
#ifndef DISTILL_DATA_FORMATS_ZIP_H_
#define DISTILL_DATA_FORMATS_ZIP_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/formats/regular_file.h"

namespace distill {

// What the archive's directory says of a member: sizes in bytes, and where its
// own header begins. Not to be believed.
struct ZipMember {
  uint64_t flags = 0, method = 0, crc32 = 0, packed = 0, unpacked = 0,
           begin = 0;
};

// The members by name, as the directory has them, of 64 MiB at most.
//
// Errors here and below have the absolute path, what was found, what was
// expected and what to do: InvalidArgument (no zip archive), DataLoss
// (incomplete or corrupt), RegularFile's.
absl::StatusOr<std::map<std::string, ZipMember>> ReadZipDirectory(
    const RegularFile& file);

// The first `most` unpacked bytes of a member, or if it has no more all of
// them, whose CRC-32 was right. Memory grows as they come; throws
// std::bad_alloc. InvalidArgument for a member that is encrypted or packed by
// another method than deflate. `name` is for messages.
absl::StatusOr<std::vector<uint8_t>> ReadZipMember(const RegularFile& file,
                                                   const ZipMember& member,
                                                   const std::string& name,
                                                   uint64_t most);

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_ZIP_H_
