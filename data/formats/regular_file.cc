#include "data/formats/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/paths.h"
#include "base/status.h"

namespace distill {
namespace {

// The most that one call of pread(2) is asked for.
constexpr int64_t kMaxPiece = int64_t{1} << 30;

std::string ErrorText(int error) {
  return std::generic_category().message(error);
}

}  // namespace

RegularFile::RegularFile(const std::string& path) : path_(AbsolutePath(path)) {}

RegularFile::~RegularFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<std::unique_ptr<RegularFile>> RegularFile::Open(
    const std::string& path, const std::string& format) {
  std::unique_ptr<RegularFile> file(new RegularFile(path));
  // O_NONBLOCK: opening a named pipe must not wait for a writer. It changes
  // nothing for regular files.
  do {
    file->descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (file->descriptor_ < 0 && errno == EINTR);
  if (file->descriptor_ < 0) return file->OpenError(errno, format);

  struct stat info;
  if (fstat(file->descriptor_, &info) != 0) return file->ReadError(errno);
  if (!S_ISREG(info.st_mode)) {
    const bool folder = S_ISDIR(info.st_mode);
    return Unexpected(absl::StatusCode::kInvalidArgument, file->path_,
                      folder ? "a folder" : "a device, pipe or socket",
                      absl::StrCat("a file in ", format),
                      folder ? "Name the file itself; it may be in this folder."
                             : "Copy its content to a file and name that.");
  }
  file->size_ = info.st_size;
  if (file->size_ == 0) {
    return Unexpected(absl::StatusCode::kDataLoss, file->path_, "an empty file",
                      absl::StrCat("a file in ", format),
                      "Fetch the file again.");
  }
  return file;
}

absl::Status RegularFile::OpenError(int error,
                                    const std::string& format) const {
  const std::string expected = "a readable file in " + format;
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

absl::Status RegularFile::ReadError(int error) const {
  return Unexpected(
      absl::StatusCode::kUnavailable, path_,
      absl::StrCat("the error \"", ErrorText(error), "\""),
      "a file that can be read",
      "Check the disk or the network file system, and try again.");
}

absl::Status RegularFile::ReadAt(int64_t offset, void* to,
                                 int64_t count) const {
  for (int64_t done = 0; done < count;) {
    const ssize_t step =
        pread(descriptor_, static_cast<char*>(to) + done,
              std::min(count - done, kMaxPiece), offset + done);
    if (step > 0) {
      done += step;
    } else if (step == 0) {
      return Unexpected(
          absl::StatusCode::kDataLoss, path_,
          absl::StrCat("an end after ", offset + done, " bytes"),
          absl::StrCat(size_, " bytes, as when it was opened"),
          "The file became shorter while it was read: let nothing write to it, "
          "and fetch it again.");
    } else if (errno != EINTR) {
      return ReadError(errno);
    }
  }
  return absl::OkStatus();
}

}  // namespace distill
