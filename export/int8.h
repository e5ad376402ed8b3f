// Weights in a byte each.
#ifndef DISTILL_EXPORT_INT8_H_
#define DISTILL_EXPORT_INT8_H_

#include <cstdint>
#include <vector>

#include "models/weights.h"

namespace distill {

// A layer's weights, symmetrically quantised by output: weight[o][i] is nearly
// scale[o] * values[o][i], with values from -127 to 127, and 0 is 0 exactly.
// scale[o] is the largest |weight[o][i]| / 127, so that no weight is cut off
// and none is off by more than half of scale[o]. (R. Krishnamoorthi,
// "Quantizing deep convolutional networks for efficient inference", 2018,
// section 3.1.2: per-channel, symmetric.)
struct Int8Weights {
  std::vector<int8_t> values;  // [outputs, weights of one output], row-major.
  std::vector<float>
      scale;  // [outputs]; 1 where all weights are 0, or as good as.
};

// `weight` [outputs, weights of one output], row-major.
Int8Weights Quantize(const std::vector<float>& weight, int64_t outputs);

// A copy of `loaded` that computes with scale * value in place of each weight
// of a convolution or a fully connected layer: up to rounding the logits that a
// program gets which computes with the bytes. All else stays what it is.
LoadedModel WithInt8Weights(const LoadedModel& loaded);

}  // namespace distill

#endif  // DISTILL_EXPORT_INT8_H_
