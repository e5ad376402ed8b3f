#include "export/onnx.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/protobuf_writer.h"
#include "export/layers.h"
#include "nlohmann/json.hpp"

namespace distill {
namespace {

// Files of this version and these operators are read by everything since 2022.
constexpr int kIrVersion = 8;
constexpr int kOpset = 17;

// TensorProto.DataType.
enum DataType { kFloat32 = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7 };

// The fields that are used, by message.
namespace field {
namespace model {
constexpr int kIrVersion = 1, kProducerName = 2, kGraph = 7, kOpsetImport = 8,
              kMetadataProps = 14;
}  // namespace model
namespace opset {
constexpr int kVersion = 2;  // The domain is left out: "", ONNX's own.
}  // namespace opset
namespace entry {  // StringStringEntryProto
constexpr int kKey = 1, kValue = 2;
}  // namespace entry
namespace graph {
constexpr int kNode = 1, kName = 2, kInitializer = 5, kInput = 11, kOutput = 12;
}  // namespace graph
namespace node {
constexpr int kInput = 1, kOutput = 2, kName = 3, kOpType = 4, kAttribute = 5;
}  // namespace node
namespace attribute {
constexpr int kName = 1, kInt = 3, kInts = 8, kType = 20;
constexpr int kTypeInt = 2, kTypeInts = 7;
}  // namespace attribute
namespace tensor {
constexpr int kDims = 1, kDataType = 2, kName = 8, kRawData = 9;
}  // namespace tensor
namespace value_info {
constexpr int kName = 1, kType = 2;
}  // namespace value_info
namespace type {
constexpr int kTensorType = 1;
constexpr int kElemType = 1, kShape = 2;  // Of the tensor type.
constexpr int kDim = 1;                   // Of the shape.
constexpr int kDimValue = 1, kDimParam = 2;
}  // namespace type
}  // namespace field

ProtobufWriter Attribute(const std::string& name, int64_t value) {
  ProtobufWriter attribute;
  attribute.Bytes(field::attribute::kName, name);
  attribute.Int(field::attribute::kInt, value);
  attribute.Int(field::attribute::kType, field::attribute::kTypeInt);
  return attribute;
}

ProtobufWriter Attribute(const std::string& name,
                         const std::vector<int64_t>& values) {
  ProtobufWriter attribute;
  attribute.Bytes(field::attribute::kName, name);
  for (int64_t value : values) attribute.Int(field::attribute::kInts, value);
  attribute.Int(field::attribute::kType, field::attribute::kTypeInts);
  return attribute;
}

// Little endian, which raw_data is on every machine.
template <typename Value>
ProtobufWriter Tensor(const std::string& name, DataType type,
                      const std::vector<int64_t>& dims,
                      const std::vector<Value>& values) {
  ProtobufWriter tensor;
  for (int64_t dim : dims) tensor.Int(field::tensor::kDims, dim);
  tensor.Int(field::tensor::kDataType, type);
  tensor.Bytes(field::tensor::kName, name);
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "see raw_data");
  tensor.Bytes(field::tensor::kRawData,
               {reinterpret_cast<const char*>(values.data()),
                values.size() * sizeof(Value)});
  return tensor;
}

// A value of shape [batch, dims...].
ProtobufWriter ValueInfo(const std::string& name, DataType data_type,
                         const std::vector<int64_t>& dims) {
  ProtobufWriter batch;
  batch.Bytes(field::type::kDimParam, "batch");
  ProtobufWriter shape;
  shape.Message(field::type::kDim, batch);
  for (int64_t value : dims) {
    ProtobufWriter dim;
    dim.Int(field::type::kDimValue, value);
    shape.Message(field::type::kDim, dim);
  }
  ProtobufWriter tensor_type;
  tensor_type.Int(field::type::kElemType, data_type);
  tensor_type.Message(field::type::kShape, shape);
  ProtobufWriter type;
  type.Message(field::type::kTensorType, tensor_type);
  ProtobufWriter info;
  info.Bytes(field::value_info::kName, name);
  info.Message(field::value_info::kType, type);
  return info;
}

// The nodes and constants of a graph.
class GraphWriter {
 public:
  GraphWriter() { graph_.Bytes(field::graph::kName, "student"); }

