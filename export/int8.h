// Weights in a byte each.
#ifndef DISTILL_EXPORT_INT8_H_
#define DISTILL_EXPORT_INT8_H_

#include <cstdint>
#include <vector>

#include "export/layers.h"
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

Int8Weights Quantize(const ExportLayer& layer);

// A copy of `loaded` that computes with scale * value in place of each weight:
// up to rounding the logits that a program gets which computes with the bytes.
// Biases and activations stay what they are.
LoadedModel WithInt8Weights(const LoadedModel& loaded);

}  // namespace distill

#endif  // DISTILL_EXPORT_INT8_H_
