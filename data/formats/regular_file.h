// A regular file, open for reading: not a folder, a pipe or a device.
#ifndef DISTILL_DATA_FORMATS_REGULAR_FILE_H_
#define DISTILL_DATA_FORMATS_REGULAR_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace distill {

class RegularFile {
 public:
  // `format` says what it should be, for messages: "the IDX format".
  //
  // Errors, each with the absolute path, what was found, what was expected and
  // what to do: NotFound (no such file, or a link to none), PermissionDenied,
  // InvalidArgument (a folder, device, pipe or socket), DataLoss (empty),
  // Unavailable (the operating system could not read it).
  static absl::StatusOr<std::unique_ptr<RegularFile>> Open(
      const std::string& path, const std::string& format);

  ~RegularFile();
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;

  // Fills `to` with the `count` bytes from `offset` on, which must lie within
  // size(). DataLoss if the file has become shorter, Unavailable as above.
  absl::Status ReadAt(int64_t offset, void* to, int64_t count) const;

  // What a read(2) that failed is to the user.
  absl::Status ReadError(int error) const;

  const std::string& path() const { return path_; }  // Absolute.
  // In bytes, when it was opened; at least 1.
  int64_t size() const { return size_; }
  int descriptor() const { return descriptor_; }

 private:
  explicit RegularFile(const std::string& path);
  absl::Status OpenError(int error, const std::string& format) const;

  const std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_REGULAR_FILE_H_
