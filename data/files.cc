#include "data/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "data/paths.h"
#include "zlib.h"

namespace distill {
namespace {

absl::Status Failed(const std::string& path, const std::string& doing,
                    int error, const std::string& expected,
                    const std::string& advice =
                        "Pass another folder, or make this one writable and "
                        "make room in it.") {
  const std::string message = absl::StrCat(
      AbsolutePath(path), ": found \"", std::generic_category().message(error),
      "\" when ", doing, "; expected ", expected, ". ", advice);
  const absl::Status status = absl::ErrnoToStatus(error, message);
  // InvalidArgument is for flags that are wrong whatever the machine is.
  return absl::IsInvalidArgument(status)
             ? absl::FailedPreconditionError(status.message())
             : status;
}

// 0, or the error of the call that failed; `call` gives a negative number then.
template <typename Call>
int ErrorOf(const Call& call) {
  for (;;) {
    if (call() >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

int WriteAll(int descriptor, const std::string& contents) {
  size_t done = 0;
  while (done < contents.size()) {
    ssize_t step = 0;
    const int error = ErrorOf([&] {
      step = write(descriptor, contents.data() + done, contents.size() - done);
      return step;
    });
    if (error != 0) return error;
    done += static_cast<size_t>(step);
  }
  return 0;
}

// Opens `path`, gives it to `use`, and closes it; the first error of all.
template <typename Use>
int WithFile(const std::string& path, int flags, const Use& use) {
  int descriptor = -1;
  int error = ErrorOf([&] {
    // As every program does it: 0666 less what the user's umask takes off.
    return descriptor = open(path.c_str(), flags | O_CLOEXEC, 0666);
  });
  if (error != 0) return error;
  error = use(descriptor);
  // Closing a file can tell of a write that failed. It is never done twice.
  if (close(descriptor) != 0 && error == 0) error = errno;
  return error;
}

// Appends all that can be read.
int ReadAll(int descriptor, std::string* contents) {
  char buffer[1 << 16];
  for (;;) {
    ssize_t step = 0;
    const int error = ErrorOf(
        [&] { return step = read(descriptor, buffer, sizeof(buffer)); });
    if (error != 0 || step == 0) return error;
    contents->append(buffer, static_cast<size_t>(step));
  }
}

int FlushFolder(const std::string& folder) {
  return WithFile(folder, O_RDONLY | O_DIRECTORY, [](int descriptor) {
    const int error = ErrorOf([&] { return fsync(descriptor); });
    // Some file systems have no such thing for a folder.
    return error == EINVAL ? 0 : error;
  });
}

}  // namespace

absl::Status WriteFile(const std::string& path, const std::string& contents) {
  const std::string expected = "a file that can be written";
  const std::string part = absl::StrCat(path, ".part", getpid());
  const auto failed = [&](const std::string& doing, int error) {
    unlink(part.c_str());
    return Failed(path, doing, error, expected);
  };
  int error = WithFile(part, O_WRONLY | O_CREAT | O_TRUNC, [&](int descriptor) {
    const int failure = WriteAll(descriptor, contents);
    return failure != 0 ? failure : ErrorOf([&] { return fsync(descriptor); });
  });
  if (error != 0) return failed("writing it", error);
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    return failed("putting it in its place", errno);
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  error = FlushFolder(folder.empty() ? "." : folder);
  if (error != 0) return Failed(path, "flushing its folder", error, expected);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::string contents;
  const int error = WithFile(path, O_RDONLY, [&contents](int descriptor) {
    return ReadAll(descriptor, &contents);
  });
  if (error != 0) {
    return Failed(path, "reading it", error, "a file that can be read",
                  "Check the path, and that this user may read it.");
  }
  return contents;
}

uint32_t Crc32(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

absl::Status MakeFolder(const std::string& path) {
  const std::string expected = "a folder that files can be written to";
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return Failed(path, "making it", error.value(), expected);
  const std::string probe = absl::StrCat(path, "/.writable", getpid());
  const int failure = WithFile(probe, O_WRONLY | O_CREAT, [](int descriptor) {
    return WriteAll(descriptor, "?");
  });
  unlink(probe.c_str());
  if (failure != 0) return Failed(path, "trying it", failure, expected);
  return absl::OkStatus();
}

absl::StatusOr<FolderLock> FolderLock::Take(const std::string& folder) {
  FolderLock lock;
  lock.folder_.reset(opendir(folder.c_str()));
  if (lock.folder_ == nullptr) {
    return Failed(folder, "opening it", errno, "a folder to work in");
  }
  if (flock(dirfd(lock.folder_.get()), LOCK_EX | LOCK_NB) != 0 &&
      errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(absl::StrCat(
        AbsolutePath(folder),
        ": found another run at work in it; expected to be alone. Wait for it, "
        "or pass another folder."));
  }
  return lock;
}

}  // namespace distill