  // Adds the node `name`, whose output has its name.
  void Add(const std::string& name, const std::string& op_type,
           const std::vector<std::string>& inputs,
           const std::vector<ProtobufWriter>& attributes) {
    ProtobufWriter node;
    for (const std::string& input : inputs) {
      node.Bytes(field::node::kInput, input);
    }
    node.Bytes(field::node::kOutput, name);
    node.Bytes(field::node::kName, name);
    node.Bytes(field::node::kOpType, op_type);
    for (const ProtobufWriter& attribute : attributes) {
      node.Message(field::node::kAttribute, attribute);
    }
    graph_.Message(field::graph::kNode, node);
  }

  std::string Constant(const std::string& name,
                       const std::vector<int64_t>& dims,
                       const std::vector<float>& values) {
    graph_.Message(field::graph::kInitializer,
                   Tensor(name, kFloat32, dims, values));
    return name;
  }
  // Of sizes, in a row.
  std::string Constant(const std::string& name,
                       const std::vector<int64_t>& values) {
    return Integers(name, kInt64, {static_cast<int64_t>(values.size())},
                    values);
  }
  template <typename Value>
  std::string Integers(const std::string& name, DataType type,
                       const std::vector<int64_t>& dims,
                       const std::vector<Value>& values) {
    graph_.Message(field::graph::kInitializer,
                   Tensor(name, type, dims, values));
    return name;
  }

  ProtobufWriter& graph() { return graph_; }

