// What a device can do at most, measured in the run that is compared with it.
#ifndef DISTILL_BENCH_MATRIX_RATE_H_
#define DISTILL_BENCH_MATRIX_RATE_H_

#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"

namespace distill {

// Floating-point operations a second of LibTorch's product of two large square
// matrices of `dtype`, with as many threads as LibTorch uses: the best of five.
double MatrixRate(at::Device device, at::ScalarType dtype);

}  // namespace distill

#endif  // DISTILL_BENCH_MATRIX_RATE_H_
