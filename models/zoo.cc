#include "models/zoo.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace distill {
namespace {

using Kind = Operation::Kind;

struct Name {
  const char* name;
  const char* spelling;
  const char* source;
};

// In the order in which the help lists them.
constexpr Name kNames[] = {
    {"spec_teacher", kTeacherModel, "the specification"},
    {"spec_student", kStudentModel, "the specification"},
    {"hinton_teacher", "mlp:1200,1200", "Hinton 2015, section 3"},
    {"hinton_student", "mlp:800,800", "Hinton 2015, section 3"},
    {"resnet8", "resnet:1x16,1x32,1x64", "He 2015, section 4.2"},
    {"resnet14", "resnet:2x16,2x32,2x64", "He 2015"},
    {"resnet20", "resnet:3x16,3x32,3x64", "He 2015"},
    {"resnet32", "resnet:5x16,5x32,5x64", "He 2015"},
    {"resnet44", "resnet:7x16,7x32,7x64", "He 2015"},
    {"resnet56", "resnet:9x16,9x32,9x64", "He 2015"},
    {"resnet110", "resnet:18x16,18x32,18x64", "He 2015"},
};

// More would be a mistake of the hand.
constexpr int64_t kLargestSize = 65536;

// Of a residual net: a short word can say many.
constexpr int64_t kMostBlocks = 1000;

// Appends the size that `word` is to `sizes`; false if it is none.
bool AddSize(absl::string_view word, std::vector<int64_t>* sizes) {
  int64_t size = 0;
  // SimpleAtoi takes blanks and signs, too.
  for (char c : word) {
    if (c < '0' || c > '9') return false;
  }
  if (!absl::SimpleAtoi(word, &size) || size < 1 || size > kLargestSize) {
    return false;
  }
  sizes->push_back(size);
  return true;
}

absl::Status Wrong(const std::string& flag, const std::string& spelling,
                   const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(
      flag, " is \"", spelling, "\"", what, ". It must be ", ModelHelp()));
}

// A graph while operations are added. Each takes what the last one made, unless
// it is given another's index.
class Builder {
 public:
  explicit Builder(const ImageSpec& image) { graph_.image = image; }

  int Convolution(const std::string& name, int64_t channels, int64_t kernel,
                  int64_t stride, bool bias, int64_t groups = 1,
                  std::vector<int> inputs = {}) {
    Operation conv = {Kind::kConvolution, name, std::move(inputs)};
    conv.outputs = channels;
    conv.kernel = kernel;
    conv.stride = stride;
    conv.padding = kernel / 2;
    conv.groups = groups;
    conv.bias = bias;
    return graph_.Append(conv);
  }
  int Add(Kind kind, const std::string& name, const std::string& feature = "",
          std::vector<int> inputs = {}) {
    return graph_.Append({kind, name, std::move(inputs), feature});
  }
  // Convolution without bias, batch norm, and ReLU if it has a name.
  int Normalized(const std::string& conv, const std::string& norm,
                 const std::string& relu, int64_t channels, int64_t kernel,
                 int64_t stride, int64_t groups = 1,
                 const std::string& feature = "",
                 std::vector<int> inputs = {}) {
    Convolution(conv, channels, kernel, stride, /*bias=*/false, groups,
                std::move(inputs));
    const int last = Add(Kind::kBatchNorm, norm);
    return relu.empty() ? last : Add(Kind::kRelu, relu, feature);
  }
  int Pool(const std::string& name, const std::string& feature) {
    Operation pool = {Kind::kMaxPool, name, {}, feature};
    pool.kernel = pool.stride = 2;
    return graph_.Append(pool);
  }
  int ZeroPadShortcut(const std::string& name, int from, int64_t channels,
                      int64_t stride) {
    Operation shortcut = {Kind::kZeroPadShortcut, name, {from}};
    shortcut.outputs = channels;
    shortcut.stride = stride;
    return graph_.Append(shortcut);
  }
  int Linear(const std::string& name, int64_t outputs) {
    Operation linear = {Kind::kLinear, name};
    linear.outputs = outputs;
    return graph_.Append(linear);
  }
  void Dropout(const std::string& name, double rate) {
    Operation drops = {Kind::kDropout, name};
    drops.rate = rate;
    graph_.Append(drops);
  }
  // Of each channel the mean, then the logits.
  void Head(const std::string& name, int64_t classes) {
    Add(Kind::kGlobalAveragePool, "pool");
    Add(Kind::kFlatten, "flat");
    Linear(name, classes);
  }

