// Training states. A fuzzer does not find a checksum: it is put right first.
#include <string>

#include "absl/strings/str_format.h"
#include "base/files.h"
#include "data/safetensors.h"
#include "tests/fuzz/input.h"
#include "training/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  auto file = distill::ParseSafeTensors(bytes, "input");
  if (file.ok()) {
    file->metadata.erase("crc32");
    file->metadata["crc32"] = absl::StrFormat(
        "%08x", distill::Crc32(*distill::SerializeSafeTensors(*file)));
    bytes = *distill::SerializeSafeTensors(*file);
  }
  const auto kept = distill::StateFromFile(bytes, "input");
  if (!kept.ok()) {
    distill::fuzz::RequireGoodError(kept.status(), "input");
    return 0;
  }
  const auto again = distill::StateToFile(kept->state, kept->training);
  distill::fuzz::Require(again.ok(), "a state that was read can be kept");
  return 0;
}
