#include "tests/export/proof.h"

#include <vector>

#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "base/observer.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "c10/util/Exception.h"
#include "data/batches.h"
#include "data/load.h"
#include "models/network.h"
#include "models/zoo.h"
#include "tests/testing/mnist.h"
#include "training/evaluation.h"

namespace distill {
namespace testing {

LoadedModel RandomModel(const std::string& architecture, const ImageSpec& image,
                        int64_t classes) {
  LoadedModel loaded;
  loaded.info.architecture = architecture;
  loaded.info.image = image;
  loaded.info.normalization.mean.resize(image.channels, 0.4f);
  loaded.info.normalization.std.resize(image.channels, 0.2f);
  loaded.info.classes = classes;
  for (int64_t i = 0; i < classes; ++i) {
    loaded.info.class_names.push_back(
        absl::StrCat("what\?\?/ \"\\*/ h\xc3\xa9 ", i));
  }
  loaded.info.notes = {{"dataset", "of a test"}, {"odd */ \?\?/", "\n\\"}};
  const auto options = ParseModel("test", architecture, image, classes);
  TORCH_CHECK(options.ok(), std::string(options.status().message()));
  Random random(1, "test");
  loaded.model = std::make_shared<Network>(*options, random);
  const at::NoGradGuard no_grad;
  for (const at::Tensor& parameter : loaded.model->parameters()) {
    parameter.mul_(3);
  }
  return loaded;
}

LoadedModel MakeTrainedModel(const std::string& spelling,
                             const ImageSpec& image) {
  LoadedModel model = RandomModel(spelling, image, 5);
  Random random(1, "test");
  model.model->train();
  for (int i = 0; i < 30; ++i) {
    model.model->Logits(UniformTensor(
        {20, image.channels, image.height, image.width}, 2, random));
  }
  model.model->eval();
  return model;
}

at::Tensor NormalizedImages(const LoadedModel& model, const Dataset& dataset) {
  BatchesOptions options;
  options.normalization = model.info.normalization;
  return Batches::Create(std::make_shared<Dataset>(dataset), options)
      ->Range(0, dataset.count)
      .images;
}

const Dataset& MnistTest() {
  static const auto* const kDataset = [] {
    auto dataset = LoadDataset(RealMnistFolder(), Split::kTest);
    TORCH_CHECK(dataset.ok(), kNoMnist);
    return new Dataset(*std::move(dataset));
  }();
  return *kDataset;
}

Dataset RandomImages(int64_t count, const ImageSpec& image) {
  Dataset dataset;
  dataset.name = "random";
  dataset.count = count;
  dataset.image = image;
  dataset.classes = 10;
  dataset.labels.assign(count, 0);
  Random random(2, "test");
  std::vector<uint8_t> images;
  for (int64_t i = 0; i < count * image.size(); ++i) {
    images.push_back(static_cast<uint8_t>(random.Below(256)));
  }
  dataset.images = Pixels(std::move(images), image.size());
  return dataset;
}

at::Tensor LogitsOf(const LoadedModel& loaded, const Dataset& dataset) {
  BatchesOptions options;
  options.normalization = loaded.info.normalization;
  const auto batches =
      Batches::Create(std::make_shared<const Dataset>(dataset), options);
  TORCH_CHECK(batches.ok(), std::string(batches.status().message()));
  Observer nobody;
  return ComputeLogits(FrozenClassifier(loaded.model), *batches, at::kCPU,
                       "test", nobody);
}

ProofFolder::ProofFolder(const LoadedModel& loaded, const Dataset& dataset,
                         int64_t count) {
  const auto first = Slice(dataset, 0, count);
  TORCH_CHECK(first.ok(), std::string(first.status().message()));
  logits_ = LogitsOf(loaded, *first);
  const std::vector<uint8_t> images = first->images.Bytes();
  Write("images", {images.begin(), images.end()});
  Write("logits", ToSafeTensor("logits", logits_).bytes);
}

std::string ProofFolder::Quoted(const std::string& name) const {
  return absl::StrCat("'", folder_.File(name), "'");
}

void ProofFolder::Write(const std::string& name,
                        const std::string& contents) const {
  WriteFile(folder_.File(name), contents);
}

std::string ProofFolder::Read(const std::string& name) const {
  return ReadFile(folder_.File(name));
}

}  // namespace testing
}  // namespace distill
