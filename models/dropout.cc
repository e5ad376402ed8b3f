#include "models/dropout.h"

#include <cmath>

#include "ATen/TensorOperators.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "base/random.h"

namespace distill {
namespace {

// Of SplitMix64, as signed numbers of the same bits: LibTorch has no others.
constexpr auto kStride = static_cast<int64_t>(0x9e3779b97f4a7c15u);
constexpr auto kFirstFactor = static_cast<int64_t>(0xbf58476d1ce4e5b9u);
constexpr auto kSecondFactor = static_cast<int64_t>(0x94d049bb133111ebu);

constexpr int kBits = 24;  // That decide; a float has them all.

int64_t Threshold(double rate) { return std::llround(std::ldexp(rate, kBits)); }

// x >> bits of a number without sign.
at::Tensor ShiftRight(const at::Tensor& x, int64_t bits) {
  return x.bitwise_right_shift(bits).bitwise_and((int64_t{1} << (64 - bits)) -
                                                 1);
}

// What SplitMix64 makes of its state after it has gone on.
at::Tensor Mix(at::Tensor z) {
  z = z.bitwise_xor(ShiftRight(z, 30)) * kFirstFactor;
  z = z.bitwise_xor(ShiftRight(z, 27)) * kSecondFactor;
  return z.bitwise_xor(ShiftRight(z, 31));
}

}  // namespace

namespace internal {

at::Tensor DropoutMaskComposed(int64_t count, double rate, uint64_t key,
                               const at::Tensor& step) {
  const at::Tensor start =
      Mix((step + 1) * kStride + static_cast<int64_t>(key));
  const at::Tensor numbers =
      Mix(at::arange(1, count + 1, step.options()) * kStride + start);
  return ShiftRight(numbers, 64 - kBits)
      .ge(Threshold(rate))
      .to(at::kFloat)
      .mul(1 / (1 - rate));
}

at::Tensor DropoutMaskOnCpu(int64_t count, double rate, uint64_t key,
                            int64_t step) {
  uint64_t state =
      key + static_cast<uint64_t>(step) * static_cast<uint64_t>(kStride);
  state = SplitMix64(state);
  const auto threshold = static_cast<uint64_t>(Threshold(rate));
  const auto kept = static_cast<float>(1 / (1 - rate));
  at::Tensor mask = at::empty({count}, at::kFloat);
  float* value = mask.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    value[i] = SplitMix64(state) >> (64 - kBits) >= threshold ? kept : 0;
  }
  return mask;
}

}  // namespace internal

at::Tensor Dropout(const at::Tensor& x, double rate, uint64_t key,
                   const at::Tensor& step) {
  TORCH_CHECK(rate >= 0 && rate < 1, "the dropout rate is ", rate,
              "; it must be at least 0 and below 1");
  TORCH_CHECK(step.dim() == 0 && step.scalar_type() == at::kLong &&
                  step.device() == x.device(),
              "the step is ", step.toString(), " of shape ", step.sizes(),
              " on ", step.device(), "; it must be one int64 number on ",
              x.device());
  const at::Tensor mask =
      x.is_cpu() ? internal::DropoutMaskOnCpu(x.numel(), rate, key,
                                              step.item<int64_t>())
                 : internal::DropoutMaskComposed(x.numel(), rate, key, step);
  return x * mask.view(x.sizes()).to(x.scalar_type());
}

}  // namespace distill
