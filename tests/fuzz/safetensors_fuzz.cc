// Models' files.
#include "absl/strings/string_view.h"
#include "data/safetensors.h"
#include "models/weights.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using distill::fuzz::Require;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto file = distill::ParseSafeTensors(bytes, "input");
  if (!file.ok()) {
    distill::fuzz::RequireGoodError(file.status(), "input");
    return 0;
  }
  const auto again = distill::SerializeSafeTensors(*file);
  Require(again.ok(), "what was read can be written");
  const auto twice = distill::ParseSafeTensors(*again, "again");
  Require(twice.ok(), "what was written can be read");
  Require(distill::SerializeSafeTensors(*twice).value() == *again,
          "reading and writing change nothing");
  const auto model = distill::ModelFromFile(*file, "input");
  if (!model.ok()) distill::fuzz::RequireGoodError(model.status(), "input");
  return 0;
}
