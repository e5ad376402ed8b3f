// A file that may be packed with gzip, read as if it were not.
#ifndef DISTILL_DATA_FORMATS_PACKED_FILE_H_
#define DISTILL_DATA_FORMATS_PACKED_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/formats/regular_file.h"

namespace distill {

// read(2), or for a test a function that gives few bytes at a time, is
// interrupted, or fails.
using ReadFunction = ssize_t (*)(int file, void* to, size_t most);

// The file may be plain or gzip (RFC 1952, more than one member too); its first
// two bytes decide, not its name.
class PackedFile {
 public:
  // As RegularFile::Open, whose errors are this one's.
  static absl::StatusOr<std::unique_ptr<PackedFile>> Open(
      const std::string& path, const std::string& format, ReadFunction read);

  ~PackedFile();
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;

  // Reads `most` unpacked bytes, or fewer if the file ends; returns how many.
  // Once it has returned fewer, the whole file was read, and each CRC in it was
  // right. DataLoss for packed bytes that are incomplete or corrupt,
  // Unavailable as above.
  absl::StatusOr<int64_t> Read(uint8_t* to, int64_t most);

  const std::string& path() const { return file_->path(); }  // Absolute.
  bool is_packed() const { return is_packed_; }
  // Of the file itself, in bytes, when it was opened; at least 1.
  int64_t size() const { return file_->size(); }
  // The most bytes that it can unpack to.
  int64_t most_unpacked() const;
  // CRC-32 of all that Read has given.
  uint32_t crc32() const { return crc32_; }

 private:
  struct Inflater;

  PackedFile(std::unique_ptr<RegularFile> file, ReadFunction read);
  absl::Status Corrupt() const;
  absl::StatusOr<int64_t> ReadPlain(uint8_t* to, int64_t most);
  absl::StatusOr<int64_t> Inflate(uint8_t* to, int64_t most);

  const std::unique_ptr<RegularFile> file_;
  const ReadFunction read_;
  bool is_packed_ = false;
  std::vector<uint8_t> start_;  // Read already, to see what it is.
  std::unique_ptr<Inflater> inflater_;
  uint32_t crc32_ = 0;
};

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_PACKED_FILE_H_
