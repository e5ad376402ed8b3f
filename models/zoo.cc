#include "models/zoo.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace distill {
namespace {

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
};

// More would be a mistake of the hand.
constexpr int64_t kLargestSize = 65536;

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

// Convolution 3x3, ReLU, max-pooling 2x2; called "conv1" if it is the first.
void AddBlock(int64_t channels, Graph* graph) {
  const std::string name =
      absl::StrCat("conv", graph->operations.size() / 3 + 1);
  Operation conv = {Operation::Kind::kConvolution, name};
  conv.outputs = channels;
  conv.kernel = 3;
  conv.padding = 1;
  graph->Append(conv);
  graph->Append({Operation::Kind::kRelu, name + ".relu"});
  Operation pool = {Operation::Kind::kMaxPool, name + ".pool", {}, name};
  pool.kernel = pool.stride = 2;
  graph->Append(pool);
}

// Fully connected; of a hidden layer with ReLU, and dropout if there is a rate.
void AddLinear(const std::string& name, int64_t outputs, bool hidden,
               double dropout, Graph* graph) {
  Operation linear = {Operation::Kind::kLinear, name};
  linear.outputs = outputs;
  graph->Append(linear);
  if (!hidden) return;
  graph->Append({Operation::Kind::kRelu, name + ".relu", {}, name});
  if (dropout == 0) return;
  Operation drops = {Operation::Kind::kDropout, name + ".dropout"};
  drops.rate = dropout;
  graph->Append(drops);
}

}  // namespace

absl::StatusOr<Graph> ParseModel(const std::string& flag,
                                 const std::string& spelling,
                                 const ImageSpec& image, int64_t classes,
                                 double dropout) {
  absl::string_view rest = spelling;
  for (const Name& name : kNames) {
    if (spelling == name.name) rest = name.spelling;
  }
  const bool cnn = absl::ConsumePrefix(&rest, "cnn:");
  if (!cnn && !absl::ConsumePrefix(&rest, "mlp:")) {
    return Wrong(flag, spelling, "");
  }
  std::vector<int64_t> channels, widths;
  for (absl::string_view word : absl::StrSplit(rest, ',')) {
    const std::string part(word);
    const bool hidden = !cnn || absl::ConsumePrefix(&word, "fc");
    if (!hidden && !widths.empty()) {
      return Wrong(flag, spelling,
                   absl::StrCat(", in which the block \"", part,
                                "\" comes after a hidden layer"));
    }
    if (!AddSize(word, hidden ? &widths : &channels)) {
      return Wrong(flag, spelling,
                   absl::StrCat(", in which \"", part,
                                "\" is not a size from 1 to ", kLargestSize));
    }
  }
  if (cnn && channels.empty()) {
    return Wrong(flag, spelling, ", which has no block (mlp: is for that)");
  }
  Graph graph;
  graph.image = image;
  for (const int64_t size : channels) AddBlock(size, &graph);
  graph.Append({Operation::Kind::kFlatten, "flat"});
  for (size_t i = 0; i <= widths.size(); ++i) {
    const bool logits = i == widths.size();
    AddLinear(absl::StrCat("fc", i + 1), logits ? classes : widths[i],
              /*hidden=*/!logits, dropout, &graph);
  }
  graph.spelling =
      absl::StrCat(cnn ? "cnn:" : "mlp:", absl::StrJoin(channels, ","),
                   cnn && !widths.empty() ? ",fc" : "",
                   absl::StrJoin(widths, cnn ? ",fc" : ","));
  const absl::Status valid = InferShapes(graph).status();
  if (valid.ok()) return graph;
  if (std::min(image.height, image.width) >>
      std::min<size_t>(channels.size(), 62) < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " is \"", spelling, "\", which halves images of ",
                     image.height, " x ", image.width, " ", channels.size(),
                     " times: nothing is left of them. Take fewer blocks."));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " is \"", spelling, "\": ", valid.message()));
}

std::string ModelHelp() {
  std::string help =
      "cnn:C1,C2,...,fcW1,... (blocks of convolution 3x3, ReLU and pooling 2x2 "
      "with C channels, then hidden layers of width W, if any), "
      "mlp:W1,W2,... (hidden layers alone), or a name: ";
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
