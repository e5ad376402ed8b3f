// NumPy's .npz files: an archive as it is, and one around the input as an
// array, so that the fuzzer need not find CRCs.
#include <functional>
#include <numeric>
#include <string>

#include "data/formats/npz.h"
#include "tests/fuzz/input.h"
#include "tests/testing/npz.h"

namespace {

using distill::fuzz::Require;
using distill::fuzz::RequireGoodError;

void ReadAll(const distill::NpzFile& file) {
  for (const auto& [name, unused_member] : file.arrays()) {
    Require(file.Has(name), "an array that is listed is there");
    const auto header = file.Header(name);
    const auto array = file.Read(name);
    const auto integers = file.Integers(name);
    if (!array.ok()) RequireGoodError(array.status(), file.path());
    if (!integers.ok()) RequireGoodError(integers.status(), file.path());
    if (!header.ok()) {
      RequireGoodError(header.status(), file.path());
      Require(!array.ok(), "what has no header has no values");
      continue;
    }
    Require(header->width == 1 || header->width == 2 || header->width == 4 ||
                header->width == 8,
            "elements are of a width that is known");
    if (!array.ok()) continue;
    const int64_t values =
        std::accumulate(header->shape.begin(), header->shape.end(), int64_t{1},
                        std::multiplies<int64_t>());
    Require(array->Explain() == header->Explain(),
            "an array is what its header says");
    Require(static_cast<int64_t>(array->bytes.size()) == values * array->width,
            "there are as many values as the sizes say");
    Require(!integers.ok() || static_cast<int64_t>(integers->size()) == values,
            "there are as many integers as the sizes say");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static distill::fuzz::MemoryFile* const file = new distill::fuzz::MemoryFile;
  std::string bytes(data, data + size);
  if (bytes.compare(0, 2, "PK") != 0) {
    bytes =
        distill::testing::ZipArchive({{"x.npy", bytes, /*deflated=*/false}});
  }
  const std::string& path =
      file->Write(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto npz = distill::NpzFile::Open(path);
  if (npz.ok()) {
    ReadAll(*npz);
  } else {
    RequireGoodError(npz.status(), path);
  }
  return 0;
}
