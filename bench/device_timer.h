// Seconds that a device works.
#ifndef DISTILL_BENCH_DEVICE_TIMER_H_
#define DISTILL_BENCH_DEVICE_TIMER_H_

#include <functional>

#include "c10/core/Device.h"

namespace distill {

// Seconds from the start of the first to the end of the last thing that `work`
// puts into the current stream of a CUDA device, by the device's own clock
// (events, 0.5 microseconds fine); waits for it. On other devices, the seconds
// that `work` takes.
double DeviceSeconds(at::Device device, const std::function<void()>& work);

}  // namespace distill

#endif  // DISTILL_BENCH_DEVICE_TIMER_H_
