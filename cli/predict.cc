#include "cli/predict.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <system_error>
#include <utility>

#include "ATen/core/Tensor.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/empty.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/files.h"
#include "base/status.h"
#include "base/text.h"
#include "data/digit.h"
#include "data/formats/idx.h"
#include "data/image.h"
#include "models/weights.h"
#include "nlohmann/json.hpp"

namespace distill {
namespace {

// Keeps the order in which fields are added, which is the order to read them.
using Json = nlohmann::ordered_json;

constexpr size_t kBatch = 256;
constexpr int64_t kDefaultImages = 10;  // Of an IDX file.
constexpr int64_t kShownClasses = 3;
// A picture's file with more than two bytes for each pixel that is allowed.
constexpr uintmax_t kMaxFileSize = uintmax_t{1} << 28;

// An image to predict, or why there is none.
struct Input {
  std::string file;
  int64_t index = -1;  // In its IDX file; -1 for a picture.
  absl::Status status;
  std::vector<uint8_t> pixels;  // [channels, height, width], if ok.

  std::string Name() const {
    return index < 0 ? file : absl::StrCat(file, "[", index, "]");
  }
};

// Prints what the model takes images for, some at a time.
class Predictor {
 public:
  Predictor(const PredictOptions& options, const LoadedModel& model,
            std::ostream& out, std::ostream& err)
      : options_(options), model_(model), out_(out), err_(err) {
    model_.model->eval();
  }

  void Add(Input input) {
    inputs_.push_back(std::move(input));
    if (inputs_.size() >= kBatch) Flush();
  }
  void Flush() {
    const at::Tensor logits = Logits();
    int64_t row = 0;
    for (const Input& input : inputs_) {
      if (!input.status.ok()) {
        Fail(input);
        continue;
      }
      const float* values =
          logits.const_data_ptr<float>() + row++ * model_.info.classes;
      Print(input, {values, values + model_.info.classes});
    }
    out_.flush();
    inputs_.clear();
  }
  bool failed() const { return failed_; }

 private:
  // [images that are ok, classes]
  at::Tensor Logits() const {
    const ModelInfo& info = model_.info;
    const auto count =
        std::count_if(inputs_.begin(), inputs_.end(),
                      [](const Input& input) { return input.status.ok(); });
    at::Tensor images = at::empty(
        {count, info.image.channels, info.image.height, info.image.width});
    float* to = images.mutable_data_ptr<float>();
    for (const Input& input : inputs_) {
      for (size_t i = 0; i < input.pixels.size(); ++i) {
        const size_t channel = i / info.image.plane();
        *to++ = (static_cast<float>(input.pixels[i]) / 255 -
                 info.normalization.mean[channel]) /
                info.normalization.std[channel];
      }
    }
    if (count == 0) return images;
    const at::NoGradGuard no_grad;
    return model_.model->Logits(images).contiguous();
  }

  void Print(const Input& input, const std::vector<float>& logits) {
    const std::vector<double> probabilities = Softmax(logits);
    std::vector<size_t> order(logits.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return logits[a] > logits[b]; });
    order.resize(std::min<size_t>(order.size(), kShownClasses));
    if (options_.json) {
      PrintJson(input, logits, probabilities, order);
      return;
    }
    if (options_.show) out_ << Blocks(input.pixels, model_.info.image.width);
    out_ << Printable(input.Name()) << ":";
    const char* separator = " ";
    for (const size_t i : order) {
      out_ << separator << Printable(model_.info.class_names[i])
           << absl::StrFormat(" (%.1f %%)", 100 * probabilities[i]);
      separator = ", ";
    }
    out_ << "\n";
  }

  void PrintJson(const Input& input, const std::vector<float>& logits,
                 const std::vector<double>& probabilities,
                 const std::vector<size_t>& order) {
    Json json = FileJson(input);
    json["class"] = model_.info.class_names[order[0]];
    json["top"] = Json::array();
    for (const size_t i : order) {
      json["top"].push_back({{"class", model_.info.class_names[i]},
                             {"probability", probabilities[i]}});
    }
    json["logits"] = logits;
    PrintLine(json);
  }

  void Fail(const Input& input) {
    failed_ = true;
    const std::string message(input.status.message());
    err_ << "predict: " << Printable(message) << std::endl;
    if (!options_.json) return;
    Json json = FileJson(input);
    json["error"] = message;
    PrintLine(json);
  }

