// Division by a number that is known before: a product and a shift, where a GPU
// needs some 20 instructions to divide.
#ifndef DISTILL_MODELS_KERNELS_DIVIDER_H_
#define DISTILL_MODELS_KERNELS_DIVIDER_H_

#include <cstdint>

#include "base/host_device.h"

namespace distill {
namespace kernels {

// Of numbers from 0 to 2^31 - 1, exactly. With d the divisor, L the least
// number with d <= 2^L, and m = 2^(31 + L) / d rounded up, n m / 2^(31 + L) is
// above n / d by n (m d - 2^(31 + L)) / (d 2^(31 + L)), which is below 1 / d
// (Granlund and Montgomery 1994, theorem 4.2).
class Divider {
 public:
  Divider() = default;
  explicit Divider(int divisor) : divisor_(divisor) {
    while ((int64_t{1} << (shift_ - 31)) < divisor) ++shift_;
    factor_ = static_cast<uint32_t>(((uint64_t{1} << shift_) + divisor - 1) /
                                    divisor);
  }
  DISTILL_HOST_DEVICE int Quotient(int n) const {
    return static_cast<int>(
        (static_cast<uint64_t>(static_cast<uint32_t>(n)) * factor_) >> shift_);
  }
  DISTILL_HOST_DEVICE int Rest(int n) const {
    return n - Quotient(n) * divisor_;
  }

 private:
  int divisor_ = 1;
  int shift_ = 31;
  uint32_t factor_ = 1u << 31;
};

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_DIVIDER_H_
