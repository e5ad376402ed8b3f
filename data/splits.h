// All of a data set that a run reads.
#ifndef DISTILL_DATA_SPLITS_H_
#define DISTILL_DATA_SPLITS_H_

#include <cstdint>
#include <memory>

#include "data/dataset.h"

namespace distill {

// Of the same sizes and classes each.
struct Splits {
  std::shared_ptr<const Dataset> train, test;
  // The set's own images to choose by; null where it has none.
  std::shared_ptr<const Dataset> validation = nullptr;
  // More images for the student, whose labels nobody knows; null: none.
  std::shared_ptr<const Dataset> unlabelled = nullptr;
  // Test images that are training images too, pixel by pixel.
  int64_t shared_images = 0;
  // Test images that are among the unlabelled, where these are not too many.
  int64_t shared_unlabelled = 0;
  // The same of the images to choose by, or where the set has none of its own
  // of the training images.
  int64_t shared_unlabelled_choice = 0;
};

}  // namespace distill

#endif  // DISTILL_DATA_SPLITS_H_
