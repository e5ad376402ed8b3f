// Files for tests: a folder that goes away by itself, and IDX and gzip data.
#ifndef DISTILL_TESTS_TESTING_FILES_H_
#define DISTILL_TESTS_TESTING_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace distill {
namespace testing {

// A new empty folder, removed with all that is in it at the end. Aborts if it
// cannot be made.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  // Absolute.
  const std::string& path() const { return path_; }
  // path()/name
  std::string File(const std::string& name) const;

 private:
  std::string path_;
};

// Writes or replaces a file, making the folders above it. Returns `path`.
// Aborts if it cannot.
std::string WriteFile(const std::string& path, const std::string& content);
// The content of a file. Aborts if it cannot be read.
std::string ReadFile(const std::string& path);

// One gzip member that unpacks to `content`.
std::string Gzip(const std::string& content);

// The header of an IDX file, also an impossible one.
std::string IdxHeader(const std::vector<uint32_t>& dims, int type_code = 0x08);
// An IDX file of unsigned bytes.
std::string IdxFile(const std::vector<uint32_t>& dims,
                    const std::vector<uint8_t>& values);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_FILES_H_