  static Json FileJson(const Input& input) {
    Json json = {{"file", input.file}};
    if (input.index >= 0) json["index"] = input.index;
    return json;
  }

  // What is not UTF-8 (a path can be anything) is replaced.
  void PrintLine(const Json& json) {
    out_ << json.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  }

  static std::vector<double> Softmax(const std::vector<float>& logits) {
    const double most = *std::max_element(logits.begin(), logits.end());
    std::vector<double> result;
    result.reserve(logits.size());
    for (const float logit : logits) result.push_back(std::exp(logit - most));
    const double sum = std::accumulate(result.begin(), result.end(), 0.);
    for (double& value : result) value /= sum;
    return result;
  }

  // Two blocks a pixel: characters are twice as high as wide.
  static std::string Blocks(const std::vector<uint8_t>& pixels, int64_t width) {
    constexpr const char* kShades[] = {"  ", "░░", "▒▒", "▓▓", "██"};
    std::string text;
    for (size_t i = 0; i < pixels.size(); ++i) {
      text += kShades[(pixels[i] * 4 + 127) / 255];
      if ((i + 1) % static_cast<size_t>(width) == 0) text += "\n";
    }
    return text;
  }

  const PredictOptions& options_;
  const LoadedModel& model_;
  std::ostream& out_;
  std::ostream& err_;
  std::vector<Input> inputs_;
  bool failed_ = false;
};

absl::Status WrongSize(const std::string& name, const ImageSpec& found,
                       const ModelInfo& info, const std::string& advice) {
  return Unexpected(
      absl::StatusCode::kInvalidArgument, name,
      absl::StrCat("an image of ", found.Describe(), " (rows x columns)"),
      absl::StrCat(info.image.Describe(), ", the model's size"), advice);
}

absl::StatusOr<std::vector<uint8_t>> ReadPicture(const std::string& path,
                                                 bool raw,
                                                 const ModelInfo& info) {
  ASSIGN_OR_RETURN(auto bytes, ReadFile(path));
  ASSIGN_OR_RETURN(auto image, DecodeImage(bytes, path, 1));
  if (raw) {
    const ImageSpec found = {1, image.height, image.width};
    if (found == info.image) return std::move(image.pixels);
    return WrongSize(path, found, info, "Scale it, or leave --raw out.");
  }
  if (info.image != ImageSpec{1, kDigitSize, kDigitSize}) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": found a model for images of ", info.image.Describe(),
        "; expected 28 x 28 to prepare a picture for. Pass one of the model's "
        "own size with --raw."));
  }
  auto digit = PrepareDigit(image);
  if (digit.ok()) return digit;
  return absl::Status(digit.status().code(),
                      absl::StrCat(path, ": ", digit.status().message()));
}

// What of IDX files is to be predicted.
absl::Status AddIdx(const std::string& path, const PredictOptions& options,
                    const ModelInfo& info, Predictor* predictor) {
  ASSIGN_OR_RETURN(const auto array, ReadIdx(path));
  if (array.dims.size() != 3) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, path,
        absl::StrCat("an IDX file of ", array.dims.size(), " dimensions"),
        "3: images, rows, columns",
        "Name the file with the images (...-images-idx3-ubyte).");
  }
  const ImageSpec found = {1, array.dims[1], array.dims[2]};
  if (found != info.image) {
    return WrongSize(path, found, info,
                     "Take the data set that the model was trained on.");
  }
  std::vector<IndexRange> ranges = {
      {0, std::min(kDefaultImages, array.dims[0]) - 1}};
  if (!options.index.empty()) ranges = *ParseIndex(options.index);
  for (const IndexRange& range : ranges) {
    if (range.last >= array.dims[0]) {
      return absl::OutOfRangeError(absl::StrCat(
          path, ": found ", array.dims[0], " images; expected image ",
          range.last, ", which --index=", options.index,
          " asks for. The last is ", array.dims[0] - 1, "."));
    }
  }
  const int64_t size = info.image.size();
  for (const IndexRange& range : ranges) {
    for (int64_t i = range.first; i <= range.last; ++i) {
      const auto begin = array.values.begin() + i * size;
      predictor->Add({path, i, absl::OkStatus(), {begin, begin + size}});
    }
  }
  return absl::OkStatus();
}

