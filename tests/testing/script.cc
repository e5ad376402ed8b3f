#include "tests/testing/script.h"

#include <sstream>

#include "base/random.h"
#include "base/uniform_tensor.h"
#include "torch/csrc/jit/api/module.h"

namespace distill {
namespace testing {

std::string ScriptBytes(
    const std::string& source,
    const std::vector<std::pair<std::string, at::Tensor>>& parameters,
    const std::vector<std::pair<std::string, at::Tensor>>& buffers) {
  torch::jit::Module module("Toy");
  for (const auto& [name, value] : parameters) {
    at::Tensor leaf = value.clone();
    leaf.set_requires_grad(true);
    module.register_parameter(name, leaf, /*is_buffer=*/false);
  }
  for (const auto& [name, value] : buffers) {
    module.register_buffer(name, value);
  }
  module.register_attribute("training", c10::BoolType::get(), true);
  module.define(source);
  std::ostringstream stream;
  module.save(stream);
  return stream.str();
}

std::string LinearScript(int64_t size, int64_t classes,
                         const std::string& body) {
  Random random(7, "a script's weights");
  return ScriptBytes(
      "def forward(self, x):\n"
      "    y = torch.linear(x.flatten(1), self.weight, "
      "self.bias)\n" +
          body + "    return y\n",
      {{"weight", UniformTensor({classes, size}, 0.05, random)},
       {"bias", UniformTensor({classes}, 0.05, random)}});
}

}  // namespace testing
}  // namespace distill
