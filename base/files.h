// Files that are there in full or not at all.
#ifndef DISTILL_BASE_FILES_H_
#define DISTILL_BASE_FILES_H_

#include <dirent.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace distill {

// Makes `path` a file with `contents`, in place of one that was there, whose
// mode it keeps. Nobody ever sees half of it, also after a power cut: it is
// written under a name of this process in the same folder, flushed to the disk,
// and renamed; then the folder is flushed. Symbolic links are followed and
// stay. Not for two threads and one path.
//
// A pipe, a terminal or another character device is written to and stays what
// it is, and so is a file that this process's stdout or stderr goes to.
//
// Errors have the path, what failed, and what to do, with the code of the
// system's error (absl::ErrnoToStatus); InvalidArgument never is one of them.
// FailedPrecondition for a folder, a disk or a socket. After an error a regular
// file is what it was, and no other file is left.
absl::Status WriteFile(const std::string& path, const std::string& contents);

// A regular file that is written piece by piece, and there in full or not at
// all, as one of WriteFile is. Errors: as WriteFile's.
class NewFile {
 public:
  // In the folder of `path`, with room on the disk for `size` bytes: that it
  // has none is found here.
  static absl::StatusOr<NewFile> Begin(const std::string& path, int64_t size);
  // What was not finished is removed.
  ~NewFile();
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;

  absl::Status Append(absl::string_view bytes);
  // Flushes it to the disk and puts it in its place.
  absl::Status Finish();

 private:
  NewFile(std::string path, int descriptor);
  absl::Status Wrong(const std::string& doing, int error) const;

  std::string path_, part_;
  int descriptor_;
};

// The bytes of a file, as the system brings them into memory and takes them out
// again; they stay what they are when the file is replaced. Shared by all
// processes that map it.
class MappedFile {
 public:
  // Errors: as ReadFile's; DataLoss for an empty file.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Map(
      const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  absl::string_view bytes() const { return bytes_; }
  // Tells the system that the bytes will be read here and there: what it need
  // not read ahead of them.
  void WillReadAtRandom() const;
  // Lets the system read these bytes of a mapped file, all in memory's pages,
  // before they are asked for. Does not wait.
  static void WillNeed(const void* first, size_t count);

 private:
  explicit MappedFile(absl::string_view bytes) : bytes_(bytes) {}
  const absl::string_view bytes_;
};

// The contents of a regular file. Errors have the path, what failed, and what
// to do, with the code of the system's error (NotFound, PermissionDenied, ...);
// FailedPrecondition for a folder, and for a device, pipe or socket, which may
// have no end.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// `name` without the ending that WriteFile gives it until it is whole: such a
// file is left where the process was killed.
std::string WithoutPart(const std::string& name);

// Whether both are there and are one file, by whatever names and links.
bool IsSameFile(const std::string& a, const std::string& b);

// The file that one written to `path` would be, once links are followed, also
// one that is not there yet. `path` itself where it cannot be looked at.
std::string FileBehind(const std::string& path);

// Whether that is where this process's stdout goes.
bool IsStdout(const std::string& path);

// Whether anything is there, also a link to nothing.
bool IsThere(const std::string& path);

// The CRC-32 of these bytes, the one of gzip and PNG.
uint32_t Crc32(absl::string_view bytes);

// Makes the folder and those above it where they are missing, and tries that
// files can be written there, by writing one and removing it. Errors: as
// WriteFile's.
absl::Status MakeFolder(const std::string& path);

// A folder that this process alone works in. Let go of when the object or the
// process ends, however it does.
class FolderLock {
 public:
  // FailedPrecondition if another process has it, else the system's error.
  // Where the file system has no locks, nobody is kept out.
  static absl::StatusOr<FolderLock> Take(const std::string& folder);

 private:
  struct Close {
    void operator()(DIR* folder) const { closedir(folder); }
  };
  std::unique_ptr<DIR, Close> folder_;  // Locked while it is open.
};

}  // namespace distill

#endif  // DISTILL_BASE_FILES_H_