  int last() const { return static_cast<int>(graph_.operations.size()) - 1; }
  Graph Take() { return std::move(graph_); }

 private:
  Graph graph_;
};

using Words = std::vector<std::string>;

// What follows builds a family, and returns what is wrong with the spelling, to
// follow it: ", in which ..."; empty if nothing is.

std::string NoSize(const std::string& word, const char* form) {
  return absl::StrCat(", in which \"", word, "\" is not ", form,
                      " with sizes from 1 to ", kLargestSize);
}

// The sizes of "3x16"; false if they are not as many.
bool Sizes(absl::string_view word, size_t count, std::vector<int64_t>* sizes) {
  sizes->clear();
  for (const absl::string_view part : absl::StrSplit(word, 'x')) {
    if (!AddSize(part, sizes)) return false;
  }
  return sizes->size() == count;
}

// Blocks of convolution 3x3, batch norm if it is asked for, ReLU and pooling,
// then hidden layers.
std::string BuildPlain(const Words& words, bool cnn, int64_t classes,
                       double dropout, Builder& net) {
  int blocks = 0, hidden = 0;
  bool flat = false;
  for (const std::string& word : words) {
    absl::string_view rest = word;
    std::vector<int64_t> size;
    const bool connects = !cnn || absl::ConsumePrefix(&rest, "fc");
    const bool normalizes = !connects && absl::ConsumeSuffix(&rest, "b");
    if (!connects && flat) {
      return absl::StrCat(", in which the block \"", word,
                          "\" comes after a hidden layer");
    }
    if (!Sizes(rest, 1, &size)) {
      return absl::StrCat(", in which \"", word, "\" is not a size from 1 to ",
                          kLargestSize);
    }
    if (!connects) {
      const std::string name = absl::StrCat("conv", ++blocks);
      net.Convolution(name, size[0], 3, 1, /*bias=*/!normalizes);
      if (normalizes) net.Add(Kind::kBatchNorm, absl::StrCat("bn", blocks));
      net.Add(Kind::kRelu, name + ".relu");
      net.Pool(name + ".pool", name);
      continue;
    }
    if (!flat) net.Add(Kind::kFlatten, "flat");
    flat = true;
    const std::string name = absl::StrCat("fc", ++hidden);
    net.Linear(name, size[0]);
    net.Add(Kind::kRelu, name + ".relu", name);
    if (dropout != 0) net.Dropout(name + ".dropout", dropout);
  }
  if (cnn && blocks == 0) return ", which has no block (mlp: is for that)";
  if (!flat) net.Add(Kind::kFlatten, "flat");
  net.Linear(absl::StrCat("fc", hidden + 1), classes);
  return "";
}

// He et al. 2015, section 4.2, with shortcuts of option A, or of option B if
// the last word is "b". The names are those that PyTorch's users give them.
std::string BuildResNet(Words words, int64_t classes, Builder& net) {
  const bool projects = words.size() > 1 && words.back() == "b";
  if (projects) words.pop_back();
  std::vector<int64_t> size;  // Blocks, channels.
  if (!Sizes(words[0], 2, &size)) return NoSize(words[0], "BLOCKSxCHANNELS");
  int64_t channels = size[1], blocks = 0;
  net.Normalized("conv1", "bn1", "relu1", channels, 3, 1);
  for (size_t group = 1; group <= words.size(); ++group) {
    if (!Sizes(words[group - 1], 2, &size)) {
      return NoSize(words[group - 1], "BLOCKSxCHANNELS");
    }
    blocks += size[0];
    if (blocks > kMostBlocks) {
      return absl::StrCat(", which has more than ", kMostBlocks, " blocks");
    }
    if (!projects && (size[1] < channels || (size[1] - channels) % 2 != 0)) {
      return absl::StrCat(", in which \"", words[group - 1],
                          "\" has fewer, or "
                          "an odd number more, channels than the ",
                          channels, " before it (b at the end projects them)");
    }
    for (int64_t i = 0; i < size[0]; ++i) {
      const std::string name = absl::StrCat("layer", group, ".", i, ".");
      const int64_t stride = group > 1 && i == 0 ? 2 : 1;
      const int from = net.last();
      int shortcut = from;
      if (stride != 1 || channels != size[1]) {
        if (projects) {
          net.Convolution(name + "shortcut.0", size[1], 1, stride,
                          /*bias=*/false, 1, {from});
          shortcut = net.Add(Kind::kBatchNorm, name + "shortcut.1");
        } else {
          shortcut =
              net.ZeroPadShortcut(name + "shortcut", from, size[1], stride);
        }
      }
      net.Normalized(name + "conv1", name + "bn1", name + "relu1", size[1], 3,
                     stride, 1, "", {from});
      const int body =
          net.Normalized(name + "conv2", name + "bn2", "", size[1], 3, 1);
      net.Add(Kind::kAdd, name + "add", "", {body, shortcut});
      net.Add(Kind::kRelu, name + "relu2",
              i + 1 == size[0] ? absl::StrCat("layer", group) : "");
      channels = size[1];
    }
  }
  net.Head("linear", classes);
  return "";
}

