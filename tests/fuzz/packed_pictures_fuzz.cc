// Files of packed pictures, as another version or a bad disk may leave them.
#include <memory>
#include <string>

#include "data/formats/packed_pictures.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using distill::fuzz::Require;
  const auto bytes = std::make_shared<const std::string>(
      reinterpret_cast<const char*>(data), size);
  const auto packed = distill::ParsePacked(bytes, *bytes, "input");
  if (!packed.ok()) {
    distill::fuzz::RequireGoodError(packed.status(), "input");
    return 0;
  }
  uint64_t sum = 0;
  for (const auto& split : packed->splits) {
    Require(split.images.count() == static_cast<int64_t>(split.labels.size()),
            "each image has a label");
    // That all of them are within the file is for the sanitizer to see.
    for (int64_t i = 0; i < split.images.count(); ++i) {
      for (int64_t p = 0; p < split.images.size(); ++p)
        sum += split.images[i][p];
    }
    for (const int32_t label : split.labels) {
      Require(label == distill::kNoLabel ||
                  (label >= 0 &&
                   label < static_cast<int32_t>(packed->class_names.size())),
              "labels are of the classes");
    }
  }
  Require(sum < UINT64_MAX, "there is a sum");
  return 0;
}
