#include "models/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/any.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/isfinite.h"
#include "ATen/ops/lt.h"
#include "ATen/ops/tensor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/files.h"
#include "base/json.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "models/zoo.h"

namespace distill {
namespace {

struct Dtype {
  const char* name;
  at::ScalarType type;
};

constexpr Dtype kDtypes[] = {{"F32", at::kFloat},     {"F64", at::kDouble},
                             {"F16", at::kHalf},      {"I64", at::kLong},
                             {"BF16", at::kBFloat16}, {"I32", at::kInt},
                             {"U8", at::kByte}};

// In a file; "" if it has none.
const char* NameOf(at::ScalarType type) {
  for (const Dtype& dtype : kDtypes) {
    if (dtype.type == type) return dtype.name;
  }
  return "";
}

// More would be no image and no classifier.
constexpr int64_t kLargestSize = 4096;

// Parameters that need no justification: 4 MB.
constexpr int64_t kSmallModel = 1'000'000;

absl::Status Wrong(const std::string& file, const std::string& found,
                   const std::string& expected) {
  return Unexpected(absl::StatusCode::kDataLoss, file, found, expected,
                    "Take a file that this program wrote, or add what is "
                    "missing (docs/deploy.md).");
}

// Reads the metadata of one file, and keeps the first thing that is wrong.
class Metadata {
 public:
  Metadata(const SafeTensors& file, const std::string& name)
      : metadata_(file.metadata), name_(name) {}

  std::string Text(const std::string& key) {
    const auto found = metadata_.find(key);
    if (found != metadata_.end()) return found->second;
    if (metadata_.count("torchscript") > 0 && status_.ok()) {
      status_ = absl::FailedPreconditionError(absl::StrCat(
          name_, ": found the weights of ", metadata_.at("torchscript"),
          ", without the program; expected a net that is spelled. Pass the "
          "student.pt beside it."));
    }
    Fail(absl::StrCat("no metadata \"", key, "\""), "it");
    return "";
  }
  int64_t Size(const std::string& key) {
    int64_t value = 0;
    const std::string text = Text(key);
    if (!absl::SimpleAtoi(text, &value) || value < 1 || value > kLargestSize) {
      Fail(absl::StrCat("the metadata \"", key, "\" to be \"", text, "\""),
           absl::StrCat("a whole number from 1 to ", kLargestSize));
    }
    return value;
  }
  std::vector<float> Numbers(const std::string& key, int64_t count) {
    const std::string text = Text(key);
    std::vector<float> values;
    for (const absl::string_view word : absl::StrSplit(text, ',')) {
      float value = 0;
      if (!absl::SimpleAtof(word, &value) || !std::isfinite(value)) break;
      values.push_back(value);
    }
    if (static_cast<int64_t>(values.size()) != count ||
        std::count(text.begin(), text.end(), ',') + 1 != count) {
      Fail(absl::StrCat("the metadata \"", key, "\" to be \"", text, "\""),
           count == 1 ? "a finite number"
                      : absl::StrCat(count,
                                     " finite numbers, one a channel, "
                                     "with commas between them"));
    }
    return values;
  }
  std::vector<std::string> Texts(const std::string& key) {
    auto texts = TextsOf(Text(key));
    if (!texts) {
      Fail(absl::StrCat("the metadata \"", key, "\" to be something else"),
           "a JSON array of texts");
    }
    return std::move(texts).value_or(std::vector<std::string>());
  }
  void Fail(const std::string& found, const std::string& expected) {
    if (status_.ok()) status_ = Wrong(name_, found, expected);
  }
  const absl::Status& status() const { return status_; }

