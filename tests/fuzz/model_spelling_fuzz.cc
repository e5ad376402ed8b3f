// Models as they are spelled: "cnn:32,64,fc128". The first three bytes are the
// images' sizes and the number of classes.
#include <algorithm>
#include <string>

#include "models/zoo.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using distill::fuzz::Require;
  if (size < 3) return 0;
  const int64_t height = data[0], width = data[1], classes = data[2];
  const std::string spelling(data + 3, data + size);
  const auto model =
      distill::ParseModel("--teacher", spelling, {1, height, width}, classes);
  if (!model.ok()) {
    distill::fuzz::RequireGoodError(model.status(), "--teacher");
    return 0;
  }
  Require(distill::InferShapes(*model).ok(), "a model that was read is valid");
  const std::string& spelled = model->spelling;
  const auto again =
      distill::ParseModel("again", spelled, {1, height, width}, classes);
  Require(again.ok() && again->spelling == spelled,
          "a model can be read as it is spelled");
  return 0;
}
