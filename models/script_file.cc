#include "models/script_file.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/status.h"
#include "data/batches.h"
#include "models/renormalized.h"

namespace distill {
namespace {

// Enough to see whether an answer depends on the other images.
constexpr int64_t kAsked = 8;

// One number a channel; false for anything else.
bool ReadNumbers(absl::string_view text, size_t channels,
                 std::vector<float>* numbers) {
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    numbers->push_back(0);
    if (!absl::SimpleAtof(word, &numbers->back()) ||
        !std::isfinite(numbers->back())) {
      return false;
    }
  }
  if (numbers->size() == 1) numbers->resize(channels, numbers->front());
  return numbers->size() == channels;
}

// What the options say for images of so many channels.
absl::StatusOr<Normalization> NormalizationFor(const ScriptOptions& options,
                                               const std::string& whose,
                                               size_t channels,
                                               const Normalization& usual) {
  const std::string& text = options.normalization;
  if (text.empty()) return usual;
  // The means of ImageNet's training pixels, as torchvision has them. Of grey
  // images those of grey pixels in colour: the means over the channels.
  Normalization result = {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
  if (text == "imagenet" && channels == 3) return result;
  if (text == "imagenet") return Normalization{{0.449f}, {0.226f}};
  result = {{}, {}};
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  if (parts.size() == 2 && ReadNumbers(parts[0], channels, &result.mean) &&
      ReadNumbers(parts[1], channels, &result.std) &&
      std::all_of(result.std.begin(), result.std.end(),
                  [](float std) { return std > 0; })) {
    return result;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--", whose, "_normalization is \"", text,
      "\"; it must be imagenet, or MEAN/STD with one number or ", channels,
      " with commas between them on each side, deviations above 0, like "
      "0.5/0.5"));
}

absl::StatusOr<at::Tensor> FirstImages(const Dataset& data,
                                       const Normalization& normalization) {
  BatchesOptions options;
  options.normalization = normalization;
  std::vector<int64_t> first;
  for (int64_t i = 0; i < kAsked; ++i) first.push_back(i % data.count);
  ASSIGN_OR_RETURN(Dataset some, Select(data, first));
  ASSIGN_OR_RETURN(
      const Batches batches,
      Batches::Create(std::make_shared<const Dataset>(std::move(some)),
                      options));
  return batches.Range(0, kAsked).images;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Script>> OpenScript(const std::string& bytes,
                                                   const std::string& path,
                                                   const ScriptOptions& options,
                                                   const std::string& whose) {
  if (!options.trust) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        ": found a TorchScript file, which is a program and may do whatever "
        "this one may, or another zip archive. If you trust whoever made it, "
        "pass --trust_",
        whose, "_code (docs/security.md)."));
  }
  return Script::Read(bytes, path);
}

absl::Status AskScript(const std::string& path, const ScriptOptions& options,
                       const std::string& whose, const Dataset& data,
                       Script* script) {
  const Normalization usual = NormalizationOf(data);
  ASSIGN_OR_RETURN(
      const Normalization own,
      NormalizationFor(options, whose, data.image.channels, usual));
  ASSIGN_OR_RETURN(const at::Tensor images, FirstImages(data, own));
  RETURN_IF_ERROR(
      script->Ask(images, {options.size, options.batch, whose}, path));
  if (script->classes() == data.classes) return absl::OkStatus();
  return Unexpected(absl::StatusCode::kFailedPrecondition, path,
                    absl::StrCat("logits of ", script->classes(), " classes"),
                    absl::StrCat("the ", data.classes, " of ", data.name),
                    "Pass a model that was trained for these classes.");
}

absl::Status AskScriptToTrain(const std::string& path, const Dataset& data,
                              Script* script) {
  ASSIGN_OR_RETURN(const at::Tensor images,
                   FirstImages(data, NormalizationOf(data)));
  return script->AskToTrain(images, path);
}

absl::StatusOr<std::shared_ptr<Classifier>> FedScript(
    std::shared_ptr<Script> script, const ScriptOptions& options,
    const std::string& whose, const Normalization& fed) {
  ASSIGN_OR_RETURN(const Normalization own,
                   NormalizationFor(options, whose, fed.mean.size(), fed));
  return Renormalize(std::move(script), own, fed);
}

}  // namespace distill
