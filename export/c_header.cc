#include "export/c_header.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/files.h"
#include "base/status.h"
#include "export/int8.h"
#include "export/layers.h"

namespace distill {
namespace {

constexpr size_t kColumns = 80;

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  // Two question marks begin a trigraph, and a backslash joins lines.
  return byte < 128 && std::isprint(byte) != 0 && c != '\\' && c != '?';
}

// A C string literal. What is not plain text becomes an octal escape.
std::string Literal(const std::string& text) {
  std::string literal = "\"";
  for (const char c : text) {
    if (IsPlain(c) && c != '"') {
      literal.push_back(c);
    } else {
      absl::StrAppendFormat(&literal, "\\%03o",
                            static_cast<int>(static_cast<unsigned char>(c)));
    }
  }
  return literal + "\"";
}

// `text` in a form that cannot end the comment that it is in.
std::string InComment(std::string text) {
  for (char& c : text) {
    if (!IsPlain(c) || c == '*') c = '_';
  }
  return text;
}

// Nine digits give the same float back. A constant of type float, so that no
// compiler sees a conversion.
std::string Word(float value) {
  const std::string digits = absl::StrFormat("%.9g", value);
  const bool whole = digits.find_first_of(".e") == std::string::npos;
  return absl::StrCat(digits, whole ? ".0f" : "f");
}
std::string Word(int8_t value) { return absl::StrCat(static_cast<int>(value)); }
std::string Word(const std::string& value) { return Literal(value); }

// "static const TYPE NAME[] = {...};".
template <typename Value>
std::string Array(const std::string& type, const std::string& name,
                  const std::vector<Value>& values) {
  std::string text =
      absl::StrCat("static const ", type, name, "[", values.size(), "] = {");
  size_t column = kColumns;
  for (const Value& value : values) {
    const std::string word = Word(value) + ",";
    column += word.size();
    if (column > kColumns) {
      text.push_back('\n');
      column = word.size();
    }
    text += word;
  }
  return text + "\n};\n";
}

// `code`, in which names begin with distill_ or DISTILL_, with this prefix.
std::string WithPrefix(const std::string& prefix, const std::string& code) {
  return absl::StrReplaceAll(
      code, {{"distill_", prefix + "_"},
             {"DISTILL_", absl::AsciiStrToUpper(prefix) + "_"}});
}

// Numbers around an image that is `convolved`: a frame of zeros, so that no
// pixel is a special case.
int64_t Margin(bool convolved) { return convolved ? 1 : 0; }

int64_t Framed(int64_t channels, int64_t height, int64_t width,
               int64_t margin) {
  return channels * (height + 2 * margin) * (width + 2 * margin);
}

// Where a layer's numbers are in the scratch area. Layers work from one end of
// it to the other in turn, so that it is as large as the largest pair.
struct Place {
  int64_t input = 0, input_size = 0;
  int64_t output = 0, output_size = 0;
  int64_t output_margin = 0;
};

struct Plan {
  std::vector<Place> places;  // One a layer. The last one's output is logits.
  int64_t scratch = 0;
};

Plan PlanOf(const ModelInfo& info, const std::vector<ExportLayer>& layers) {
  Plan plan;
  int64_t size = Framed(1, info.image.height, info.image.width,
                        Margin(layers[0].convolves()));
  for (size_t i = 0; i < layers.size(); ++i) {
    const ExportLayer& layer = layers[i];
    Place place;
    place.input_size = size;
    if (layer.kind != ExportLayer::Kind::kLogits) {
      place.output_margin = Margin(layers[i + 1].convolves());
      place.output_size = layer.convolves()
                              ? Framed(layer.outputs, layer.height / 2,
                                       layer.width / 2, place.output_margin)
                              : layer.outputs;
    }
    plan.scratch = std::max(plan.scratch, place.input_size + place.output_size);
    size = place.output_size;
    plan.places.push_back(place);
  }
  bool at_start = true;
  for (Place& place : plan.places) {
    place.input = at_start ? 0 : plan.scratch - place.input_size;
    place.output = at_start ? plan.scratch - place.output_size : 0;
    at_start = !at_start;
  }
  return plan;
}

int64_t ConstantBytes(const std::vector<ExportLayer>& layers, bool int8) {
  int64_t bytes = 0;
  for (const ExportLayer& layer : layers) {
    const auto weights = static_cast<int64_t>(layer.weight.size());
    bytes += int8 ? weights + 4 * layer.outputs : 4 * weights;
    bytes += 4 * layer.outputs;  // Biases.
  }
  return bytes;
}

std::string TopComment(const LoadedModel& loaded,
                       const std::vector<ExportLayer>& layers, int64_t scratch,
                       const CHeaderOptions& options) {
  const ModelInfo& info = loaded.info;
  std::string text = absl::StrCat("/* A classifier of ", info.image.Describe(),
                                  " grey images, written by distill: ",
                                  InComment(info.architecture), ".\n *\n");
  for (const auto& [key, value] : info.notes) {
    absl::StrAppend(&text, " * By the model's file, ", InComment(key), ": ",
                    InComment(value), "\n");
  }
  for (const std::string& remark : options.remarks) {
    absl::StrAppend(&text, " * ", InComment(remark), "\n");
  }
  absl::StrAppend(&text, " * ", ConstantBytes(layers, options.int8),
                  " bytes of constants, ", 4 * scratch,
                  " bytes of scratch memory.\n *\n");
  if (options.int8) {
    text +=
        " * Weights are int8, by output: a weight is scale[output] * value, "
        "with values\n * from -127 to 127. Sums, biases and activations are "
        "float.\n *\n";
  }
  return text +
         WithPrefix(options.prefix,
                    R"( * Include this file in one source file of C99 or C++.
 *
 *   int class_index = distill_predict(pixels);
 *
 * pixels has DISTILL_HEIGHT rows of DISTILL_WIDTH bytes, from 0 (background) to
 * 255. distill_logits gives a number for each class, the largest for the
 * likeliest; softmax makes probabilities of them. These two share a static
 * scratch area: not for two threads at once. distill_logits_in is given one.
 */
)");
}

// With two holes each: the parameter for the scales, and their use.
constexpr char kConvolution[] = R"(
/* Convolution 3 x 3, ReLU, maximum of 2 x 2. in [inputs, height + 2, width + 2]
 * has a frame of zeros; out has one of `margin`. */
static inline void distill_convolve(const float *in, int inputs, int height,
                                    int width, const distill_weight *weight,
                                    %sconst float *bias,
                                    float *out, int outputs, int margin) {
  const int rows = height / 2, columns = width / 2, stride = width + 2;
  for (int o = 0; o < outputs; ++o) {
    for (int y = -margin; y < rows + margin; ++y) {
      for (int x = -margin; x < columns + margin; ++x) {
        float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f; /* Of four pixels. */
        if (y < 0 || x < 0 || y >= rows || x >= columns) {
          *out++ = 0.0f;
          continue;
        }
        for (int i = 0; i < inputs; ++i) {
          const distill_weight *w = weight + (o * inputs + i) * 9;
          const float *p = in + (i * (height + 2) + 2 * y) * stride + 2 * x;
          for (int k = 0; k < 3; ++k, w += 3, p += stride) {
            const float l = (float)w[0], m = (float)w[1], r = (float)w[2];
            const float *q = p + stride;
            a += l * p[0] + m * p[1] + r * p[2];
            b += l * p[1] + m * p[2] + r * p[3];
            c += l * q[0] + m * q[1] + r * q[2];
            d += l * q[1] + m * q[2] + r * q[3];
          }
        }
        if (b > a) a = b;
        if (d > c) c = d;
        if (c > a) a = c;
        a = a%s + bias[o];
        *out++ = a > 0.0f ? a : 0.0f;
      }
    }
  }
}
)";