 private:
  const std::map<std::string, std::string>& metadata_;
  const std::string& name_;
  absl::Status status_;
};

constexpr const char* kKeys[] = {
    "architecture", "channels",    "height", "width",  "classes",       "mean",
    "std",          "class_names", "resize", "format", "format_version"};

absl::StatusOr<ModelInfo> InfoOf(const SafeTensors& file,
                                 const std::string& name) {
  Metadata metadata(file, name);
  const int64_t version = file.metadata.count("format_version") > 0
                              ? metadata.Size("format_version")
                              : 1;
  if (version > kModelFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        name, ": found a model of the format version ", version,
        "; this program reads versions up to ", kModelFormatVersion,
        ". Take the version of this program that wrote it, or a newer one."));
  }
  ModelInfo info;
  info.architecture = metadata.Text("architecture");
  if (file.metadata.count("channels") > 0) {
    info.image.channels = metadata.Size("channels");
  }
  info.image.height = metadata.Size("height");
  info.image.width = metadata.Size("width");
  info.classes = metadata.Size("classes");
  info.normalization.mean = metadata.Numbers("mean", info.image.channels);
  info.normalization.std = metadata.Numbers("std", info.image.channels);
  info.class_names = metadata.Texts("class_names");
  for (const float std : info.normalization.std) {
    if (std > 0) continue;
    metadata.Fail("a \"std\" that is not above 0", "a deviation");
  }
  if (static_cast<int64_t>(info.class_names.size()) != info.classes) {
    metadata.Fail(absl::StrCat(info.class_names.size(), " class names"),
                  absl::StrCat(info.classes, ", one a class"));
  }
  if (file.metadata.count("resize") > 0) {
    const std::string text = metadata.Text("resize");
    for (const auto& [word, fit] : Fits()) {
      if (text == word) info.fit = fit;
    }
    if (!info.fit) {
      metadata.Fail(
          absl::StrCat("the metadata \"resize\" to be \"", text, "\""),
          "crop, stretch or pad");
    }
  }
  std::set<std::string> names;
  for (const std::string& class_name : info.class_names) {
    if (names.insert(class_name).second) continue;
    metadata.Fail(absl::StrCat("the class name \"", class_name, "\" twice"),
                  "another name for each class");
  }
  if (!metadata.status().ok()) return metadata.status();
  info.notes = file.metadata;
  for (const char* key : kKeys) info.notes.erase(key);
  return info;
}

// Whether names are just numbers in their order.
bool AreNumbers(const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] != absl::StrCat(i)) return false;
  }
  return true;
}

// Copies the tensor into `to`, if it is right for it.
absl::Status Fill(const SafeTensor& tensor, const std::string& file,
                  const at::Tensor& to) {
  const std::string what = absl::StrCat("the tensor \"", tensor.name, "\"");
  const char* const dtype = NameOf(to.scalar_type());
  if (at::IntArrayRef(tensor.shape) != to.sizes() || tensor.dtype != dtype) {
    return Wrong(
        file,
        absl::StrCat(what, " of dtype ", tensor.dtype, " and shape [",
                     absl::StrJoin(tensor.shape, ", "), "]"),
        absl::StrCat(dtype, " of [", absl::StrJoin(to.sizes(), ", "), "]"));
  }
  const at::Tensor values = *FromSafeTensor(tensor);
  if (!at::isfinite(values).all().item<bool>()) {
    return Wrong(file, what + " with a number that is not finite",
                 "finite numbers");
  }
  if (absl::EndsWith(tensor.name, ".running_var") &&
      (values < 0).any().item<bool>()) {
    return Wrong(file, what + " with a negative number",
                 "variances, which are not");
  }
  const at::NoGradGuard no_grad;
  to.copy_(values);
  return absl::OkStatus();
}

}  // namespace

std::string NumbersText(const std::vector<float>& values) {
  // Nine digits give the same float back.
  return absl::StrJoin(values, ",", [](std::string* text, float value) {
    absl::StrAppendFormat(text, "%.9g", value);
  });
}

