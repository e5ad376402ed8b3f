// DeviceScope and StepGraph of a program built without CUDA.
#include <utility>

#include "training/step_graph.h"

namespace distill {

struct DeviceScope::Impl {};

DeviceScope::DeviceScope(at::Device /*device*/) {}

DeviceScope::~DeviceScope() = default;

struct StepGraph::Impl {
  std::function<void()> step;
};

StepGraph::StepGraph(at::Device /*device*/, std::function<void()> step)
    : impl_(new Impl{std::move(step)}) {}

StepGraph::~StepGraph() = default;

void StepGraph::Run() { impl_->step(); }

}  // namespace distill
