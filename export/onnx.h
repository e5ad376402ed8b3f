// A model as an ONNX file, which ONNX Runtime and many others run.
#ifndef DISTILL_EXPORT_ONNX_H_
#define DISTILL_EXPORT_ONNX_H_

#include <string>

#include "models/quantize.h"
#include "models/weights.h"

namespace distill {

struct OnnxOptions {
  // Whether the model is fed pixels as they are and normalises them itself.
  bool pixels = true;
};

// The contents of a .onnx file: a ModelProto of opset 17 (github.com/onnx/onnx,
// onnx/onnx.proto, whose field numbers are in the .cc).
//
//   input   "images"  [batch, channels, height, width]: uint8, 0 to 255, or
//                     without options.pixels float32, normalised by the user
//   output  "logits"  [batch, classes] float32; softmax makes probabilities
//
// The batch may have any size. Each operation of the model's graph is a node of
// the same name; dropout is the identity. Metadata: "architecture", "mean",
// "std", "class_names" (a JSON array), and the model's notes.
//
// Not for more than 2 GB, protobuf's limit: half a billion weights.
std::string OnnxFile(const LoadedModel& loaded,
                     const OnnxOptions& options = {});

// The same of a model in 8 bits: weights are bytes, and between the operations,
// which are those of its graph, are QuantizeLinear and DequantizeLinear, from
// which ONNX Runtime makes operations on integers.
std::string OnnxFile(const QuantizedModel& model,
                     const OnnxOptions& options = {});

}  // namespace distill

#endif  // DISTILL_EXPORT_ONNX_H_