absl::Status CheckFits(const ModelInfo& info, const Dataset& dataset,
                       const std::string& found) {
  if (dataset.image != info.image) {
    return absl::FailedPreconditionError(absl::StrCat(
        found, " (", dataset.name, ") have ", dataset.image.Describe(),
        " pixels; the model was trained on ", info.image.Describe(),
        ". Pass the data set that it was trained for, or if they are pictures "
        "--image_size=",
        info.image.height, "x", info.image.width, "."));
  }
  if (dataset.classes != info.classes) {
    return absl::FailedPreconditionError(
        absl::StrCat(found, " (", dataset.name, ") have ", dataset.classes,
                     " classes; the model knows ", info.classes,
                     ". Pass the data set that it was trained for."));
  }
  return absl::OkStatus();
}

absl::StatusOr<ClassMatch> MatchClasses(const ModelInfo& info,
                                        const Dataset& dataset,
                                        const std::string& found) {
  ClassMatch match;
  const std::vector<std::string> names = ClassNames(dataset);
  const bool has_names = !dataset.class_names.empty();
  const std::vector<std::string>& own = info.class_names;
  if (own == names) return match;
  std::map<std::string, int64_t> place;
  for (size_t i = 0; i < names.size(); ++i) place[names[i]] = i;
  std::set<int64_t> taken;
  for (const std::string& name : own) {
    const auto at = place.find(name);
    if (at == place.end()) break;
    match.order.push_back(at->second);
    taken.insert(at->second);
  }
  if (taken.size() == names.size()) {
    match.note = absl::StrCat(found, " has the class names of ", dataset.name,
                              " in another order (", absl::StrJoin(own, ", "),
                              "); its outputs are taken by their names");
    return match;
  }
  match.order.clear();
  if (!has_names || AreNumbers(own)) {
    match.note =
        absl::StrCat("the ", has_names ? "model" : "data set",
                     " has numbers in place of class names; the classes of ",
                     found, " are taken in their order");
    return match;
  }
  size_t first = 0;
  while (own[first] == names[first]) ++first;
  return absl::FailedPreconditionError(absl::StrCat(
      found, ": found class ", first, " to be \"", own[first],
      "\"; expected \"", names[first], "\", as in ", dataset.name,
      ". Pass the data set that the model was trained for, or put its "
      "\"class_names\" right (docs/deploy.md)."));
}

void ReorderClasses(const ClassMatch& match, LoadedModel* loaded) {
  if (match.order.empty()) return;
  std::vector<int64_t> source(match.order.size());
  for (size_t i = 0; i < source.size(); ++i) source[match.order[i]] = i;
  const at::NoGradGuard no_grad;
  const int last =
      static_cast<int>(loaded->model->graph().operations.size()) - 1;
  for (const TensorSpec& one : StateOf(loaded->model->graph())) {
    if (one.operation != last) continue;
    const at::Tensor parameter = loaded->model->parameter(one.name);
    const at::Tensor rows =
        at::tensor(source, at::kLong).to(parameter.device());
    parameter.copy_(at::index_select(parameter, 0, rows));
  }
  std::vector<std::string> names;
  names.reserve(source.size());
  for (const int64_t i : source) names.push_back(loaded->info.class_names[i]);
  loaded->info.class_names = std::move(names);
}

SafeTensor ToSafeTensor(const std::string& name, const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().cpu().contiguous();
  SafeTensor result;
  result.name = name;
  result.dtype = NameOf(values.scalar_type());
  TORCH_CHECK(!result.dtype.empty(), name, " is ", values.scalar_type(),
              ", which is not written");
  result.shape = values.sizes().vec();
  result.bytes.assign(static_cast<const char*>(values.const_data_ptr()),
                      values.nbytes());
  return result;
}

absl::StatusOr<at::Tensor> FromSafeTensor(const SafeTensor& tensor) {
  for (const Dtype& dtype : kDtypes) {
    if (tensor.dtype != dtype.name) continue;
    at::Tensor result = at::empty(tensor.shape, dtype.type);
    if (!tensor.bytes.empty()) {
      std::memcpy(result.mutable_data_ptr(), tensor.bytes.data(),
                  tensor.bytes.size());
    }
    return result;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the tensor \"", tensor.name, "\" is ", tensor.dtype,
                   ", which this program does not compute with"));
}

