#include "export/c_header.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "export/layers.h"

namespace distill {
namespace {

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

constexpr char kFunctions[] = R"(
/* Convolution 3 x 3, ReLU, maximum of 2 x 2. in [inputs, height + 2, width + 2]
 * has a frame of zeros; out has one of `margin`. */
static inline void distill_convolve(const float *in, int inputs, int height,
                                    int width, const float *weight,
                                    const float *bias, float *out,
                                    int outputs, int margin) {
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
          const float *w = weight + (o * inputs + i) * 9;
          const float *p = in + (i * (height + 2) + 2 * y) * stride + 2 * x;
          for (int k = 0; k < 3; ++k, w += 3, p += stride) {
            const float l = w[0], m = w[1], r = w[2];
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
        a += bias[o];
        *out++ = a > 0.0f ? a : 0.0f;
      }
    }
  }
}

/* Fully connected: in [inputs], out [outputs]. */
static inline void distill_connect(const float *in, int inputs,
                                   const float *weight, const float *bias,
                                   float *out, int outputs, int relu) {
  for (int o = 0; o < outputs; ++o) {
    float sum = 0.0f;
    for (int i = 0; i < inputs; ++i) {
      sum += weight[o * inputs + i] * in[i];
    }
    sum += bias[o];
    out[o] = relu && sum < 0.0f ? 0.0f : sum;
  }
}
)";

// The body of distill_logits_in.
std::string Calls(const ModelInfo& info, const std::vector<ExportLayer>& layers,
                  const Plan& plan) {
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
      margin, CWord(info.normalization.mean[0]),
      CWord(info.normalization.std[0]));
  for (size_t i = 0; i < layers.size(); ++i) {
    const ExportLayer& layer = layers[i];
    const Place& place = plan.places[i];
    const bool logits = layer.kind == ExportLayer::Kind::kLogits;
    const std::string name = "distill_" + layer.name;
    const std::string arrays = absl::StrCat(
        name, "_weight, ", name, "_bias,\n      ",
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

}  // namespace

absl::StatusOr<CHeaderFile> CHeader(const LoadedModel& loaded,
                                    const CHeaderOptions& options) {
  const ModelInfo& info = loaded.info;
  if (info.image.channels != 1) {
    return Unexpected(
        absl::StatusCode::kUnimplemented,
        absl::StrCat("the model ", info.architecture, " for a C header"),
        absl::StrCat("one for images of ", info.image.channels, " channels"),
        "one for grey images",
        "Pass --int8, whose header takes any, or export it as ONNX.");
  }
  ASSIGN_OR_RETURN(const auto found, LayersOf(loaded));
  const std::vector<ExportLayer>& layers = found;
  const Plan plan = PlanOf(info, layers);
  std::string code =
      "typedef float distill_number;\ntypedef float distill_logit;\n\n";
  size_t numbers = 0;
  for (const ExportLayer& layer : layers) {
    const std::string name = "distill_" + layer.name;
    code += CArray("float ", name + "_weight", layer.weight);
    code += CArray("float ", name + "_bias", layer.bias);
    numbers += layer.weight.size() + layer.bias.size();
  }
  absl::StrAppend(
      &code, kFunctions,
      "\nstatic inline void distill_logits_in(const unsigned char *pixels,\n"
      "                                     float *scratch, float *logits) {\n",
      Calls(info, layers, plan), "}\n");
  return CFile(info, options, "", static_cast<int64_t>(numbers * sizeof(float)),
               plan.scratch, sizeof(float), code);
}

}  // namespace distill
