#include "bench/matrix_rate.h"

#include <algorithm>
#include <cstdint>

#include "ATen/ops/mm.h"
#include "ATen/ops/ones.h"
#include "bench/device_timer.h"
#include "benchmark/benchmark.h"

namespace distill {

double MatrixRate(at::Device device, at::ScalarType dtype) {
  const int64_t side = device.is_cpu() ? 2048 : 8192;
  constexpr int kProducts = 4;
  const at::Tensor a =
      at::ones({side, side}, at::TensorOptions().dtype(dtype).device(device));
  double best = 0;
  for (int i = 0; i < 6; ++i) {  // The first warms up.
    const double seconds = DeviceSeconds(device, [&] {
      for (int j = 0; j < kProducts; ++j) {
        benchmark::DoNotOptimize(at::mm(a, a));
      }
    });
    const double flop = 2.0 * static_cast<double>(side * side * side);
    if (i > 0) best = std::max(best, kProducts * flop / seconds);
  }
  return best;
}

}  // namespace distill
