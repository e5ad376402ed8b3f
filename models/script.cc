#include "models/script.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <set>
#include <sstream>
#include <utility>

#include "ATen/Context.h"
#include "ATen/TensorOperators.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/_upsample_bilinear2d_aa.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/content.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "base/uniform_tensor.h"
#include "models/probabilities.h"
#include "torch/csrc/jit/api/module.h"
#include "torch/csrc/jit/runtime/graph_executor.h"
#include "torch/csrc/jit/serialization/import.h"

namespace distill {

struct Script::Module {
  torch::jit::Module module;
};

namespace {

using absl::StatusCode;

constexpr char kLogits[] = "logits";
constexpr char kHowToSave[] =
    "In Python: torch.jit.script(model.eval()).save(path), or, where nothing "
    "in it depends on the batch, torch.jit.trace(model.eval(), "
    "images).save(path).";

// Numbers of the images in a forward pass, where the user says nothing: 16 MB.
constexpr int64_t kNumbersInAPass = 1 << 22;

// What the interpreter says of an error is a traceback, whose last line has it.
std::string LastLine(const std::exception& error) {
  std::string said = "nothing";
  const std::vector<std::string> lines =
      absl::StrSplit(error.what(), '\n', absl::SkipWhitespace());
  for (const std::string& line : lines) {
    if (absl::StartsWith(line, "Exception raised from")) break;
    if (absl::StartsWith(line, " ")) continue;
    if (&line == &lines[0] || absl::StrContains(lines[0], "interpreter")) {
      said = std::string(absl::StripPrefix(line, "builtins."));
    }
  }
  return said;
}

// Whether a view with all its sizes written down was what failed: one that was
// traced with another batch.
bool HasFixedBatch(const std::string& error) {
  return absl::StrContains(error, "is invalid for input of size") &&
         !absl::StrContains(error, "-1");
}

bool IsOutOfMemory(const std::string& what) {
  return absl::StrContains(what, "can't allocate memory") ||
         absl::StrContains(what, "out of memory");
}

// "Conv2d" of "__torch__.torch.nn.modules.conv.Conv2d".
std::string TypeOf(const torch::jit::Module& module) {
  const auto name = module.type()->name();
  return name ? name->name() : "a module";
}

// Each tensor once, under its first name.
template <typename List>
std::vector<NamedTensor> Distinct(const List& list) {
  std::vector<NamedTensor> result;
  std::set<const void*> seen;
  for (const auto& one : list) {
    if (!seen.insert(one.value.unsafeGetTensorImpl()).second) continue;
    result.push_back({one.name, one.value});
  }
  return result;
}

absl::Status Wrong(StatusCode code, const std::string& name,
                   const std::string& found, const std::string& expected,
                   const std::string& what_to_do) {
  return Unexpected(code, name, found, expected, what_to_do);
}

}  // namespace

Script::Script(std::unique_ptr<Module> module) : module_(std::move(module)) {
  const auto parameters = Distinct(module_->module.named_parameters());
  const bool some_learn = std::any_of(
      parameters.begin(), parameters.end(),
      [](const NamedTensor& one) { return one.value.requires_grad(); });
  for (const NamedTensor& one : parameters) {
    if (one.value.requires_grad() || !some_learn) {
      AddParameter(one.name, one.value);
    } else {
      AddBuffer(one.name, one.value, /*persistent=*/true);
    }
  }
  for (const NamedTensor& one : Distinct(module_->module.named_buffers())) {
    AddBuffer(one.name, one.value, /*persistent=*/true);
  }
  passes_ = AddBuffer("forward passes", at::zeros({}, at::kLong),
                      /*persistent=*/false);
}

Script::~Script() = default;

absl::StatusOr<std::shared_ptr<Script>> Script::Read(const std::string& bytes,
                                                     const std::string& name) {
  const auto wrong = [&](const std::string& found) {
    return Wrong(StatusCode::kDataLoss, name, found, "a TorchScript file",
                 kHowToSave);
  };
  if (!absl::StartsWith(bytes, "PK\3\4")) {
    return wrong(ContentOf(bytes).name);
  }
  if (!absl::StrContains(bytes, "/constants.pkl")) {
    return wrong(absl::StrContains(bytes, "archive_format")
                     ? "what torch.export.save writes"
                 : absl::StrContains(bytes, "serialized_exported_program")
                     ? "what an older torch.export.save writes"
                 : absl::StrContains(bytes, ".npy") ? "a NumPy archive"
                 : absl::StrContains(bytes, "/data.pkl")
                     ? "what torch.save writes, weights without a program"
                     : "another zip archive, or one that is cut off");
  }
  torch::jit::setGraphExecutorOptimize(false);
  auto module = std::make_unique<Module>();
  try {
    std::istringstream stream(bytes);
    module->module = torch::jit::load(stream, at::kCPU);
    for (const auto& list : {Distinct(module->module.named_parameters()),
                             Distinct(module->module.named_buffers())}) {
      for (const NamedTensor& one : list) {
        const at::ScalarType type = one.value.scalar_type();
        if (!at::isFloatingType(type) || type == at::kFloat) continue;
        const at::NoGradGuard no_grad;
        one.value.set_data(one.value.detach().to(at::kFloat));
      }
    }
    if (!module->module.find_method("forward")) {
      return wrong("a program without a method forward");
    }
  } catch (const std::exception& error) {
    return wrong(
        absl::StrCat("one that LibTorch cannot read (", LastLine(error), ")"));
  }
  return std::shared_ptr<Script>(new Script(std::move(module)));
}

at::Tensor Script::Feed(const at::Tensor& images) const {
  at::Tensor fed = images;
  if (channels_ > 0) fed = fed.expand({-1, channels_, -1, -1});
  const int64_t side = feeding_.size;
  if (side == 0 || (fed.size(2) == side && fed.size(3) == side)) return fed;
  return at::_upsample_bilinear2d_aa(fed, {side, side},
                                     /*align_corners=*/false);
}

Outputs Script::Run(const at::Tensor& images,
                    const std::vector<std::string>& features) {
  torch::jit::setGraphExecutorOptimize(false);  // Of this thread.
  const c10::IValue answer = module_->module.forward({Feed(images)});
  Outputs outputs;
  if (answer.isTensor()) {
    TORCH_CHECK(features.empty(), Describe(), " has no features");
    outputs.logits = answer.toTensor().to(at::kFloat);
    return outputs;
  }
  TORCH_CHECK(answer.isGenericDict(), "its forward returns ", answer.tagKind(),
              " and not logits");
  const auto dict = answer.toGenericDict();
  const auto get = [&](const std::string& name) {
    TORCH_CHECK(dict.contains(name), "its forward's dict has no \"", name,
                "\"");
    return dict.at(name).toTensor().to(at::kFloat);
  };
  outputs.logits = get(kLogits);
  for (const std::string& name : features) {
    outputs.features.push_back(get(name));
  }
  return outputs;
}

Outputs Script::Forward(const at::Tensor& images,
                        const std::vector<std::string>& features) {
  if (is_training() && at::GradMode::is_enabled()) {
    // (The mask of a dropout follows from the pass's number, as in Dropout.)
    const int64_t pass = passes_.add_(1).item<int64_t>();
    Random random(seed_, "dropout", pass);
    at::Generator generator =
        at::globalContext().defaultGenerator(images.device());
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(random.Next());
  }
  const int64_t count = images.size(0);
  const int64_t side = feeding_.size;
  const int64_t numbers =
      images.size(1) *
      (side > 0 ? side * side : images.size(2) * images.size(3));
  const int64_t batch = feeding_.batch > 0
                            ? feeding_.batch
                            : std::max<int64_t>(kNumbersInAPass / numbers, 1);
  // A loop over the batch that was traced answers for the traced one alone.
  const auto run = [&](const at::Tensor& part) {
    Outputs outputs = Run(part, features);
    TORCH_CHECK(
        outputs.logits.dim() == 2 && outputs.logits.size(0) == part.size(0),
        "found answers [", absl::StrJoin(outputs.logits.sizes(), ", "),
        "] about ", part.size(0),
        " images; expected a row for each. What was traced with one number of "
        "images may know no other: save it with torch.jit.script");
    return outputs;
  };
  try {
    if (at::GradMode::is_enabled() || count <= batch) return run(images);
    std::vector<std::vector<at::Tensor>> parts(features.size() + 1);
    for (int64_t first = 0; first < count; first += batch) {
      Outputs part =
          run(images.narrow(0, first, std::min(batch, count - first)));
      parts[0].push_back(std::move(part.logits));
      for (size_t i = 0; i < features.size(); ++i) {
        parts[i + 1].push_back(std::move(part.features[i]));
      }
    }
    Outputs outputs;
    outputs.logits = at::cat(parts[0]);
    for (size_t i = 1; i < parts.size(); ++i) {
      outputs.features.push_back(at::cat(parts[i]));
    }
    return outputs;
  } catch (const std::exception& error) {
    TORCH_CHECK_WITH(OutOfMemoryError, !IsOutOfMemory(error.what()),
                     LastLine(error), ", in a forward pass of ",
                     std::min(batch, count), " images through ", Describe(),
                     feeding_.whose.empty()
                         ? std::string()
                         : absl::StrCat("; fewer at a time need less (--",
                                        feeding_.whose, "_batch)"));
    TORCH_CHECK(false, LastLine(error), ", in the forward pass of ",
                Describe());
  }
}

absl::Status Script::Ask(const at::Tensor& images, const ScriptFeeding& feeding,
                         const std::string& name) {
  // (A run beside this one may be asking it for answers.)
  if (images.sizes() == asked_ && feeding.size == feeding_.size &&
      feeding.batch == feeding_.batch && feeding.whose == feeding_.whose) {
    return absl::OkStatus();
  }
  feeding_ = feeding;
  const auto wrong = [&](const std::string& found, const std::string& expected,
                         const std::string& what_to_do) {
    return Wrong(StatusCode::kFailedPrecondition, name, found, expected,
                 what_to_do);
  };
  const at::NoGradGuard no_grad;
  const bool was_training = is_training();
  eval();
  std::vector<at::Tensor> kept;
  for (const NamedTensor& one : named_buffers()) {
    kept.push_back(one.value.clone());
  }
  // The answers about the first half, among two kinds of others.
  const int64_t half = images.size(0) / 2;
  const at::Tensor others = images.clone();
  others.narrow(0, half, images.size(0) - half).neg_();
  at::Tensor first, second;
  std::string refused;
  const std::vector<int64_t> tries = images.size(1) == 1
                                         ? std::vector<int64_t>{0, 3}
                                         : std::vector<int64_t>{0};
  for (const int64_t channels : tries) {
    channels_ = channels;
    try {
      first = Run(images, {}).logits;
      second = Run(others, {}).logits;
      refused.clear();
      break;
    } catch (const std::exception& error) {
      if (refused.empty()) refused = LastLine(error);
    }
  }
  if (!refused.empty()) {
    return wrong(absl::StrCat("a program that fails with images [",
                              absl::StrJoin(images.sizes(), ", "), "]",
                              feeding.size > 0
                                  ? absl::StrCat(" scaled to ", feeding.size,
                                                 " x ", feeding.size)
                                  : "",
                              " (", refused, ")"),
                 "logits [batch, classes] for them",
                 feeding.whose.empty() || HasFixedBatch(refused) ||
                         !(absl::StrContains(refused, "size") ||
                           absl::StrContains(refused, "shape"))
                     ? kHowToSave
                     : absl::StrCat("If it wants other images, say so: --",
                                    feeding.whose, "_size=224."));
  }
  if (first.dim() != 2 || first.size(0) != images.size(0) ||
      first.size(1) < 2 || !first.is_floating_point()) {
    return wrong(absl::StrCat("answers [", absl::StrJoin(first.sizes(), ", "),
                              "] of ", toString(first.scalar_type()), " about ",
                              images.size(0), " images"),
                 "logits [batch, classes]", kHowToSave);
  }
  first = first.to(at::kFloat);
  second = second.to(at::kFloat);
  if (!first.isfinite().all().item<bool>()) {
    return wrong("logits that are not finite numbers", "finite ones",
                 "Look at its weights, and at how its pixels are normalised.");
  }
  // (Rounding may differ with the size of a batch, and with nothing else.)
  const at::Tensor far =
      (first.narrow(0, 0, half) - second.narrow(0, 0, half)).abs().amax();
  const double scale = first.abs().amax().item<double>() + 1e-6;
  const bool differ = far.item<double>() > 1e-3 * scale;
  bool changed = false;
  for (size_t i = 0; i < kept.size(); ++i) {
    const at::Tensor& buffer = named_buffers()[i].value;
    if (buffer.equal(kept[i])) continue;
    changed = true;
    buffer.copy_(kept[i]);
  }
  if (differ || changed) {
    return wrong(
        absl::StrCat("a program that ",
                     differ ? "gives two answers about the same images among "
                              "different others"
                            : "changes its buffers when it is asked",
                     ", as one that was traced in train mode does"),
        "answers about each image alone, and always the same", kHowToSave);
  }
  // (A student has not learnt yet.)
  const std::string no_logits = NoLogits(first);
  if (!no_logits.empty() &&
      (!feeding.whose.empty() || no_logits == "probabilities")) {
    return wrong(no_logits, "logits, which are not normalised",
                 "Save the model without its last softmax or sigmoid.");
  }
  classes_ = first.size(1);
  features_.clear();
  const c10::IValue answer = module_->module.forward({Feed(images)});
  if (answer.isGenericDict()) {
    for (const auto& entry : answer.toGenericDict()) {
      if (!entry.key().isString() || !entry.value().isTensor()) continue;
      const at::Tensor value = entry.value().toTensor();
      if (entry.key().toStringRef() == kLogits || value.dim() < 2) continue;
      features_.push_back({entry.key().toStringRef(),
                           {value.sizes().begin() + 1, value.sizes().end()}});
    }
  }
  train(was_training);
  asked_ = images.sizes().vec();
  return absl::OkStatus();
}

void Script::train(bool on) {
  Classifier::train(on);
  module_->module.train(on);
}

std::string Script::Describe() const {
  return absl::StrCat("TorchScript ", Printable(TypeOf(module_->module)));
}

int64_t Script::ParameterCount() const {
  int64_t count = 0;
  for (const NamedTensor& one : Distinct(module_->module.named_parameters())) {
    count += one.value.numel();
  }
  return count;
}

absl::Status Script::AskToTrain(const at::Tensor& images,
                                const std::string& name) {
  const auto wrong = [&](const std::string& found, const std::string& expected,
                         const std::string& what_to_do) {
    return Wrong(StatusCode::kFailedPrecondition, name, found, expected,
                 what_to_do);
  };
  std::vector<at::Tensor> kept;
  for (const NamedTensor& one : State()) {
    kept.push_back(one.value.detach().clone());
  }
  train(true);
  try {
    Forward(images, {}).logits.square().sum().backward();
  } catch (const std::exception& error) {
    return wrong(absl::StrCat("a program that cannot be trained (",
                              LastLine(error), ")"),
                 "parameters that learn", kHowToSave);
  }
  for (const NamedTensor& one : named_parameters()) {
    if (one.value.grad().defined()) continue;
    return wrong(absl::StrCat("the parameter \"", Printable(one.name),
                              "\", which the logits do not depend on"),
                 "parameters that learn",
                 "Take it out, or say that it does not learn: "
                 "requires_grad_(False).");
  }
  for (at::Tensor& parameter : parameters()) {
    parameter.mutable_grad() = at::Tensor();
  }
  bool changed = false, has_batch_norm = false;
  const std::vector<NamedTensor> state = State();
  for (size_t i = 0; i < state.size(); ++i) {
    changed |= !state[i].value.equal(kept[i]);
    has_batch_norm |= absl::EndsWith(state[i].name, "running_mean");
  }
  if (has_batch_norm && !changed) {
    return wrong(
        "batch norm that stays in eval mode when it is trained, as that of a "
        "traced module does",
        "a scripted module", "In Python: torch.jit.script(model).save(path).");
  }
  return absl::OkStatus();
}

bool Script::LearnsFromOne(const ImageSpec& image) {
  train(true);
  try {
    Forward(at::zeros({1, image.channels, image.height, image.width}), {});
  } catch (const std::exception&) {
    return false;
  }
  // (LibTorch's own call gives a running variance of 0 / 0.)
  const std::vector<NamedTensor> buffers = named_buffers();
  return std::all_of(buffers.begin(), buffers.end(),
                     [](const NamedTensor& one) {
                       return one.value.isfinite().all().item<bool>();
                     });
}

std::string Script::Write() {
  to(at::kCPU);
  eval();
  std::ostringstream stream;
  module_->module.save(stream);
  return stream.str();
}

absl::Status Script::Reset(uint64_t seed, const std::string& name) {
  const at::NoGradGuard no_grad;
  Random random(seed, "student's weights");
  std::set<const void*> learn, drawn;
  for (const at::Tensor& parameter : parameters()) {
    learn.insert(parameter.unsafeGetTensorImpl());
  }
  for (const auto& [path, module] : module_->module.named_modules()) {
    const std::string type = TypeOf(module);
    const bool is_norm = absl::StrContains(type, "Norm");
    const bool is_known =
        is_norm || type == "Linear" || absl::StartsWith(type, "Conv");
    double bound = 0;
    for (const auto& one : module.named_parameters(/*recurse=*/false)) {
      const at::Tensor& value = one.value;
      if (learn.count(value.unsafeGetTensorImpl()) == 0 ||
          !drawn.insert(value.unsafeGetTensorImpl()).second) {
        continue;
      }
      if (!is_known || absl::StrContains(type, "Transpose")) {
        return Wrong(
            StatusCode::kFailedPrecondition, name,
            absl::StrCat("the parameter \"", path, path.empty() ? "" : ".",
                         one.name, "\" of ", Printable(type)),
            "convolutions, fully connected layers and norms",
            "Leave --reset_parameters out: all seeds then begin with "
            "the file's weights.");
      }
      if (is_norm) {
        value.fill_(one.name == "weight" ? 1 : 0);
        continue;
      }
      // PyTorch's defaults: both uniform within 1 / sqrt(fan-in).
      if (value.dim() > 1) {
        bound = 1 / std::sqrt(static_cast<double>(value[0].numel()));
      }
      value.copy_(UniformTensor(value.sizes(), bound, random));
    }
    for (const auto& one : module.named_buffers(/*recurse=*/false)) {
      if (is_norm) one.value.fill_(one.name == "running_var" ? 1 : 0);
    }
  }
  return absl::OkStatus();
}

}  // namespace distill