// Refuses what cannot be read to an end.
absl::Status CheckFile(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) &&
      !std::filesystem::is_regular_file(status)) {
    return Unexpected(absl::StatusCode::kInvalidArgument, path,
                      std::filesystem::is_directory(status)
                          ? "a folder"
                          : "a device, pipe or socket",
                      "a file", "Name the files themselves.");
  }
  return absl::OkStatus();
}

// Whether a file starts as an IDX file or a gzip file does, and no picture.
bool LooksLikeIdx(const std::string& path) {
  char start[2] = {1, 1};
  std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  return (start[0] == 0 && start[1] == 0) ||
         (start[0] == '\x1f' && start[1] == '\x8b');
}

absl::Status AddFile(const std::string& path, const PredictOptions& options,
                     const ModelInfo& info, Predictor* predictor) {
  const absl::Status file = CheckFile(path);
  if (!file.ok()) return file;
  if (LooksLikeIdx(path)) return AddIdx(path, options, info, predictor);
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > kMaxFileSize) {
    return Unexpected(absl::StatusCode::kInvalidArgument, path,
                      absl::StrCat("a file of ", size, " bytes"),
                      absl::StrCat("an image of at most ", kMaxFileSize),
                      "Make the picture smaller.");
  }
  ASSIGN_OR_RETURN(auto pixels, ReadPicture(path, options.raw, info));
  predictor->Add({path, -1, absl::OkStatus(), std::move(pixels)});
  return absl::OkStatus();
}

// --index is for IDX files and --raw for pictures: with none of these among the
// files they would change nothing.
absl::Status CheckKinds(const PredictOptions& options) {
  bool idx = false, pictures = false;
  for (const std::string& path : options.files) {
    if (!IsThere(path)) return absl::OkStatus();  // It might be either.
    const bool is_idx = CheckFile(path).ok() && LooksLikeIdx(path);
    (is_idx ? idx : pictures) = true;
  }
  if (!options.index.empty() && !idx) {
    return absl::InvalidArgumentError(
        "--index is given, and no file is an IDX file; it chooses images of "
        "those alone. Leave it out");
  }
  if (options.raw && !pictures) {
    return absl::InvalidArgumentError(
        "--raw is given, and all files are IDX files, which are always fed as "
        "they are. Leave it out");
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const PredictOptions& options) {
  if (options.model.empty()) {
    return absl::InvalidArgumentError(
        "--model is missing; it must be a student's file, like "
        "--model=student.safetensors");
  }
  if (options.files.empty()) {
    return absl::InvalidArgumentError(
        "no files; name images (PNG, JPEG, PGM, PPM) or IDX files behind the "
        "flags");
  }
  if (options.json && options.show) {
    return absl::InvalidArgumentError(
        "--show prints blocks and --json nothing but JSON; leave one out");
  }
  if (!options.index.empty()) {
    RETURN_IF_ERROR(ParseIndex(options.index).status());
  }
  return CheckKinds(options);
}

}  // namespace

absl::StatusOr<std::vector<IndexRange>> ParseIndex(const std::string& text) {
  std::vector<IndexRange> ranges;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    IndexRange range;
    if (ends.size() > 2 || !absl::SimpleAtoi(ends.front(), &range.first) ||
        !absl::SimpleAtoi(ends.back(), &range.last) || range.first < 0 ||
        range.last < range.first) {
      return absl::InvalidArgumentError(
          absl::StrCat("--index is \"", text,
                       "\"; it must be numbers from 0 on, or ranges, "
                       "with commas between them, like 7 or 0-9 or 3,10-12"));
    }
    ranges.push_back(range);
  }
  return ranges;
}

int RunPredict(const PredictOptions& options, std::ostream& out,
               std::ostream& err) {
  const absl::Status checked = CheckOptions(options);
  if (!checked.ok()) {
    err << "predict: " << Printable(std::string(checked.message()))
        << std::endl;
    return 2;
  }
  const auto model = LoadModel(options.model);
  if (!model.ok()) {
    err << "predict: " << Printable(std::string(model.status().message()))
        << std::endl;
    return 1;
  }
  Predictor predictor(options, *model, out, err);
  for (const std::string& path : options.files) {
    const absl::Status added = AddFile(path, options, model->info, &predictor);
    if (!added.ok()) predictor.Add({path, -1, added, {}});
  }
  predictor.Flush();
  return predictor.failed() ? 1 : 0;
}

}  // namespace distill
