// The arithmetic of a quantised model in integers alone, as programs for
// microcontrollers do it; and its numbers in this program.
#ifndef DISTILL_MODELS_INTEGERS_H_
#define DISTILL_MODELS_INTEGERS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "models/classifier.h"
#include "models/quantize.h"

namespace distill {

// A factor in (0, 2^30): multiplier 2^-shift. A sum times it is
// (sum multiplier + 2^(shift - 1)) >> shift in 64 bits, halves rounded up.
// (Jacob and others 2018, section 2.2, as TFLite and CMSIS-NN do it.)
struct FixedPoint {
  int32_t multiplier = 1;  // 31 bits, from 2^30 on but for tiny factors.
  int shift = 1;           // 1 to 62.
};
FixedPoint ToFixedPoint(double factor);

// a times + b other_times, where a and b are bytes less their zero points:
// (sum + 2^(shift - 1)) >> shift, which 32 bits hold.
struct FixedSum {
  int32_t times = 0, other_times = 0;
  int shift = 1;
};
FixedSum ToFixedSum(double times, double other_times);

// In what the output of operation `index` becomes bytes, or that of the ReLU
// that alone takes it; null for logits, and for what is passed on as it is.
const ByteScale* WrittenIn(const QuantizedModel& model, int index);

// What makes bytes, or logits in units of 2^-LogitBits, of a layer's sums: by
// output. Of a global average pooling's, whose sum is over all pixels: one.
std::vector<FixedPoint> RescalingOf(const QuantizedModel& model, int index);

// That of an addition; of ReLU, whose input is bytes already, with b = 0.
FixedSum SumOf(const QuantizedModel& model, int index);

// The logits are integers of 32 bits in units of 2^-bits: 16 bits, or fewer
// where a logit could be too large for that.
int LogitBits(const QuantizedModel& model);

// What computes with these integers: the logits of `export --format=c --int8`
// to the bit. ONNX Runtime, which rescales in float32, finds other bytes where
// two are as good as equal. It has no features (TORCH_CHECK).
std::shared_ptr<Classifier> Simulate(const QuantizedModel& model);

}  // namespace distill

#endif  // DISTILL_MODELS_INTEGERS_H_