SafeTensors ModelFile(const std::vector<NamedTensor>& state,
                      const ModelInfo& info) {
  SafeTensors file;
  for (const NamedTensor& one : state) {
    file.tensors.push_back(ToSafeTensor(one.name, one.value));
  }
  file.metadata = info.notes;
  file.metadata["architecture"] = info.architecture;
  file.metadata["channels"] = absl::StrCat(info.image.channels);
  file.metadata["height"] = absl::StrCat(info.image.height);
  file.metadata["width"] = absl::StrCat(info.image.width);
  file.metadata["classes"] = absl::StrCat(info.classes);
  file.metadata["mean"] = NumbersText(info.normalization.mean);
  file.metadata["std"] = NumbersText(info.normalization.std);
  file.metadata["class_names"] = JsonText(info.class_names);
  for (const auto& [word, fit] : Fits()) {
    if (info.fit == fit) file.metadata["resize"] = word;
  }
  file.metadata["format"] = "pt";
  file.metadata["format_version"] = absl::StrCat(kModelFormatVersion);
  return file;
}

absl::Status LoadState(const SafeTensors& file, const std::string& name,
                       const std::string& spelling, Classifier* model) {
  const std::vector<NamedTensor> state = model->State();
  size_t left_out = 0;
  for (const NamedTensor& one : state) {
    const SafeTensor* tensor = file.Find(one.name);
    // Nothing is computed with the number of batches, and some files lack it.
    if (tensor == nullptr && absl::EndsWith(one.name, ".num_batches_tracked")) {
      ++left_out;
      continue;
    }
    if (tensor == nullptr) {
      return Wrong(name, absl::StrCat("no tensor \"", one.name, "\""),
                   absl::StrCat("those of ", spelling));
    }
    RETURN_IF_ERROR(Fill(*tensor, name, one.value));
  }
  if (state.size() - left_out != file.tensors.size()) {
    const auto other = std::find_if(
        file.tensors.begin(), file.tensors.end(), [&](const SafeTensor& one) {
          return std::none_of(
              state.begin(), state.end(),
              [&](const NamedTensor& own) { return own.name == one.name; });
        });
    return Wrong(
        name,
        absl::StrCat(file.tensors.size(), " tensors",
                     other == file.tensors.end()
                         ? ""
                         : absl::StrCat(", among them \"",
                                        Printable(other->name), "\"")),
        absl::StrCat("the ", state.size() - left_out, " of ", spelling));
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadedModel> ModelFromFile(const SafeTensors& file,
                                          const std::string& name) {
  LoadedModel loaded;
  ASSIGN_OR_RETURN(auto info, InfoOf(file, name));
  loaded.info = std::move(info);
  const auto graph = ParseModel(name + ": the metadata \"architecture\"",
                                loaded.info.architecture, loaded.info.image,
                                loaded.info.classes);
  if (!graph.ok()) return absl::DataLossError(graph.status().message());
  // Nothing large is allocated on the word of the metadata alone. (Where a
  // small one does not fit, what is missing can be named below.)
  size_t bytes = 0;
  for (const SafeTensor& tensor : file.tensors) bytes += tensor.bytes.size();
  const int64_t parameters = ParameterCount(*graph);
  if (parameters > kSmallModel &&
      static_cast<uint64_t>(parameters) > bytes / sizeof(float)) {
    return Wrong(name, absl::StrCat(bytes, " bytes of tensors"),
                 absl::StrCat("the ", parameters, " parameters of ",
                              loaded.info.architecture));
  }
  Random random(0, "weights that the file replaces");
  loaded.model = std::make_shared<Network>(*graph, random);
  RETURN_IF_ERROR(LoadState(file, name, graph->spelling, loaded.model.get()));
  return loaded;
}

absl::StatusOr<LoadedModel> LoadModel(const std::string& path) {
  ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
  ASSIGN_OR_RETURN(const auto file, ParseSafeTensors(bytes, path));
  auto loaded = ModelFromFile(file, path);
  if (loaded.ok()) loaded->crc32 = Crc32(bytes);
  return loaded;
}

}  // namespace distill
