// A training step that a GPU repeats without being told it piece by piece.
#ifndef DISTILL_TRAINING_STEP_GRAPH_H_
#define DISTILL_TRAINING_STEP_GRAPH_H_

#include <functional>
#include <memory>

#include "c10/core/Device.h"

namespace distill {

// Where device work is put from its making to its end: on a CUDA device a
// stream of its own, as graphs cannot be captured on the default one. Waits for
// the device at both ends. Nothing on other devices.
class DeviceScope {
 public:
  explicit DeviceScope(at::Device device);
  ~DeviceScope();
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Runs `step` again and again. On a CUDA device, inside a DeviceScope: the
// first times as it stands, then it is captured into a CUDA graph, and from
// then on the graph is replayed, a single launch for the whole step. So `step`
// must do the same work each time, take everything that changes from the
// device's memory, never wait for the device, and never change on the host what
// the device's part of a later run depends on. On other devices: calls `step`.
class StepGraph {
 public:
  StepGraph(at::Device device, std::function<void()> step);
  ~StepGraph();

  // Does not wait for the device. c10::Error where the step cannot be captured.
  void Run();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace distill

#endif  // DISTILL_TRAINING_STEP_GRAPH_H_
