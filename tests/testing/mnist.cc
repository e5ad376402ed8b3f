#include "tests/testing/mnist.h"

#include <cstdlib>

#include "data/formats/idx_folder.h"

namespace distill {
namespace testing {

const char kNoMnist[] =
    "MNIST was not found. Run the test with Bazel, with @mnist in its data, or "
    "set MNIST_DIR to the folder with the four files.";

std::string RealMnistFolder() {
  const char* runfiles = std::getenv("TEST_SRCDIR");  // Set by Bazel.
  if (runfiles != nullptr) {
    const std::string folder = std::string(runfiles) + "/mnist";
    if (FindDataset(folder, Split::kTrain).ok()) return folder;
  }
  const char* named = std::getenv("MNIST_DIR");
  return named == nullptr ? "" : named;
}

}  // namespace testing
}  // namespace distill