// Zagoruyko and Komodakis 2016: batch norm and ReLU come before convolutions.
std::string BuildWide(const Words& words, int64_t classes, Builder& net) {
  std::vector<int64_t> depth, width;
  if (words.size() != 2 || !Sizes(words[0], 1, &depth) ||
      !Sizes(words[1], 1, &width) || depth[0] < 10 || depth[0] % 6 != 4 ||
      depth[0] > 1000 || width[0] > 64) {
    return ", which is not a depth of 10, 16, 22, 28, ... and a width of up to "
           "64";
  }
  net.Convolution("conv1", 16, 3, 1, /*bias=*/false);
  int64_t channels = 16;
  for (int group = 1; group <= 3; ++group) {
    const int64_t outputs = width[0] * 16 << (group - 1);
    for (int64_t i = 0; i < (depth[0] - 4) / 6; ++i) {
      const std::string name = absl::StrCat("block", group, ".layer.", i, ".");
      const int64_t stride = group > 1 && i == 0 ? 2 : 1;
      const int from = net.last();
      net.Add(Kind::kBatchNorm, name + "bn1");
      const int active = net.Add(Kind::kRelu, name + "relu1");
      net.Normalized(name + "conv1", name + "bn2", name + "relu2", outputs, 3,
                     stride);
      const int body =
          net.Convolution(name + "conv2", outputs, 3, 1, /*bias=*/false);
      const int shortcut =
          channels == outputs && stride == 1
              ? from
              : net.Convolution(name + "convShortcut", outputs, 1, stride,
                                /*bias=*/false, 1, {active});
      net.Add(Kind::kAdd, name + "add", absl::StrCat("block", group, ".", i),
              {body, shortcut});
      channels = outputs;
    }
  }
  net.Add(Kind::kBatchNorm, "bn1");
  net.Add(Kind::kRelu, "relu1");
  net.Head("fc", classes);
  return "";
}

// A convolution 3x3, then blocks: depthwise-separable ones of MobileNetV1
// (Howard et al. 2017), "64", or inverted residuals of MobileNetV2 (Sandler et
// al. 2018), "64x6", whose expansion is the second number; an "s" behind it
// halves the image. (ReLU is not cut at 6: that was for float16.)
std::string BuildMobile(const Words& words, int64_t classes, Builder& net) {
  int64_t channels = 0;
  for (size_t i = 0; i < words.size(); ++i) {
    absl::string_view rest = words[i];
    const int64_t stride = absl::ConsumeSuffix(&rest, "s") ? 2 : 1;
    std::vector<int64_t> size;
    const bool inverted = i > 0 && Sizes(rest, 2, &size);
    if (!inverted && !Sizes(rest, 1, &size)) {
      return NoSize(words[i],
                    i == 0 ? "CHANNELS" : "CHANNELS or CHANNELSxEXPANSION");
    }
    if (i == 0) {
      net.Normalized("conv1", "bn1", "relu1", size[0], 3, stride);
      channels = size[0];
      continue;
    }
    const std::string name = absl::StrCat("block", i, ".");
    const std::string feature = absl::StrCat("block", i);
    if (!inverted) {
      net.Normalized(name + "depthwise", name + "bn1", name + "relu1", channels,
                     3, stride, channels);
      net.Normalized(name + "pointwise", name + "bn2", name + "relu2", size[0],
                     1, 1, 1, feature);
    } else {
      const int from = net.last();
      const int64_t wide = channels * size[1];
      if (wide > kLargestSize)
        return NoSize(words[i], "an expansion to channels");
      if (size[1] > 1) {
        net.Normalized(name + "expand", name + "bn1", name + "relu1", wide, 1,
                       1);
      }
      net.Normalized(name + "depthwise", name + "bn2", name + "relu2", wide, 3,
                     stride, wide);
      const int body =
          net.Normalized(name + "project", name + "bn3", "", size[0], 1, 1);
      if (stride == 1 && channels == size[0]) {
        net.Add(Kind::kAdd, name + "add", feature, {body, from});
      }
    }
    channels = size[0];
  }
  net.Head("fc", classes);
  return "";
}

}  // namespace