constexpr char kDense[] = R"(
/* Fully connected: in [inputs], out [outputs]. */
static inline void distill_connect(const float *in, int inputs,
                                   const distill_weight *weight,
                                   %sconst float *bias,
                                   float *out, int outputs, int relu) {
  for (int o = 0; o < outputs; ++o) {
    float sum = 0.0f;
    for (int i = 0; i < inputs; ++i) {
      sum += (float)weight[o * inputs + i] * in[i];
    }
    sum = sum%s + bias[o];
    out[o] = relu && sum < 0.0f ? 0.0f : sum;
  }
}
)";

// The body of distill_logits_in.
std::string Calls(const ModelInfo& info, const std::vector<ExportLayer>& layers,
                  const Plan& plan, bool int8) {
  const int64_t margin = Margin(layers[0].convolves());
  std::string text = absl::StrFormat(
      R"(  float *p = scratch;
  for (int y = -%1$d; y < DISTILL_HEIGHT + %1$d; ++y) {
    for (int x = -%1$d; x < DISTILL_WIDTH + %1$d; ++x) {
      const int inside =
          y >= 0 && x >= 0 && y < DISTILL_HEIGHT && x < DISTILL_WIDTH;
      *p++ = !inside ? 0.0f
                     : ((float)pixels[y * DISTILL_WIDTH + x] / 255.0f -
                        %2$s) /
                           %3$s;
    }
  }
)",
      margin, Word(info.normalization.mean[0]),
      Word(info.normalization.std[0]));
  for (size_t i = 0; i < layers.size(); ++i) {
    const ExportLayer& layer = layers[i];
    const Place& place = plan.places[i];
    const bool logits = layer.kind == ExportLayer::Kind::kLogits;
    const std::string name = "distill_" + layer.name;
    const std::string arrays = absl::StrCat(
        name, "_weight, ", int8 ? name + "_scale, " : "", name,
        "_bias,\n      ",
        logits ? "logits" : absl::StrCat("scratch + ", place.output), ", ",
        layer.outputs, ", ");
    if (layer.convolves()) {
      absl::StrAppend(&text, "  distill_convolve(scratch + ", place.input, ", ",
                      layer.inputs, ", ", layer.height, ", ", layer.width,
                      ",\n      ", arrays, place.output_margin, ");\n");
    } else {
      absl::StrAppend(&text, "  distill_connect(scratch + ", place.input, ", ",
                      layer.inputs, ",\n      ", arrays, logits ? 0 : 1,
                      ");\n");
    }
  }
  return text;
}

