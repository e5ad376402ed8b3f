// What a net is, before there is a number in it: a graph of operations. All
// that can be known without its weights is a walk over it.
#ifndef DISTILL_MODELS_GRAPH_H_
#define DISTILL_MODELS_GRAPH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/image_spec.h"

namespace distill {

// Of one image: {channels, height, width}, or {width}.
using Shape = std::vector<int64_t>;

// An inner output of a model that methods may compare.
struct Feature {
  std::string name;  // "conv1", "fc1": that layer, after ReLU and pooling.
  Shape sizes;
};

// An operation, with the meaning, and unless said otherwise the defaults, that
// PyTorch gives it.
struct Operation {
  enum class Kind {
    kConvolution,  // To `outputs` channels.
    // Over batch, height and width, with a scale and an offset for each channel
    // (eps and momentum: kBatchNormEpsilon, kBatchNormMomentum).
    kBatchNorm,
    kRelu,
    kMaxPool,            // Without padding; an incomplete window is left out.
    kGlobalAveragePool,  // {channels, height, width} to {channels, 1, 1}.
    kFlatten,            // To {width}, in the order channel, row, column.
    kLinear,             // Fully connected, {inputs} to {outputs}.
    kAdd,                // Two inputs of one shape.
    // He et al. 2015's shortcut without parameters (option A): every stride-th
    // pixel, and as many channels of zeros before as behind, to `outputs`.
    kZeroPadShortcut,
    kDropout,  // See models/dropout.h. The identity in eval mode.
  };

  Kind kind = Kind::kRelu;
  // Its own: of its parameters ("conv1" has "conv1.weight"), and in messages.
  std::string name;
  // Indices of earlier operations, or kImages.
  std::vector<int> inputs = {};
  // What methods may call its output (Feature::name); empty if they may not.
  std::string feature = "";
  // kConvolution, kLinear, kZeroPadShortcut.
  int64_t outputs = 0;
  // kConvolution, kMaxPool, of both axes; the stride of a kZeroPadShortcut.
  int64_t kernel = 1, stride = 1;
  int64_t padding = 0, groups = 1;  // kConvolution.
  bool bias = true;                 // kConvolution, kLinear.
  double rate = 0;                  // kDropout: in (0, 1).
};

constexpr int kImages = -1;  // In Operation::inputs.

constexpr double kBatchNormEpsilon = 1e-5, kBatchNormMomentum = 0.1;

struct Graph {
  // As models/zoo.h spells it: "cnn:32,64,fc128".
  std::string spelling;
  ImageSpec image;
  // Each after its inputs. The last one makes the logits.
  std::vector<Operation> operations;

  // Appends `operation`, whose input, if it has none, is the last one before it
  // (or the images), and returns its index.
  int Append(Operation operation);

  bool Has(Operation::Kind kind) const;
};

// Of each operation: those that take what it makes, one as often as it does.
std::vector<std::vector<int>> UsersOf(const Graph& graph);

// The shape of each operation's output. InvalidArgument, naming the operation,
// what was found and what was expected, for one whose inputs, sizes or name
// cannot be; and unless the last one is fully connected, of two classes or
// more. All other functions here take graphs for which this is OK.
absl::StatusOr<std::vector<Shape>> InferShapes(const Graph& graph);

// A parameter or a buffer: what a trained model's file has.
struct TensorSpec {
  enum class Kind {
    kParameter,  // float32, trained.
    kBuffer,     // float32, changed by a forward pass in train mode.
    kCounter,    // One int64 number, a buffer too.
  };
  int operation = 0;  // Whose it is.
  std::string name;   // PyTorch's: "conv1.weight".
  Shape sizes;        // In PyTorch's order: [out, in / groups, kernel, kernel].
  Kind kind = Kind::kParameter;
  // Before training: uniform in +-bound if there is a bound (PyTorch's default,
  // 1 / sqrt(inputs of one output)), else this value.
  double bound = 0, value = 0;
};

// The tensors of each operation, from the first operation to the last: weight,
// bias, running_mean, running_var, num_batches_tracked, where it has them.
std::vector<TensorSpec> StateOf(const Graph& graph);

// How many numbers are trained.
int64_t ParameterCount(const Graph& graph);

// Floating-point operations of one image's forward pass: twice the
// multiply-adds of convolutions and fully connected layers. Others are not
// counted.
int64_t FlopPerImageOf(const Graph& graph);

// For people: "conv 1-16 3x3, ReLU, pool 2; linear 3136-10"; of more than
// twenty operations with parameters no more than "resnet:3x16,3x32,3x64: 19
// convolutions, 19 batch norms, 1 linear".
std::string DescribeGraph(const Graph& graph);

// The outputs that have a name as a feature, in the order of the operations.
std::vector<Feature> FeaturesOf(const Graph& graph);

}  // namespace distill

#endif  // DISTILL_MODELS_GRAPH_H_