absl::StatusOr<Graph> ParseModel(const std::string& flag,
                                 const std::string& spelling,
                                 const ImageSpec& image, int64_t classes,
                                 double dropout) {
  std::string plain = spelling;
  for (const Name& name : kNames) {
    if (spelling == name.name) plain = name.spelling;
  }
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(plain, absl::MaxSplits(':', 1));
  const std::string& family = parts.first;
  Words words = absl::StrSplit(parts.second, ',');
  Builder net(image);
  std::string wrong = "";
  if (!absl::StrContains(plain, ':')) {
    return Wrong(flag, spelling, "");
  } else if (family == "cnn" || family == "mlp") {
    wrong = BuildPlain(words, family == "cnn", classes, dropout, net);
  } else if (family == "resnet") {
    wrong = BuildResNet(words, classes, net);
  } else if (family == "wrn") {
    wrong = BuildWide(words, classes, net);
  } else if (family == "mobile") {
    wrong = BuildMobile(words, classes, net);
  } else {
    return Wrong(flag, spelling, "");
  }
  if (!wrong.empty()) return Wrong(flag, spelling, wrong);
  Graph graph = net.Take();
  // One spelling of each net: without leading zeros.
  for (std::string& word : words) {
    absl::string_view rest = word;
    const std::string prefix(absl::ConsumePrefix(&rest, "fc") ? "fc" : "");
    Words sizes = absl::StrSplit(rest, 'x');
    for (std::string& size : sizes) {
      size.erase(0, std::min(size.find_first_not_of('0'), size.size()));
    }
    word = prefix + absl::StrJoin(sizes, "x");
  }
  graph.spelling = absl::StrCat(family, ":", absl::StrJoin(words, ","));
  const absl::Status valid = InferShapes(graph).status();
  if (valid.ok()) return graph;
  const int64_t pools = std::count_if(
      graph.operations.begin(), graph.operations.end(),
      [](const Operation& o) { return o.kind == Kind::kMaxPool; });
  if (std::min(image.height, image.width) >> std::min<int64_t>(pools, 62) < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " is \"", spelling, "\", which halves images of ",
                     image.height, " x ", image.width, " ", pools,
                     " times: nothing is left of them. Take fewer blocks."));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " is \"", spelling, "\": ", valid.message()));
}

std::string ModelHelp() {
  std::string help =
      "cnn:C1,C2,...,fcW1,... (blocks of convolution 3x3, ReLU and pooling 2x2 "
      "with C channels, or Cb with batch norm too, then hidden layers of width "
      "W, if any), mlp:W1,W2,... (hidden layers alone), resnet:NxC,... (groups "
      "of N residual blocks of C channels; b at the end projects the "
      "shortcuts), wrn:DEPTH,WIDTH (wide), mobile:C,... (a convolution, then "
      "depthwise-separable blocks, Cs at stride 2, or inverted residuals, CxE "
      "with expansion E), or a name: ";
  const char* separator = "";
  for (const Name& name : kNames) {
    absl::StrAppend(&help, separator, name.name, " (", name.spelling, "; ",
                    name.source, ")");
    separator = ", ";
  }
  return help;
}

Graph TeacherGraph(ImageSpec image, int64_t classes) {
  return *ParseModel("the teacher", kTeacherModel, image, classes);
}

Graph StudentGraph(ImageSpec image, int64_t classes) {
  return *ParseModel("the student", kStudentModel, image, classes);
}

}  // namespace distill
