// DeviceSeconds of a program built with CUDA.
#include <cuda_runtime_api.h>

#include <chrono>

#include "bench/device_timer.h"
#include "c10/cuda/CUDAException.h"
#include "c10/cuda/CUDAGuard.h"
#include "c10/cuda/CUDAStream.h"

namespace distill {
namespace {

// A point in a stream's work.
class Event {
 public:
  Event() { C10_CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void Record(cudaStream_t stream) {
    C10_CUDA_CHECK(cudaEventRecord(event_, stream));
  }
  double SecondsSince(const Event& start) {
    C10_CUDA_CHECK(cudaEventSynchronize(event_));
    float milliseconds = 0;
    C10_CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.event_, event_));
    return milliseconds / 1000.0;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

double DeviceSeconds(at::Device device, const std::function<void()>& work) {
  if (!device.is_cuda()) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  }
  const c10::cuda::CUDAGuard guard(device);
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream().stream();
  Event start, end;
  start.Record(stream);
  work();
  end.Record(stream);
  return end.SecondsSince(start);
}

}  // namespace distill
