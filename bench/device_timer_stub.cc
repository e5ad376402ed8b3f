// DeviceSeconds of a program built without CUDA.
#include <chrono>

#include "bench/device_timer.h"

namespace distill {

double DeviceSeconds(at::Device /*device*/, const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace distill
