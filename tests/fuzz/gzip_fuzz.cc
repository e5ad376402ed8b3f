// .gz files: the input is what follows the first ten bytes, so that the fuzzer
// need not find them.
#include <vector>

#include "data/formats/idx.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static distill::fuzz::MemoryFile* const file = new distill::fuzz::MemoryFile;
  std::vector<uint8_t> bytes = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
  bytes.insert(bytes.end(), data, data + size);
  const std::string& path = file->Write(bytes.data(), bytes.size());
  const auto array = distill::ReadIdx(path);
  if (!array.ok()) distill::fuzz::RequireGoodError(array.status(), path);
  return 0;
}
