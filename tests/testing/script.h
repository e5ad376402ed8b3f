// TorchScript files that tests make without Python.
#ifndef DISTILL_TESTS_TESTING_SCRIPT_H_
#define DISTILL_TESTS_TESTING_SCRIPT_H_

#include <string>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"

namespace distill {
namespace testing {

// The bytes of a module whose methods are `source`, in Python, and which has
// these parameters and buffers as attributes (self.NAME).
std::string ScriptBytes(
    const std::string& source,
    const std::vector<std::pair<std::string, at::Tensor>>& parameters,
    const std::vector<std::pair<std::string, at::Tensor>>& buffers = {});

// One fully connected layer over the pixels of `size` numbers: "weight"
// [classes, size] and "bias", from a seed of its own. `body` is put before
// its "return", and may change the logits `y`.
std::string LinearScript(int64_t size, int64_t classes,
                         const std::string& body = "");

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_SCRIPT_H_
