// DeviceScope and StepGraph of a program built with CUDA.
#include <memory>
#include <mutex>
#include <utility>

#include "ATen/cuda/CUDAGraph.h"
#include "c10/cuda/CUDAFunctions.h"
#include "c10/cuda/CUDAGuard.h"
#include "c10/cuda/CUDAStream.h"
#include "training/step_graph.h"

namespace distill {
namespace {

// Steps before the capture. The first ones choose algorithms, load modules and
// allocate workspaces, none of which a capture allows.
constexpr int kWarmUpSteps = 3;

// Held while a step is captured, and while the whole device is waited for: that
// is an error while another thread captures.
std::mutex& CaptureMutex() {
  static std::mutex mutex;
  return mutex;
}
void Synchronize() {
  const std::lock_guard<std::mutex> lock(CaptureMutex());
  c10::cuda::device_synchronize();
}

}  // namespace

struct DeviceScope::Impl {
  explicit Impl(at::Device device)
      : device_guard(device),
        stream_guard(c10::cuda::getStreamFromPool(/*isHighPriority=*/false,
                                                  device.index())) {}

  c10::cuda::CUDAGuard device_guard;
  c10::cuda::CUDAStreamGuard stream_guard;
};

DeviceScope::DeviceScope(at::Device device) {
  if (!device.is_cuda()) return;
  impl_ = std::make_unique<Impl>(device);
  // What the default stream still does must be done before this one reads it.
  Synchronize();
}

DeviceScope::~DeviceScope() {
  if (impl_ == nullptr) return;
  // An error of the device's was, or will be, reported by who reads results.
  try {
    Synchronize();
  } catch (const c10::Error&) {
  }
}

struct StepGraph::Impl {
  at::Device device;
  std::function<void()> step;
  int steps_run = 0;
  std::unique_ptr<at::cuda::CUDAGraph> graph;
};

StepGraph::StepGraph(at::Device device, std::function<void()> step)
    : impl_(new Impl{device, std::move(step), 0, nullptr}) {}

StepGraph::~StepGraph() = default;

void StepGraph::Run() {
  Impl& impl = *impl_;
  if (impl.graph != nullptr) {
    impl.graph->replay();
    return;
  }
  if (!impl.device.is_cuda() || impl.steps_run < kWarmUpSteps) {
    impl.step();
    ++impl.steps_run;
    return;
  }
  const std::lock_guard<std::mutex> lock(CaptureMutex());
  c10::cuda::device_synchronize();
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  // (Other threads go on with runs of theirs.)
  graph->capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  try {
    impl.step();
  } catch (...) {
    // The step's own error says more than the one of the broken capture.
    try {
      graph->capture_end();
    } catch (const std::exception&) {
    }
    throw;
  }
  graph->capture_end();
  impl.graph = std::move(graph);
  impl.graph->replay();
}

}  // namespace distill
