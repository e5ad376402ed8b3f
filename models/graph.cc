#include "models/graph.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/text.h"

namespace distill {
namespace {

using Kind = Operation::Kind;

int64_t Product(const Shape& sizes) {
  int64_t product = 1;
  for (int64_t size : sizes) product *= size;
  return product;
}

std::string Text(const Shape& shape) { return absl::StrJoin(shape, " x "); }

absl::Status Wrong(const Operation& operation, const std::string& found,
                   const std::string& expected) {
  return Unexpected(absl::StatusCode::kInvalidArgument,
                    absl::StrCat("the operation \"", operation.name, "\""),
                    found, expected);
}

// How many windows there are along an axis; 0 or less if it is too short.
int64_t Windows(const Operation& operation, int64_t size) {
  const int64_t room = size + 2 * operation.padding - operation.kernel;
  return room < 0 ? 0 : room / operation.stride + 1;
}

// Of the output, for an input of shape `x`.
absl::StatusOr<Shape> OutputShape(const Operation& o, const Shape& x) {
  const bool convolves = o.kind == Kind::kConvolution;
  const bool slides = convolves || o.kind == Kind::kMaxPool;
  const bool connects = o.kind == Kind::kLinear;
  const bool pads = o.kind == Kind::kZeroPadShortcut;
  const bool needs_map = slides || pads || o.kind == Kind::kBatchNorm ||
                         o.kind == Kind::kGlobalAveragePool;
  const std::string input = absl::StrCat("an input of ", Text(x));
  if (needs_map && x.size() != 3) {
    return Wrong(o, input, "channels x height x width");
  }
  if (connects && x.size() != 1) return Wrong(o, input, "a flat one");
  if ((convolves || connects) && o.outputs < 1) {
    return Wrong(o, absl::StrCat(o.outputs, " outputs"), "1 or more");
  }
  if (convolves &&
      (o.groups < 1 || x[0] % o.groups != 0 || o.outputs % o.groups != 0)) {
    return Wrong(o,
                 absl::StrCat(o.groups, " groups of ", x[0], " channels and ",
                              o.outputs, " outputs"),
                 "1 or more, which divide both");
  }
  if (slides && (o.kernel < 1 || o.stride < 1 || o.padding < 0 ||
                 (!convolves && o.padding != 0) || Windows(o, x[1]) < 1 ||
                 Windows(o, x[2]) < 1)) {
    return Wrong(o,
                 absl::StrCat("kernel ", o.kernel, ", stride ", o.stride,
                              " and padding ", o.padding, " for ", input),
                 "kernel and stride of 1 or more, padding of 0 or more (0 for "
                 "pooling), and something to be left");
  }
  if (pads &&
      (o.stride < 1 || o.outputs < x[0] || (o.outputs - x[0]) % 2 != 0)) {
    return Wrong(o,
                 absl::StrCat("stride ", o.stride, " and ", o.outputs,
                              " outputs for ", input),
                 "a stride of 1 or more, and an even number of channels more");
  }
  if (o.kind == Kind::kDropout && !(o.rate > 0 && o.rate < 1)) {
    return Wrong(o, absl::StrCat("a rate of ", o.rate),
                 "one above 0 and below 1");
  }
  if (slides) {
    return Shape{convolves ? o.outputs : x[0], Windows(o, x[1]),
                 Windows(o, x[2])};
  }
  if (pads) {
    return Shape{o.outputs, Windows(o, x[1]), Windows(o, x[2])};
  }
  if (connects) return Shape{o.outputs};
  if (o.kind == Kind::kGlobalAveragePool) return Shape{x[0], 1, 1};
  if (o.kind == Kind::kFlatten) return Shape{Product(x)};
  return x;
}

Shape ImageShape(const Graph& graph) {
  return {graph.image.channels, graph.image.height, graph.image.width};
}

// Of each operation's first input.
std::vector<Shape> InputShapes(const Graph& graph) {
  const std::vector<Shape> shapes = *InferShapes(graph);
  std::vector<Shape> inputs;
  for (const Operation& operation : graph.operations) {
    const int from = operation.inputs[0];
    inputs.push_back(from == kImages ? ImageShape(graph) : shapes[from]);
  }
  return inputs;
}

// What is not as usual: " stride 2".
std::string Unusual(const char* what, int64_t value, int64_t usual) {
  return value == usual ? "" : absl::StrCat(" ", what, " ", value);
}

// Without what it is done to.
std::string Describe(const Operation& o, const Shape& x) {
  switch (o.kind) {
    case Kind::kConvolution:
      return absl::StrCat("conv ", x[0], "-", o.outputs, " ", o.kernel, "x",
                          o.kernel, Unusual("stride", o.stride, 1),
                          // Usual is what keeps the size at stride 1.
                          Unusual("padding", o.padding, o.kernel / 2),
                          Unusual("groups", o.groups, 1));
    case Kind::kBatchNorm:
      return "batch norm";
    case Kind::kRelu:
      return "ReLU";
    case Kind::kMaxPool:
      return absl::StrCat("pool ", o.kernel,
                          Unusual("stride", o.stride, o.kernel));
    case Kind::kGlobalAveragePool:
      return "global average pool";
    case Kind::kFlatten:
      return "";
    case Kind::kLinear:
      return absl::StrCat("linear ", x[0], "-", o.outputs);
    case Kind::kAdd:
      return "add";
    case Kind::kZeroPadShortcut:
      return absl::StrCat("shortcut ", x[0], "-", o.outputs,
                          Unusual("stride", o.stride, 1));
    case Kind::kDropout:
      return absl::StrCat("dropout ", o.rate);
  }
  return "";
}

}  // namespace

int Graph::Append(Operation operation) {
  const int index = static_cast<int>(operations.size());
  if (operation.inputs.empty()) operation.inputs = {index - 1};
  operations.push_back(std::move(operation));
  return index;
}
static_assert(kImages == -1, "is what comes before the first operation");

std::vector<std::vector<int>> UsersOf(const Graph& graph) {
  const int count = static_cast<int>(graph.operations.size());
  std::vector<std::vector<int>> users(count);
  for (int i = 0; i < count; ++i) {
    for (const int input : graph.operations[i].inputs) {
      if (input != kImages) users[input].push_back(i);
    }
  }
  return users;
}

bool Graph::Has(Operation::Kind kind) const {
  return std::any_of(operations.begin(), operations.end(),
                     [kind](const Operation& o) { return o.kind == kind; });
}

absl::StatusOr<std::vector<Shape>> InferShapes(const Graph& graph) {
  const Shape image = ImageShape(graph);
  if (*std::min_element(image.begin(), image.end()) < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the images: found ", Text(image), "; expected at least 1 x 1 x 1"));
  }
  std::vector<Shape> shapes;
  std::set<std::string> names;
  for (const Operation& operation : graph.operations) {
    if (operation.name.empty() || !names.insert(operation.name).second) {
      return Wrong(operation, "its name more than once, or none",
                   "a name of its own");
    }
    const size_t inputs = operation.kind == Kind::kAdd ? 2 : 1;
    if (operation.inputs.size() != inputs) {
      return Wrong(operation,
                   absl::StrCat(operation.inputs.size(), " inputs (",
                                absl::StrJoin(operation.inputs, ", "), ")"),
                   absl::StrCat(inputs));
    }
    std::vector<Shape> of_inputs;
    for (const int input : operation.inputs) {
      if (input < kImages || input >= static_cast<int>(shapes.size())) {
        return Wrong(operation, absl::StrCat("the input ", input),
                     absl::StrCat("an earlier operation, below ", shapes.size(),
                                  ", or ", kImages, " for the images"));
      }
      of_inputs.push_back(input == kImages ? image : shapes[input]);
    }
    if (of_inputs.front() != of_inputs.back()) {
      return Wrong(operation,
                   absl::StrCat("inputs of ", Text(of_inputs.front()), " and ",
                                Text(of_inputs.back())),
                   "two of one shape");
    }
    ASSIGN_OR_RETURN(auto shape, OutputShape(operation, of_inputs.front()));
    shapes.push_back(std::move(shape));
  }
  if (shapes.empty() || graph.operations.back().kind != Kind::kLinear ||
      shapes.back()[0] < 2) {
    return Wrong(shapes.empty() ? Operation() : graph.operations.back(),
                 shapes.empty() ? "nothing" : Text(shapes.back()) + " logits",
                 "the last operation to be fully connected, with a logit for "
                 "each of at least 2 classes");
  }
  return shapes;
}

std::vector<TensorSpec> StateOf(const Graph& graph) {
  using TensorKind = TensorSpec::Kind;
  const std::vector<Shape> inputs = InputShapes(graph);
  std::vector<TensorSpec> state;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Operation& operation = graph.operations[i];
    const auto add = [&](const char* name, Shape sizes, double bound,
                         double value = 0,
                         TensorKind kind = TensorKind::kParameter) {
      state.push_back({static_cast<int>(i),
                       absl::StrCat(operation.name, ".", name),
                       std::move(sizes), kind, bound, value});
    };
    const int64_t channels = inputs[i][0], outputs = operation.outputs;
    if (operation.kind == Kind::kBatchNorm) {
      add("weight", {channels}, 0, 1);
      add("bias", {channels}, 0);
      add("running_mean", {channels}, 0, 0, TensorKind::kBuffer);
      add("running_var", {channels}, 0, 1, TensorKind::kBuffer);
      add("num_batches_tracked", {}, 0, 0, TensorKind::kCounter);
    } else if (operation.kind == Kind::kConvolution ||
               operation.kind == Kind::kLinear) {
      Shape sizes = {outputs, channels};
      if (operation.kind == Kind::kConvolution) {
        sizes = {outputs, channels / operation.groups, operation.kernel,
                 operation.kernel};
      }
      const int64_t inputs_of_one = Product(sizes) / outputs;
      const double bound = 1 / std::sqrt(static_cast<double>(inputs_of_one));
      add("weight", std::move(sizes), bound);
      if (operation.bias) add("bias", {outputs}, bound);
    }
  }
  return state;
}

