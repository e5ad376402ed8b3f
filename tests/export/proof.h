// What the tests of exported models have in common: models, images, and the
// logits that another program has to find.
#ifndef DISTILL_TESTS_EXPORT_PROOF_H_
#define DISTILL_TESTS_EXPORT_PROOF_H_

#include <cstdint>
#include <memory>
#include <string>

#include "ATen/core/Tensor.h"
#include "data/dataset.h"
#include "models/weights.h"
#include "tests/testing/files.h"

namespace distill {
namespace testing {

// A model with random weights, three times as large as at the start of a
// training, so that its logits are about as large as a trained model's. Its
// note "dataset" is "of a test"; its classes have names that need escapes.
//
// Of the models that the tests make, the two largest logits of no image are
// nearer than 3.2e-5 (measured; int8 too), and other programs' logits differ by
// 1.2e-5 at most: "the same class on every image" is no matter of rounding.
LoadedModel RandomModel(const std::string& architecture, const ImageSpec& image,
                        int64_t classes);

// A spelling of each family, and images that are small enough for all.
constexpr const char* kFamilies[] = {
    "cnn:8,8,fc16",         "cnn:4b,8b,fc16",    "mlp:32,16",
    "resnet:1x8,2x16",      "resnet:1x8,1x16,b", "wrn:10,1",
    "mobile:8,8s,8x3,16x2s"};
constexpr ImageSpec kSmallColour = {3, 16, 12};

// RandomModel of five classes, with running statistics as of random images, in
// eval mode.
LoadedModel MakeTrainedModel(const std::string& spelling,
                             const ImageSpec& image);

// All images of `dataset` as the model takes them.
at::Tensor NormalizedImages(const LoadedModel& model, const Dataset& dataset);

// MNIST's test images. Aborts if they are missing: see kNoMnist.
const Dataset& MnistTest();

// Images of random pixels, with labels of 0.
Dataset RandomImages(int64_t count, const ImageSpec& image);

// Our logits [count, classes], in float32.
at::Tensor LogitsOf(const LoadedModel& loaded, const Dataset& dataset);

// A folder with the first `count` of the images in "images" and their logits in
// "logits", raw; what else is in it is the test's.
class ProofFolder {
 public:
  ProofFolder(const LoadedModel& loaded, const Dataset& dataset, int64_t count);

  // Quoted for a shell.
  std::string Quoted(const std::string& name) const;
  void Write(const std::string& name, const std::string& contents) const;
  std::string Read(const std::string& name) const;
  const TempFolder& folder() const { return folder_; }
  // [count, classes]
  const at::Tensor& logits() const { return logits_; }

 private:
  TempFolder folder_;
  at::Tensor logits_;
};

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_EXPORT_PROOF_H_
