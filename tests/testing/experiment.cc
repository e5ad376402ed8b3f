#include "tests/testing/experiment.h"

#include "tests/testing/datasets.h"

namespace distill {
namespace testing {

std::shared_ptr<const Dataset> ToySplit(int64_t count, Split split,
                                        double noise, int64_t side) {
  ToyOptions toy;
  toy.count = count;
  toy.image.height = toy.image.width = side;
  toy.noise = noise;
  toy.split = split;
  toy.seed = split == Split::kTrain ? 1 : 2;
  return ToyDataset(toy);
}

Compute Cpu() {
  ComputeOptions options;
  options.device = "cpu";
  options.precision = "f32";
  return *ResolveCompute(options);
}

}  // namespace testing
}  // namespace distill
