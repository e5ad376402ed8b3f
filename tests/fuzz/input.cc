#include "tests/fuzz/input.h"

#include <sys/mman.h>
#include <unistd.h>

namespace distill {
namespace fuzz {

MemoryFile::MemoryFile()
    : file_(memfd_create("fuzz", 0)),
      path_("/proc/self/fd/" + std::to_string(file_)) {
  Require(file_ >= 0, "there is memory for a file");
}

const std::string& MemoryFile::Write(const uint8_t* data, size_t size) {
  Require(ftruncate(file_, 0) == 0, "a file in memory can be emptied");
  Require(pwrite(file_, data, size, 0) == static_cast<ssize_t>(size),
          "a file in memory can be written");
  return path_;
}

}  // namespace fuzz
}  // namespace distill
