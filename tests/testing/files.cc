#include "tests/testing/files.h"

#include <stdlib.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace distill {
namespace testing {
namespace {

namespace fs = std::filesystem;

// A test whose files cannot be made has nothing to say.
void Require(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "The test cannot go on: %s\n", what.c_str());
  std::abort();
}

}  // namespace

TempFolder::TempFolder() {
  const char* base = getenv("TEST_TMPDIR");  // Set by Bazel.
  std::error_code error;
  path_ = base == nullptr ? fs::temp_directory_path(error).string() : base;
  path_ += "/distill_test_XXXXXX";
  Require(mkdtemp(path_.data()) != nullptr,
          "no folder could be made: " + path_);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempFolder::File(const std::string& name) const {
  return path_ + "/" + name;
}

std::string WriteFile(const std::string& path, const std::string& content) {
  std::error_code ignored;
  fs::create_directories(fs::path(path).parent_path(), ignored);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  Require(!file.fail(), "no file could be written: " + path);
  return path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file),
                      std::istreambuf_iterator<char>()};
  Require(file.is_open() && !file.bad(), "no file could be read: " + path);
  return content;
}

std::string Gzip(const std::string& content) {
  z_stream stream = {};
  Require(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                       Z_DEFAULT_STRATEGY) == Z_OK,
          "zlib did not start");
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  Require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib did not finish");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string IdxHeader(const std::vector<uint32_t>& dims, int type_code) {
  std::string header = {'\0', '\0', static_cast<char>(type_code),
                        static_cast<char>(dims.size())};
  for (const uint32_t dim : dims) {
    header += static_cast<char>(dim >> 24);
    header += static_cast<char>(dim >> 16);
    header += static_cast<char>(dim >> 8);
    header += static_cast<char>(dim);
  }
  return header;
}

std::string IdxFile(const std::vector<uint32_t>& dims,
                    const std::vector<uint8_t>& values) {
  return IdxHeader(dims) + std::string(values.begin(), values.end());
}

}  // namespace testing
}  // namespace distill