int64_t ParameterCount(const Graph& graph) {
  int64_t count = 0;
  for (const TensorSpec& one : StateOf(graph)) {
    if (one.kind == TensorSpec::Kind::kParameter) count += Product(one.sizes);
  }
  return count;
}

int64_t FlopPerImageOf(const Graph& graph) {
  const std::vector<Shape> shapes = *InferShapes(graph);
  int64_t multiply_adds = 0;
  for (const TensorSpec& one : StateOf(graph)) {
    if (one.sizes.size() < 2) continue;
    // A convolution's weights are used once for each pixel of its output.
    const Shape& output = shapes[one.operation];
    multiply_adds += Product(one.sizes) * (Product(output) / output[0]);
  }
  return 2 * multiply_adds;
}

std::string DescribeGraph(const Graph& graph) {
  const auto count = [&graph](Kind kind, const char* what) {
    return Count(
        std::count_if(graph.operations.begin(), graph.operations.end(),
                      [kind](const Operation& o) { return o.kind == kind; }),
        what);
  };
  std::set<int> with_state;
  for (const TensorSpec& one : StateOf(graph)) with_state.insert(one.operation);
  if (with_state.size() > 20) {
    return absl::StrCat(graph.spelling, ": ",
                        count(Kind::kConvolution, "convolution"), ", ",
                        count(Kind::kBatchNorm, "batch norm"), ", ",
                        count(Kind::kLinear, "linear"));
  }
  const std::vector<Shape> inputs = InputShapes(graph);
  std::string text;
  for (int i = 0; i < static_cast<int>(inputs.size()); ++i) {
    const Operation& operation = graph.operations[i];
    const std::string what = Describe(operation, inputs[i]);
    if (what.empty()) continue;
    // What is not done to the operation before it.
    std::vector<std::string> others;
    for (const int input : operation.inputs) {
      if (input == i - 1) continue;
      others.push_back(input == kImages ? "the images"
                                        : graph.operations[input].name);
    }
    const bool begins = operation.outputs > 0 || !others.empty();
    absl::StrAppend(&text, text.empty() ? "" : begins ? "; " : ", ", what);
    if (!others.empty()) {
      absl::StrAppend(&text, " of ", absl::StrJoin(others, " and "));
    }
  }
  return text;
}

std::vector<Feature> FeaturesOf(const Graph& graph) {
  const std::vector<Shape> shapes = *InferShapes(graph);
  std::vector<Feature> features;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string& name = graph.operations[i].feature;
    if (!name.empty()) features.push_back({name, shapes[i]});
  }
  return features;
}

}  // namespace distill
