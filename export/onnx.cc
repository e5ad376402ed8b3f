#include "export/onnx.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "export/layers.h"
#include "export/protobuf_writer.h"
#include "nlohmann/json.hpp"

namespace distill {
namespace {

// Files of this version and these operators are read by everything since 2022.
constexpr int kIrVersion = 8;
constexpr int kOpset = 17;

// TensorProto.DataType.
enum DataType { kFloat32 = 1, kUint8 = 2 };

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

// float32, little endian, which raw_data is on every machine.
ProtobufWriter Tensor(const std::string& name, const std::vector<int64_t>& dims,
                      const std::vector<float>& values) {
  ProtobufWriter tensor;
  for (int64_t dim : dims) tensor.Int(field::tensor::kDims, dim);
  tensor.Int(field::tensor::kDataType, kFloat32);
  tensor.Bytes(field::tensor::kName, name);
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "see raw_data");
  tensor.Bytes(field::tensor::kRawData,
               {reinterpret_cast<const char*>(values.data()),
                values.size() * sizeof(float)});
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

// A graph that is a chain: each node takes what the last one made.
class Chain {
 public:
  explicit Chain(std::string input) : last_(std::move(input)) {
    graph_.Bytes(field::graph::kName, "student");
  }

  // Adds the node `name`, whose further inputs are `constants`.
  void Add(const std::string& name, const std::string& op_type,
           const std::vector<std::string>& constants,
           const std::vector<ProtobufWriter>& attributes) {
    ProtobufWriter node;
    node.Bytes(field::node::kInput, last_);
    for (const std::string& constant : constants) {
      node.Bytes(field::node::kInput, constant);
    }
    node.Bytes(field::node::kOutput, name);
    node.Bytes(field::node::kName, name);
    node.Bytes(field::node::kOpType, op_type);
    for (const ProtobufWriter& attribute : attributes) {
      node.Message(field::node::kAttribute, attribute);
    }
    graph_.Message(field::graph::kNode, node);
    last_ = name;
  }

  std::string Constant(const std::string& name,
                       const std::vector<int64_t>& dims,
                       const std::vector<float>& values) {
    graph_.Message(field::graph::kInitializer, Tensor(name, dims, values));
    return name;
  }

  ProtobufWriter& graph() { return graph_; }

 private:
  ProtobufWriter graph_;
  std::string last_;
};

void AddNormalization(const Normalization& normalization, Chain& chain) {
  chain.Add("pixels", "Cast", {}, {Attribute("to", kFloat32)});
  chain.Add("scaled", "Div", {chain.Constant("largest_pixel", {}, {255})}, {});
  chain.Add("centred", "Sub",
            {chain.Constant("mean", {}, {normalization.mean})}, {});
  chain.Add("normalised", "Div",
            {chain.Constant("std", {}, {normalization.std})}, {});
}

void AddLayer(const ExportLayer& layer, Chain& chain) {
  const std::vector<int64_t> dims =
      layer.convolves()
          ? std::vector<int64_t>{layer.outputs, layer.inputs, 3, 3}
          : std::vector<int64_t>{layer.outputs, layer.inputs};
  const std::vector<std::string> constants = {
      chain.Constant(layer.name + ".weight", dims, layer.weight),
      chain.Constant(layer.name + ".bias", {layer.outputs}, layer.bias)};
  switch (layer.kind) {
    case ExportLayer::Kind::kConvBlock:
      chain.Add(layer.name, "Conv", constants,
                {Attribute("kernel_shape", std::vector<int64_t>{3, 3}),
                 Attribute("pads", std::vector<int64_t>{1, 1, 1, 1})});
      chain.Add(layer.name + ".relu", "Relu", {}, {});
      chain.Add(layer.name + ".pool", "MaxPool", {},
                {Attribute("kernel_shape", std::vector<int64_t>{2, 2}),
                 Attribute("strides", std::vector<int64_t>{2, 2})});
      break;
    case ExportLayer::Kind::kHidden:
      chain.Add(layer.name, "Gemm", constants, {Attribute("transB", 1)});
      chain.Add(layer.name + ".relu", "Relu", {}, {});
      break;
    case ExportLayer::Kind::kLogits:
      chain.Add("logits", "Gemm", constants, {Attribute("transB", 1)});
      break;
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
  metadata["mean"] = absl::StrFormat("%.9g", info.normalization.mean);
  metadata["std"] = absl::StrFormat("%.9g", info.normalization.std);
  metadata["class_names"] = nlohmann::json(info.class_names).dump();
  return metadata;
}

}  // namespace

std::string OnnxFile(const LoadedModel& loaded, const OnnxOptions& options) {
  const ModelInfo& info = loaded.info;
  Chain chain("images");
  if (options.pixels) AddNormalization(info.normalization, chain);
  bool flat = false;
  for (const ExportLayer& layer : LayersOf(loaded)) {
    if (!layer.convolves() && !flat) {
      chain.Add("flat", "Flatten", {}, {Attribute("axis", 1)});
      flat = true;
    }
    AddLayer(layer, chain);
  }
  chain.graph().Message(field::graph::kInput,
                        ValueInfo("images", options.pixels ? kUint8 : kFloat32,
                                  {1, info.height, info.width}));
  chain.graph().Message(field::graph::kOutput,
                        ValueInfo("logits", kFloat32, {info.classes}));

  ProtobufWriter opset;
  opset.Int(field::opset::kVersion, kOpset);
  ProtobufWriter model;
  model.Int(field::model::kIrVersion, kIrVersion);
  model.Bytes(field::model::kProducerName, "distill");
  model.Message(field::model::kGraph, chain.graph());
  model.Message(field::model::kOpsetImport, opset);
  for (const auto& [key, value] : MetadataOf(info)) {
    model.Message(field::model::kMetadataProps, Entry(key, value));
  }
  return model.bytes();
}

}  // namespace distill
