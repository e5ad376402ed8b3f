#include "tests/testing/datasets.h"

#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/testing/files.h"

namespace distill {
namespace testing {

std::shared_ptr<const Dataset> ToyDataset(const ToyOptions& options) {
  const int64_t pixels = options.image.size();
  std::vector<uint8_t> patterns;
  Random pattern_random(0, "toy patterns");
  for (int64_t i = 0; i < options.classes * pixels; ++i) {
    patterns.push_back(pattern_random.Below(2) == 0 ? 0 : 255);
  }

  Dataset dataset;
  dataset.name = "toy";
  dataset.split = options.split;
  dataset.count = options.count;
  dataset.image = options.image;
  dataset.classes = options.classes;
  std::vector<uint8_t> images;
  Random random(options.seed, "toy images");
  for (int64_t i = 0; i < options.count; ++i) {
    const int label = static_cast<int>(i % options.classes);
    dataset.labels.push_back(label);
    for (int64_t p = 0; p < pixels; ++p) {
      const bool noise = random.Uniform() < options.noise;
      const uint8_t any = static_cast<uint8_t>(random.Below(256));
      images.push_back(noise ? any : patterns[label * pixels + p]);
    }
  }
  dataset.images = Pixels(std::move(images), pixels);
  SetChecksums(&dataset);
  return std::make_shared<const Dataset>(std::move(dataset));
}

void WriteDataset(const Dataset& dataset, const std::string& folder,
                  bool gzip) {
  const std::string start =
      folder + (dataset.split == Split::kTrain ? "/train-" : "/t10k-");
  const auto write = [&](const std::string& name, const std::string& content) {
    WriteFile(start + name + (gzip ? ".gz" : ""),
              gzip ? Gzip(content) : content);
  };
  const uint32_t count = static_cast<uint32_t>(dataset.count);
  write("images-idx3-ubyte",
        IdxFile({count, static_cast<uint32_t>(dataset.image.height),
                 static_cast<uint32_t>(dataset.image.width)},
                dataset.images.Bytes()));
  write("labels-idx1-ubyte",
        IdxFile({count}, {dataset.labels.begin(), dataset.labels.end()}));
}

}  // namespace testing
}  // namespace distill