constexpr char kFunctions[] = R"(
static inline void distill_logits(const unsigned char *pixels, float *logits) {
  static float scratch[DISTILL_SCRATCH];
  distill_logits_in(pixels, scratch, logits);
}

/* The class, from 0 to DISTILL_CLASSES - 1. */
static inline int distill_predict(const unsigned char *pixels) {
  float logits[DISTILL_CLASSES];
  int best = 0;
  distill_logits(pixels, logits);
  for (int i = 1; i < DISTILL_CLASSES; ++i) {
    if (logits[i] > logits[best]) best = i;
  }
  return best;
}

)";

}  // namespace

absl::Status CheckCPrefix(const std::string& prefix) {
  bool right = !prefix.empty() && prefix.size() <= 32 &&
               absl::ascii_isalpha(static_cast<unsigned char>(prefix[0]));
  for (const char c : prefix) {
    right = right &&
            (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_');
  }
  if (right) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--prefix is \"", prefix,
                   "\"; it must be a letter and then letters, digits and _, 32 "
                   "in all at most, like student"));
}

absl::StatusOr<std::string> CHeader(const LoadedModel& loaded,
                                    const CHeaderOptions& options) {
  const ModelInfo& info = loaded.info;
  if (info.image.channels != 1) {
    return Unexpected(
        absl::StatusCode::kUnimplemented,
        absl::StrCat("the model ", info.architecture, " for a C header"),
        absl::StrCat("one for images of ", info.image.channels, " channels"),
        "one for grey images", "Export it as ONNX.");
  }
  ASSIGN_OR_RETURN(const auto found, LayersOf(loaded));
  const std::vector<ExportLayer>& layers = found;
  const Plan plan = PlanOf(info, layers);
  std::string code = absl::StrCat(
      "#define DISTILL_HEIGHT ", info.image.height, "\n#define DISTILL_WIDTH ",
      info.image.width, "\n#define DISTILL_CLASSES ", info.classes,
      "\n#define DISTILL_SCRATCH ", plan.scratch, "\n\ntypedef ",
      options.int8 ? "signed char" : "float", " distill_weight;\n\n");
  for (const ExportLayer& layer : layers) {
    const std::string name = "distill_" + layer.name;
    if (options.int8) {
      const Int8Weights quantized = Quantize(layer.weight, layer.outputs);
      code += Array("distill_weight ", name + "_weight", quantized.values);
      code += Array("float ", name + "_scale", quantized.scale);
    } else {
      code += Array("distill_weight ", name + "_weight", layer.weight);
    }
    code += Array("float ", name + "_bias", layer.bias);
  }
  const char* parameter = options.int8 ? "const float *scale, " : "";
  const char* times = options.int8 ? " * scale[o]" : "";
  if (layers[0].convolves()) {
    absl::StrAppendFormat(&code, kConvolution, parameter, times);
  }
  absl::StrAppendFormat(&code, kDense, parameter, times);
  absl::StrAppend(
      &code,
      "\nstatic inline void distill_logits_in(const unsigned char *pixels,\n"
      "                                     float *scratch, float *logits) {\n",
      Calls(info, layers, plan, options.int8), "}\n", kFunctions,
      "static inline const char *distill_class_name(int predicted) {\n");
  code = WithPrefix(options.prefix, code);
  // What the user has named keeps its name.
  absl::StrAppend(&code, Array("char *const ", "names", info.class_names),
                  "  return names[predicted];\n}\n");
  // Included again, a model is skipped; another one of this prefix is an error.
  const std::string guard = WithPrefix(options.prefix, "DISTILL_MODEL_H");
  const std::string id = absl::StrFormat("0x%08xu", Crc32(code));
  return absl::StrCat(
      TopComment(loaded, layers, plan.scratch, options), "#ifndef ", guard,
      "\n#define ", guard, " ", id, "\n\n", code, "\n#elif ", guard, " != ", id,
      "\n#error \"Two models have names that begin with ", options.prefix,
      ": export one of them with another --prefix.\"\n#endif\n");
}

CHeaderSize SizeOfCHeader(const LoadedModel& loaded, bool int8) {
  const std::vector<ExportLayer> layers = *LayersOf(loaded);
  return {ConstantBytes(layers, int8), static_cast<int64_t>(sizeof(float)) *
                                           PlanOf(loaded.info, layers).scratch};
}

}  // namespace distill