 private:
  ProtobufWriter graph_;
};

// The names that are not of operations, or of their state.
constexpr const char* kOwnNames[] = {"images", "pixels",     "largest_pixel",
                                     "scaled", "mean",       "centred",
                                     "std",    "normalised", "logits"};

// What the file calls an operation: by its name if that is free.
std::string NodeName(const std::string& operation) {
  for (const char* own : kOwnNames) {
    if (operation == own) return operation + "_";
  }
  return operation;
}

// Returns the name of the normalised images.
std::string AddNormalization(const Normalization& normalization,
                             GraphWriter& writer) {
  writer.Add("pixels", "Cast", {"images"}, {Attribute("to", kFloat32)});
  writer.Add("scaled", "Div",
             {"pixels", writer.Constant("largest_pixel", {}, {255})}, {});
  const auto channels = static_cast<int64_t>(normalization.mean.size());
  const std::vector<int64_t> shape = channels == 1
                                         ? std::vector<int64_t>{}
                                         : std::vector<int64_t>{channels, 1, 1};
  writer.Add("centred", "Sub",
             {"scaled", writer.Constant("mean", shape, normalization.mean)},
             {});
  writer.Add("normalised", "Div",
             {"centred", writer.Constant("std", shape, normalization.std)}, {});
  return "normalised";
}

// Adds one node, or a few, whose output is `name`. `inputs` are those of the
// operation, the first of so many channels; its state follows them.
void AddOperation(const Operation& operation, const std::string& name,
                  const std::vector<std::string>& inputs,
                  int64_t input_channels, GraphWriter& writer) {
  const auto both = [](int64_t size) {
    return std::vector<int64_t>{size, size};
  };
  std::vector<ProtobufWriter> attributes;
  const auto add = [&](const char* op_type) {
    writer.Add(name, op_type, inputs, attributes);
  };
  switch (operation.kind) {
    case Operation::Kind::kConvolution:
      attributes.push_back(Attribute("kernel_shape", both(operation.kernel)));
      if (operation.padding > 0) {
        attributes.push_back(
            Attribute("pads", std::vector<int64_t>(4, operation.padding)));
      }
      if (operation.stride > 1) {
        attributes.push_back(Attribute("strides", both(operation.stride)));
      }
      if (operation.groups > 1) {
        attributes.push_back(Attribute("group", operation.groups));
      }
      return add("Conv");
    case Operation::Kind::kBatchNorm:
      static_assert(kBatchNormEpsilon == 1e-5, "is ONNX's default too");
      return add("BatchNormalization");
    case Operation::Kind::kRelu:
      return add("Relu");
    case Operation::Kind::kMaxPool:
      attributes = {Attribute("kernel_shape", both(operation.kernel)),
                    Attribute("strides", both(operation.stride))};
      return add("MaxPool");
    case Operation::Kind::kGlobalAveragePool:
      return add("GlobalAveragePool");
    case Operation::Kind::kFlatten:
      attributes = {Attribute("axis", 1)};
      return add("Flatten");
    case Operation::Kind::kLinear:
      attributes = {Attribute("transB", 1)};
      return add("Gemm");
    case Operation::Kind::kAdd:
      return add("Add");
    case Operation::Kind::kDropout:
      return add("Identity");
    case Operation::Kind::kZeroPadShortcut: {
      // (A window of one pixel.)
      writer.Add(name + ".pixels", "MaxPool", inputs,
                 {Attribute("kernel_shape", both(1)),
                  Attribute("strides", both(operation.stride))});
      const int64_t zeros = (operation.outputs - input_channels) / 2;
      writer.Add(
          name, "Pad",
          {name + ".pixels",
           writer.Constant(name + ".pads", {0, zeros, 0, 0, 0, zeros, 0, 0})},
          {});
      return;
    }
  }
}

// Adds all operations to what computes `input`; the last one is "logits".
void AddOperations(const Network& model, const std::string& input,
                   GraphWriter& writer) {
  const Graph& graph = model.graph();
  const auto numbers = NumbersOf(model);
  const std::vector<TensorSpec> specs = StateOf(graph);
  const std::vector<Shape> shapes = *InferShapes(graph);
  auto spec = specs.begin();
  std::vector<std::string> names;  // Of the operations' outputs.
  for (const Operation& operation : graph.operations) {
    std::vector<std::string> inputs;
    for (const int from : operation.inputs) {
      inputs.push_back(from == kImages ? input : names[from]);
    }
    const int index = static_cast<int>(names.size());
    for (; spec != specs.end() && spec->operation == index; ++spec) {
      // Nothing is computed with the number of batches.
      if (spec->kind == TensorSpec::Kind::kCounter) continue;
      inputs.push_back(
          writer.Constant(spec->name, spec->sizes, numbers.at(spec->name)));
    }
    const bool last = &operation == &graph.operations.back();
    names.push_back(last ? "logits" : NodeName(operation.name));
    const int first = operation.inputs[0];
    AddOperation(operation, names.back(), inputs,
                 first == kImages ? graph.image.channels : shapes[first][0],
                 writer);
  }
}

// Adds bytes of `input` and what they stand for, whose name is returned.
std::string AddBytes(const std::string& input, const ByteScale& scale,
                     GraphWriter& writer) {
  const std::vector<std::string> of = {
      writer.Constant(input + ".scale", {}, {static_cast<float>(scale.scale)}),
      writer.Integers(
          input + ".zero_point", kInt8, {},
          std::vector<int8_t>{static_cast<int8_t>(scale.zero_point)})};
  writer.Add(input + ".bytes", "QuantizeLinear", {input, of[0], of[1]}, {});
  writer.Add(input + ".values", "DequantizeLinear",
             {input + ".bytes", of[0], of[1]}, {});
  return input + ".values";
}

// Adds what a layer's integers stand for: {weight, bias}.
std::vector<std::string> AddLayer(const Operation& operation,
                                  const QuantizedLayer& layer, double input,
                                  GraphWriter& writer) {
  const auto outputs = static_cast<int64_t>(layer.bias.size());
  const int64_t inputs =
      static_cast<int64_t>(layer.weight.values.size()) / outputs;
  std::vector<int64_t> sizes = {outputs, inputs};
  if (operation.kind == Operation::Kind::kConvolution) {
    const int64_t kernel = operation.kernel;
    sizes = {outputs, inputs / (kernel * kernel), kernel, kernel};
  }
  std::vector<float> of_bias;
  of_bias.reserve(outputs);
  for (const float scale : layer.weight.scale) {
    of_bias.push_back(static_cast<float>(scale * input));
  }
  const std::string weight = operation.name + ".weight";
  const std::string bias = operation.name + ".bias";
  const std::vector<ProtobufWriter> by_output = {Attribute("axis", 0)};
  writer.Add(
      weight, "DequantizeLinear",
      {writer.Integers(weight + ".bytes", kInt8, sizes, layer.weight.values),
       writer.Constant(weight + ".scale", {outputs}, layer.weight.scale),
       // 0, which is left out elsewhere, and ONNX Runtime's QGemm wants.
       writer.Integers(weight + ".zero_point", kInt8, {outputs},
                       std::vector<int8_t>(outputs, 0))},
      by_output);
  writer.Add(
      bias, "DequantizeLinear",
      {writer.Integers(bias + ".integers", kInt32, {outputs}, layer.bias),
       writer.Constant(bias + ".scale", {outputs}, of_bias)},
      by_output);
  return {weight, bias};
}

void AddOperations(const QuantizedModel& model, const std::string& input,
                   GraphWriter& writer) {
  const std::vector<Shape> shapes = *InferShapes(model.graph);
  const std::string images = AddBytes(input, model.images, writer);
  std::vector<std::string> names;
  for (size_t i = 0; i < model.layers.size(); ++i) {
    const Operation& operation = model.graph.operations[i];
    std::vector<std::string> inputs;
    for (const int from : operation.inputs) {
      inputs.push_back(from == kImages ? images : names[from]);
    }
    const int first = operation.inputs[0];
    if (model.layers[i]) {
      for (std::string& one : AddLayer(operation, *model.layers[i],
                                       model.ScaleOf(first).scale, writer)) {
        inputs.push_back(std::move(one));
      }
    }
    const bool last = i + 1 == model.layers.size();
    names.push_back(last ? "logits" : NodeName(operation.name));
    AddOperation(
        operation, names.back(), inputs,
        first == kImages ? model.graph.image.channels : shapes[first][0],
        writer);
    if (model.outputs[i]) {
      names.back() = AddBytes(names.back(), *model.outputs[i], writer);
    }
  }
}

ProtobufWriter Entry(const std::string& key, const std::string& value) {
  ProtobufWriter entry;
  entry.Bytes(field::entry::kKey, key);
  entry.Bytes(field::entry::kValue, value);
  return entry;
}

std::map<std::string, std::string> MetadataOf(const ModelInfo& info) {
  std::map<std::string, std::string> metadata = info.notes;
  metadata["architecture"] = info.architecture;
  metadata["mean"] = NumbersText(info.normalization.mean);
  metadata["std"] = NumbersText(info.normalization.std);
  metadata["class_names"] = nlohmann::json(info.class_names).dump();
  return metadata;
}

template <typename Model>
std::string FileOf(const ModelInfo& info, const Model& model,
                   const OnnxOptions& options) {
  GraphWriter writer;
  AddOperations(
      model,
      options.pixels ? AddNormalization(info.normalization, writer) : "images",
      writer);
  writer.graph().Message(
      field::graph::kInput,
      ValueInfo("images", options.pixels ? kUint8 : kFloat32,
                {info.image.channels, info.image.height, info.image.width}));
  writer.graph().Message(field::graph::kOutput,
                         ValueInfo("logits", kFloat32, {info.classes}));

  ProtobufWriter opset;
  opset.Int(field::opset::kVersion, kOpset);
  ProtobufWriter file;
  file.Int(field::model::kIrVersion, kIrVersion);
  file.Bytes(field::model::kProducerName, "distill");
  file.Message(field::model::kGraph, writer.graph());
  file.Message(field::model::kOpsetImport, opset);
  for (const auto& [key, value] : MetadataOf(info)) {
    file.Message(field::model::kMetadataProps, Entry(key, value));
  }
  return file.bytes();
}

}  // namespace

std::string OnnxFile(const LoadedModel& loaded, const OnnxOptions& options) {
  return FileOf(loaded.info, *loaded.model, options);
}

std::string OnnxFile(const QuantizedModel& model, const OnnxOptions& options) {
  return FileOf(model.info, model, options);
}

}  // namespace distill
