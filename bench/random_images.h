// Images of nothing, to time work on.
#ifndef DISTILL_BENCH_RANDOM_IMAGES_H_
#define DISTILL_BENCH_RANDOM_IMAGES_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/random.h"
#include "data/dataset.h"

namespace distill {

// So many, of 10 classes.
inline std::shared_ptr<const Dataset> RandomImages(int64_t size,
                                                   const ImageSpec& image) {
  Random random(0, "benchmark's images");
  auto dataset = std::make_shared<Dataset>();
  dataset->count = size;
  dataset->image = image;
  dataset->classes = 10;
  std::vector<uint8_t> images;
  for (int64_t i = 0; i < size * dataset->image.size(); ++i) {
    images.push_back(static_cast<uint8_t>(random.Below(256)));
  }
  dataset->images = Pixels(std::move(images), dataset->image.size());
  for (int64_t i = 0; i < size; ++i) {
    dataset->labels.push_back(static_cast<int32_t>(random.Below(10)));
  }
  return dataset;
}

}  // namespace distill

#endif  // DISTILL_BENCH_RANDOM_IMAGES_H_
