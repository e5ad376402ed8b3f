// Plain IDX files, and .gz files whose packed bytes are right or nearly so.
#include <functional>
#include <numeric>
#include <string>

#include "base/files.h"
#include "data/formats/idx.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using distill::fuzz::Require;
  static distill::fuzz::MemoryFile* const file = new distill::fuzz::MemoryFile;
  const std::string& path = file->Write(data, size);
  const auto array = distill::ReadIdx(path);
  if (!array.ok()) {
    distill::fuzz::RequireGoodError(array.status(), path);
    return 0;
  }
  const int64_t values =
      std::accumulate(array->dims.begin(), array->dims.end(),
                      int64_t{array->type == distill::IdxType::kInt32 ? 4 : 1},
                      std::multiplies<int64_t>());
  Require(values == static_cast<int64_t>(array->values.size()),
          "there are as many values as the sizes say");
  const std::string content =
      distill::IdxHeader(array->dims, array->type) +
      std::string(array->values.begin(), array->values.end());
  Require(distill::Crc32(content) == array->crc32,
          "the checksum is of the array");
  return 0;
}
