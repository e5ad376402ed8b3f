#include "base/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/paths.h"
#include "base/status.h"
#include "zlib.h"

namespace distill {
namespace {

// Ends the name of a file that is being written, with the process's number.
constexpr char kPart[] = ".part";

absl::Status Failed(const std::string& path, const std::string& doing,
                    int error, const std::string& expected,
                    const std::string& advice =
                        "Pass another folder, or make this one writable and "
                        "make room in it.") {
  // (ErrnoToStatus would say the system's words a second time.)
  const absl::StatusCode code = absl::ErrnoToStatusCode(error);
  // InvalidArgument is for flags that are wrong whatever the machine is.
  return Unexpected(code == absl::StatusCode::kInvalidArgument
                        ? absl::StatusCode::kFailedPrecondition
                        : code,
                    AbsolutePath(path),
                    absl::StrCat("\"", std::generic_category().message(error),
                                 "\" when ", doing),
                    expected, advice);
}

// 0, or the error of the call that failed; `call` gives a negative number then.
template <typename Call>
int ErrorOf(const Call& call) {
  for (;;) {
    if (call() >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

int WriteAll(int descriptor, absl::string_view contents) {
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

namespace {

// What a path stands for once its symbolic links are followed.
struct Target {
  std::string path;
  int error = 0;  // Of looking at it, but for ENOENT.
  bool exists = false;
  struct stat info = {};  // If it exists.
};

// Follows the links at the end of `path`, also one to a file that is not there
// yet: open(2) would create that file.
Target Follow(const std::string& path) {
  constexpr int kMostLinks = 40;  // As the kernel.
  Target target = {path};
  if (stat(path.c_str(), &target.info) == 0) {
    target.exists = true;
    // The kernel's own links (/proc/self/fd/1) have no path to follow.
    char* const real = realpath(path.c_str(), nullptr);
    if (real != nullptr) target.path = real;
    std::free(real);
    return target;
  }
  target.error = errno == ENOENT ? 0 : errno;
  for (int i = 0; i < kMostLinks && target.error == 0; ++i) {
    std::error_code error;
    const std::filesystem::path next =
        std::filesystem::read_symlink(target.path, error);
    if (error) break;
    target.path =
        (std::filesystem::path(target.path).parent_path() / next).string();
  }
  return target;
}

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The descriptor of stdout or stderr if that writes to this file, else -1.
int StandardStream(const struct stat& file) {
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    struct stat info = {};
    if (fstat(stream, &info) == 0 && IsSameFile(info, file)) return stream;
  }
  return -1;
}

// What to do, where a limit is the cause by its name.
std::string AdviceFor(int error) {
  switch (error) {
    case EFBIG:
      return "The limit of a file's size is the cause (ulimit -f): raise it.";
    case EMFILE:
      return "The limit of open files is the cause (ulimit -n): raise it.";
    default:
      return "Pass another folder, or make this one writable and make room in "
             "it.";
  }
}

// A regular file, or none, becomes `contents` at one stroke.
absl::Status Replace(const std::string& path, const Target& target,
                     const std::string& contents) {
  const std::string expected = "a file that can be written";
  if (target.exists && access(target.path.c_str(), W_OK) != 0) {
    return Failed(path, "replacing it", errno, expected, AdviceFor(errno));
  }
  const std::string part = absl::StrCat(target.path, kPart, getpid());
  const auto failed = [&](const std::string& doing, int error) {
    unlink(part.c_str());
    return Failed(path, doing, error, expected, AdviceFor(error));
  };
  int error = WithFile(part, O_WRONLY | O_CREAT | O_TRUNC, [&](int descriptor) {
    if (target.exists) fchmod(descriptor, target.info.st_mode & 07777);
    const int failure = WriteAll(descriptor, contents);
    return failure != 0 ? failure : ErrorOf([&] { return fsync(descriptor); });
  });
  if (error != 0) return failed("writing it", error);
  if (std::rename(part.c_str(), target.path.c_str()) != 0) {
    return failed("putting it in its place", errno);
  }
  const std::string folder =
      std::filesystem::path(target.path).parent_path().string();
  error = FlushFolder(folder.empty() ? "." : folder);
  if (error != 0) return Failed(path, "flushing its folder", error, expected);
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFile(const std::string& path, const std::string& contents) {
  const Target target = Follow(path);
  const auto failed = [&path](const std::string& doing, int error) {
    return Failed(path, doing, error, "a file, a pipe or a terminal",
                  AdviceFor(error));
  };
  if (target.error != 0) return failed("looking at it", target.error);
  if (!target.exists) return Replace(path, target, contents);
  const int stream = StandardStream(target.info);
  if (stream >= 0) {
    const int error = WriteAll(stream, contents);
    return error == 0 ? absl::OkStatus() : failed("writing to it", error);
  }
  switch (target.info.st_mode & S_IFMT) {
    case S_IFREG:
      return Replace(path, target, contents);
    case S_IFIFO:
    case S_IFCHR: {
      const int error = WithFile(path, O_WRONLY | O_NOCTTY, [&](int file) {
        return WriteAll(file, contents);
      });
      return error == 0 ? absl::OkStatus() : failed("writing to it", error);
    }
    case S_IFDIR:
      return failed("writing it", EISDIR);
    default:
      return absl::FailedPreconditionError(absl::StrCat(
          AbsolutePath(path), ": found a ",
          S_ISBLK(target.info.st_mode) ? "disk" : "socket",
          "; expected a file, a pipe or a terminal. Pass another path."));
  }
}

absl::StatusOr<NewFile> NewFile::Begin(const std::string& path, int64_t size) {
  const std::string part = absl::StrCat(path, kPart, getpid());
  int descriptor = -1;
  int error = ErrorOf([&] {
    return descriptor = open(part.c_str(),
                             O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  });
  NewFile file(path, descriptor);
  if (error != 0) return file.Wrong("making it", error);
  // It returns the error, and tells of a file system that has no such call by
  // writing zeros instead. The size is what is written, after all.
  error = posix_fallocate(descriptor, 0, size);
  if (error != 0 && error != EINVAL && error != EOPNOTSUPP) {
    return file.Wrong(absl::StrCat("making room for ", size, " bytes"), error);
  }
  return file;
}

NewFile::NewFile(std::string path, int descriptor)
    : path_(std::move(path)),
      part_(absl::StrCat(path_, kPart, getpid())),
      descriptor_(descriptor) {}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      descriptor_(other.descriptor_) {
  other.descriptor_ = -1;
}

NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(part_.c_str());
}

absl::Status NewFile::Wrong(const std::string& doing, int error) const {
  return Failed(path_, doing, error, "a file that can be written",
                AdviceFor(error));
}

absl::Status NewFile::Append(absl::string_view bytes) {
  const int error = WriteAll(descriptor_, bytes);
  return error == 0 ? absl::OkStatus() : Wrong("writing it", error);
}

absl::Status NewFile::Finish() {
  int error = 0;
  // What was written may be less than there was room for.
  const off_t size = lseek(descriptor_, 0, SEEK_CUR);
  if (size < 0 || ftruncate(descriptor_, size) != 0) error = errno;
  if (error == 0) error = ErrorOf([&] { return fsync(descriptor_); });
  if (error != 0) return Wrong("writing it", error);
  if (std::rename(part_.c_str(), path_.c_str()) != 0) {
    return Wrong("putting it in its place", errno);
  }
  close(descriptor_);
  descriptor_ = -1;
  const std::string folder =
      std::filesystem::path(path_).parent_path().string();
  error = FlushFolder(folder.empty() ? "." : folder);
  return error == 0 ? absl::OkStatus() : Wrong("flushing its folder", error);
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Map(
    const std::string& path) {
  void* bytes = nullptr;
  size_t size = 0;
  const int error = WithFile(path, O_RDONLY | O_NONBLOCK, [&](int descriptor) {
    struct stat info = {};
    if (fstat(descriptor, &info) != 0) return errno;
    if (!S_ISREG(info.st_mode)) return S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    size = static_cast<size_t>(info.st_size);
    if (size == 0) return 0;
    bytes = mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
    return bytes == MAP_FAILED ? errno : 0;
  });
  if (error != 0) {
    return Failed(path, "mapping it", error, "a file that can be read",
                  "Check the path, and that this user may read it.");
  }
  if (size == 0) {
    return Unexpected(absl::StatusCode::kDataLoss, AbsolutePath(path),
                      "an empty file", "one with content", "Make it again.");
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile({static_cast<const char*>(bytes), size}));
}

void MappedFile::WillReadAtRandom() const {
  madvise(const_cast<char*>(bytes_.data()), bytes_.size(), MADV_RANDOM);
}

void MappedFile::WillNeed(const void* first, size_t count) {
  static const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto at = reinterpret_cast<uintptr_t>(first);
  const uintptr_t begin = at / page * page;
  madvise(reinterpret_cast<void*>(begin), at + count - begin, MADV_WILLNEED);
}

MappedFile::~MappedFile() {
  munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

std::string WithoutPart(const std::string& name) {
  const size_t at = name.rfind(kPart);
  const bool is_part =
      at != std::string::npos &&
      name.find_first_not_of("0123456789", at + sizeof(kPart) - 1) ==
          std::string::npos;
  return is_part ? name.substr(0, at) : name;
}

bool IsSameFile(const std::string& a, const std::string& b) {
  struct stat of_a = {}, of_b = {};
  return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 &&
         IsSameFile(of_a, of_b);
}

std::string FileBehind(const std::string& path) {
  std::error_code error;
  const auto file = std::filesystem::weakly_canonical(Follow(path).path, error);
  return error ? path : file.string();
}

bool IsStdout(const std::string& path) {
  struct stat file = {};
  return stat(path.c_str(), &file) == 0 &&
         StandardStream(file) == STDOUT_FILENO;
}

bool IsThere(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::string contents;
  absl::Status wrong;
  // O_NONBLOCK: opening a pipe must not wait for a writer. It changes nothing
  // for regular files.
  const int error = WithFile(path, O_RDONLY | O_NONBLOCK, [&](int descriptor) {
    struct stat info = {};
    if (fstat(descriptor, &info) != 0) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    if (!S_ISREG(info.st_mode)) {
      wrong = absl::FailedPreconditionError(absl::StrCat(
          AbsolutePath(path),
          ": found a device, pipe or socket, which may have no end; "
          "expected a file. Copy its content to a file and name that."));
      return 0;
    }
    return ReadAll(descriptor, &contents);
  });
  if (!wrong.ok()) return wrong;
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
