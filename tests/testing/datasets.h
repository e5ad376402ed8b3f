// Made-up samples for tests.
#ifndef DISTILL_TESTS_TESTING_DATASETS_H_
#define DISTILL_TESTS_TESTING_DATASETS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "data/dataset.h"

namespace distill {
namespace testing {

struct ToyOptions {
  int64_t count = 100;
  ImageSpec image;
  int classes = 10;
  // The share of pixels that are noise, in [0, 1]. At 0 all images of a class
  // are equal, at 1 nothing tells the classes apart.
  double noise = 0.2;
  // Chooses the images of this set. The classes' own patterns depend only on
  // the sizes, so that two seeds make a training and a test split.
  uint64_t seed = 1;
  Split split = Split::kTrain;
};

// A set that can be learned: a random pattern of black and white for each
// class, and noise on it. Sample i has label i % classes. Its name is "toy",
// and its checksums are right. Shared, as Batches takes it.
std::shared_ptr<const Dataset> ToyDataset(const ToyOptions& options = {});

// Writes `dataset` as the two files of its split, with the names of MNIST's
// files, plain or as .gz. `folder` is made if need be.
void WriteDataset(const Dataset& dataset, const std::string& folder,
                  bool gzip = false);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_DATASETS_H_
