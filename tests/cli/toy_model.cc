#include "tests/cli/toy_model.h"

#include "absl/strings/str_cat.h"
#include "base/observer.h"
#include "base/random.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/datasets.h"

namespace distill {
namespace testing {
namespace {

std::shared_ptr<const Dataset> Toy(Split split, int64_t count) {
  ToyOptions options;
  options.count = count;
  options.image.height = 9;
  options.image.width = 8;
  options.split = split;
  options.seed = split == Split::kTrain ? 1 : 2;
  return ToyDataset(options);
}

}  // namespace

ToyModelTest::ToyModelTest()
    : train_(Toy(Split::kTrain, 120)), test_(Toy(Split::kTest, 90)) {
  WriteDataset(*train_, folder_.path());
  WriteDataset(*test_, folder_.path());
  WriteModel("cnn:4", 9, 8, 10);
}

void ToyModelTest::WriteModel(const std::string& architecture, int64_t height,
                              int64_t width, int64_t classes) {
  ModelInfo& info = model_.info;
  info.architecture = architecture;
  info.image.height = height;
  info.image.width = width;
  info.classes = classes;
  info.class_names.clear();
  for (int64_t i = 0; i < classes; ++i) {
    info.class_names.push_back(absl::StrCat("class ", i));
  }
  info.notes = {{"dataset", "toys"}};
  Random random(5, "test");
  model_.model = std::make_shared<Network>(
      *ParseModel("test", architecture, {1, height, width}, classes), random);
  WriteFile(model_path_, *SerializeSafeTensors(ModelFile(
                             FrozenClassifier(model_.model).State(), info)));
}

Evaluation ToyModelTest::Expected(const Dataset& dataset) const {
  BatchesOptions options;
  options.normalization = model_.info.normalization;
  const auto batches =
      Batches::Create(std::make_shared<const Dataset>(dataset), options);
  Observer nobody;
  return EvaluateLogits(ComputeLogits(FrozenClassifier(model_.model), *batches,
                                      at::kCPU, "test", nobody),
                        dataset);
}

}  // namespace testing
}  // namespace distill
