// For tests of the programs that take a model's file.
#ifndef DISTILL_TESTS_CLI_TOY_MODEL_H_
#define DISTILL_TESTS_CLI_TOY_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "data/dataset.h"
#include "gtest/gtest.h"
#include "models/weights.h"
#include "tests/testing/files.h"
#include "training/evaluation.h"

namespace distill {
namespace testing {

// A folder with a toy data set (120 training and 90 test images of 9 x 8
// pixels, 10 classes) and in m.safetensors an untrained model for it, "cnn:4".
class ToyModelTest : public ::testing::Test {
 protected:
  ToyModelTest();

  // Replaces the file by such a model.
  void WriteModel(const std::string& architecture, int64_t height,
                  int64_t width, int64_t classes);
  // What the project's own evaluation says of model_.
  Evaluation Expected(const Dataset& dataset) const;

  TempFolder folder_;
  const std::string model_path_ = folder_.File("m.safetensors");
  std::shared_ptr<const Dataset> train_, test_;
  LoadedModel model_;
};

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_CLI_TOY_MODEL_H_
