// Training that knows of the 8 bits to come.
#ifndef DISTILL_MODELS_QUANTIZED_TRAINING_H_
#define DISTILL_MODELS_QUANTIZED_TRAINING_H_

#include <cstdint>
#include <memory>

#include "models/classifier.h"
#include "models/network.h"

namespace distill {

// `network`, with which it shares its state, as it is to be trained for
// QuantizeModel (quantize.h): from forward pass `begin` in train mode on
// weights, and what lies between operations, are rounded to what bytes would
// stand for, in float32. Gradients pass the rounding as if it were not there,
// but for what is cut off (Jacob and others 2018, section 3). Weights are
// rounded as they will be with batch norm's running statistics in them, and
// batch norm itself goes on to take those of the batch (R. Krishnamoorthi 2018,
// section 3.2.2). The scales of what lies between are those that QuantizeModel
// would choose by the batch, chosen anew every 100 steps.
//
// In eval mode, and before, it is `network`. Its two own buffers are no part of
// a finished model. Not capturable.
std::shared_ptr<Classifier> TrainForBytes(std::shared_ptr<Network> network,
                                          int64_t begin);

}  // namespace distill

#endif  // DISTILL_MODELS_QUANTIZED_TRAINING_H_
