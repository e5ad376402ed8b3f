#include "export/c_integers.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "export/assets.h"
#include "models/integers.h"

namespace distill {
namespace {

using Kind = Operation::Kind;

constexpr int kNone = -1;

// Bytes in the scratch area, from the step that writes them to the last one
// that reads them.
struct Area {
  int64_t size = 0, place = 0;
  int first = 0, last = 0;
};

// A distill_step of assets/integers.c.
struct Step {
  int kind = 0, layer = kNone;                 // The layer: an operation.
  int in = kNone, other = kNone, out = kNone;  // Areas.
  Shape from, to;                              // {channels, height, width}
  int64_t kernel = 1, stride = 1, padding = 0, of_one = 1, pool = 1, first = 0;
  int64_t in_zero = 0, other_zero = 0, zero = 0, out_zero = 0;
  FixedSum sum = {0, 0, 0};
  std::vector<FixedPoint> rescaling;
  // Of the layer's weights: the window's, or those of what was flattened.
  int64_t pixels = 1;
};

// Of which a step has this many bytes where a pointer has four.
constexpr int64_t kStepBytes = 27 * 4;

Shape AsImage(const Shape& shape) {
  return shape.size() == 1 ? Shape{shape[0], 1, 1} : shape;
}

int64_t SizeOf(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1},
                         std::multiplies<>());
}

// Places that no two areas share at one time, the largest first, each as low as
// it can be. Returns the end of the highest.
int64_t Arrange(std::vector<Area>& areas) {
  std::vector<Area*> by_size;
  by_size.reserve(areas.size());
  for (Area& area : areas) by_size.push_back(&area);
  std::stable_sort(
      by_size.begin(), by_size.end(),
      [](const Area* a, const Area* b) { return a->size > b->size; });
  int64_t end = 0;
  std::vector<const Area*> placed;  // By their places.
  for (Area* const area : by_size) {
    for (const Area* const other : placed) {
      if (other->last < area->first || area->last < other->first) continue;
      if (area->place + area->size <= other->place) break;
      area->place = std::max(area->place, other->place + other->size);
    }
    end = std::max(end, area->place + area->size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), area,
                                   [](const Area* a, const Area* b) {
                                     return a->place < b->place;
                                   }),
                  area);
  }
  return end;
}

// The steps, with as many operations in each as it can compute.
class Planner {
 public:
  explicit Planner(const QuantizedModel& model)
      : model_(model),
        operations_(model.graph.operations),
        shapes_(*InferShapes(model.graph)),
        users_(UsersOf(model.graph)),
        is_done_(operations_.size(), false),
        area_of_(operations_.size(), kNone) {
    areas_.push_back({model.graph.image.size()});  // The images.
    for (int i = 0; i < Count(); ++i) {
      if (!is_done_[i]) Plan(i);
    }
    scratch_ = Arrange(areas_);
  }

  const std::vector<Step>& steps() const { return steps_; }
  int64_t scratch() const { return scratch_; }
  int64_t PlaceOf(int area) const {
    return area == kNone ? 0 : areas_[area].place;
  }

 private:
  int Count() const { return static_cast<int>(operations_.size()); }
  int AreaOf(int operation) const {
    return operation == kImages ? 0 : area_of_[operation];
  }
  Shape ImageOf(int operation) const {
    if (operation != kImages) return AsImage(shapes_[operation]);
    const ImageSpec& image = model_.graph.image;
    return {image.channels, image.height, image.width};
  }
  int64_t PixelsOf(int layer) const {
    const Operation& o = operations_[layer];
    if (o.kind == Kind::kConvolution) return o.kernel * o.kernel;
    int from = o.inputs[0];
    while (from != kImages && (operations_[from].kind == Kind::kFlatten ||
                               operations_[from].kind == Kind::kDropout)) {
      from = operations_[from].inputs[0];
    }
    const Shape image = ImageOf(from);
    return image[1] * image[2];
  }
  int64_t ZeroOf(int operation) const {
    return model_.ScaleOf(operation).zero_point;
  }

  // The operation of that kind that alone takes what `operation` makes.
  int OnlyUser(int operation, Kind kind) const {
    const std::vector<int>& users = users_[operation];
    return users.size() == 1 && operations_[users[0]].kind == kind ? users[0]
                                                                   : kNone;
  }

  // Whether what is left to do does not read that area.
  bool IsFree(int area) const {
    for (int i = 0; i < Count(); ++i) {
      for (const int input : operations_[i].inputs) {
        if (!is_done_[i] && AreaOf(input) == area) return false;
      }
    }
    return true;
  }

  void Plan(int index) {
    const Operation& o = operations_[index];
    const int from = o.inputs[0];
    std::vector<int> computed = {index};
    const auto compute = [&](int operation) {
      is_done_[operation] = true;
      computed.push_back(operation);
    };
    is_done_[index] = true;
    if (o.kind == Kind::kFlatten || o.kind == Kind::kDropout) {
      // The bytes stay where they are: see WeightsOf.
      area_of_[index] = AreaOf(from);
      return;
    }
    Step step;
    step.from = ImageOf(from);
    step.in = AreaOf(from);
    step.in_zero = ZeroOf(from);
    if (const ByteScale* const scale = WrittenIn(model_, index)) {
      step.zero = scale->zero_point;
    }
    // What the sums are of becomes bytes as ReLU leaves it.
    const int relu = OnlyUser(index, Kind::kRelu);
    if (relu != kNone && WrittenIn(model_, index) != nullptr &&
        !model_.outputs[index]) {
      compute(relu);
    }
    int other = kNone;
    const auto add = [&](int sum) {
      step.sum = SumOf(model_, sum);
      step.out_zero = WrittenIn(model_, sum)->zero_point;
      other = operations_[sum].inputs.back();
    };
    if (model_.layers[index]) {
      step.layer = index;
      step.kernel = o.kernel;
      step.stride = o.stride;
      step.padding = o.padding;
      step.of_one = step.from[0] / o.groups;
      step.rescaling = RescalingOf(model_, index);
      step.pixels = PixelsOf(index);
      const int pool = OnlyUser(computed.back(), Kind::kMaxPool);
      const int sum = OnlyUser(index, Kind::kAdd);
      if (pool != kNone &&
          operations_[pool].kernel == operations_[pool].stride) {
        step.pool = operations_[pool].kernel;
        compute(pool);
      } else if (sum != kNone) {
        const std::vector<int>& both = operations_[sum].inputs;
        if (AreaOf(both[0] == index ? both[1] : both[0]) != kNone) {
          add(sum);
          if (other == index) {
            std::swap(step.sum.times, step.sum.other_times);
            other = both[0];
          }
          compute(sum);
          const int after = OnlyUser(sum, Kind::kRelu);
          if (after != kNone) compute(after);
        }
      }
    } else if (o.kind == Kind::kGlobalAveragePool) {
      step.kind = 2;
      step.rescaling = RescalingOf(model_, index);
    } else if (o.kind == Kind::kAdd || o.kind == Kind::kRelu) {
      step.kind = 3;
      step.zero = step.in_zero;
      add(index);
    } else {
      step.kind = 1;
      step.kernel = o.kernel;
      step.stride = o.stride;
      if (o.kind == Kind::kZeroPadShortcut) {
        step.first = (step.from[0] - o.outputs) / 2;
      }
    }
    step.to = ImageOf(computed.back());
    const int now = static_cast<int>(steps_.size());
    areas_[step.in].last = now;
    if (step.sum.shift != 0) {
      step.other = AreaOf(other);
      step.other_zero = ZeroOf(other);
      areas_[step.other].last = now;
    }
    if (computed.back() + 1 < Count()) {
      if (step.other != kNone && step.other != step.in && IsFree(step.other)) {
        step.out = step.other;
      } else {
        step.out = static_cast<int>(areas_.size());
        areas_.push_back({SizeOf(step.to), 0, now, now});
      }
    }
    for (const int operation : computed) area_of_[operation] = step.out;
    steps_.push_back(std::move(step));
  }

  const QuantizedModel& model_;
  const std::vector<Operation>& operations_;
  const std::vector<Shape> shapes_;
  const std::vector<std::vector<int>> users_;
  std::vector<bool> is_done_;
  std::vector<int> area_of_;  // Of each operation's output; kNone: not made.
  std::vector<Area> areas_;
  std::vector<Step> steps_;
  int64_t scratch_ = 0;
};

// The bytes of each channel's pixels, as Batches normalises them.
std::vector<int64_t> BytesOfPixels(const QuantizedModel& model) {
  const Normalization& normalization = model.info.normalization;
  std::vector<int64_t> bytes;
  for (size_t channel = 0; channel < normalization.mean.size(); ++channel) {
    for (int x = 0; x < 256; ++x) {
      const auto value =
          static_cast<float>((x / 255.0 - double{normalization.mean[channel]}) /
                             double{normalization.std[channel]});
      const double byte =
          std::nearbyint(value / static_cast<float>(model.images.scale)) +
          static_cast<double>(model.images.zero_point);
      bytes.push_back(static_cast<int64_t>(std::clamp(byte, -128., 127.)));
    }
  }
  return bytes;
}

// [outputs, pixels, channels], where the layer's own are [outputs, channels,
// pixels].
std::vector<int64_t> WeightsOf(const QuantizedLayer& layer, int64_t pixels) {
  const std::vector<int8_t>& values = layer.weight.values;
  const auto count = static_cast<int64_t>(values.size());
  const int64_t of_one = count / static_cast<int64_t>(layer.bias.size());
  const int64_t channels = of_one / pixels;
  std::vector<int64_t> weights;
  weights.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t pixel = i % of_one / channels, channel = i % channels;
    weights.push_back(values[i / of_one * of_one + channel * pixels + pixel]);
  }
  return weights;
}

constexpr char kLogits[] = R"(
static inline void distill_logits_in(const unsigned char *pixels,
                                     int8_t *scratch, int32_t *logits) {
  const distill_step *step = distill_steps;
  for (int32_t i = 0; i < DISTILL_HEIGHT * DISTILL_WIDTH * DISTILL_CHANNELS;
       ++i) {
    scratch[DISTILL_IMAGE + i] =
        distill_pixels[i % DISTILL_CHANNELS * 256 + pixels[i]];
  }
  for (int i = 0; i < DISTILL_STEPS - 1; ++i, ++step) {
    if (step->kind == 0) distill_convolve(step, scratch);
    if (step->kind == 1) distill_pool(step, scratch);
    if (step->kind == 2) distill_average(step, scratch);
    if (step->kind == 3) distill_join(step, scratch);
  }
  distill_classify(step, scratch, logits);
}
)";

constexpr char kAbout[] =
    R"( * Numbers are 8-bit integers, sums 32; there is no float. A logit is a number
 * of units of 1 / DISTILL_LOGIT_ONE.
 *
)";

}  // namespace

CHeaderFile CHeader(const QuantizedModel& model,
                    const CHeaderOptions& options) {
  const Planner planner(model);
  const std::vector<Step>& steps = planner.steps();
  const std::vector<int64_t> pixels = BytesOfPixels(model);
  int64_t bytes =
      static_cast<int64_t>(pixels.size() + steps.size() * kStepBytes);
  std::string code = absl::StrCat(
      "/* What a logit of 1 is. */\n#define DISTILL_LOGIT_ONE ",
      int64_t{1} << LogitBits(model), "\n#define DISTILL_STEPS ", steps.size(),
      "\n#define DISTILL_IMAGE ", planner.PlaceOf(0),
      "\n\n#include <stdint.h>\n\ntypedef int8_t distill_number;\n"
      "typedef int32_t distill_logit;\n\n",
      kIntegersCode, "\n", CArray("int8_t ", "distill_pixels", pixels));
  std::vector<std::string> table;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& s = steps[i];
    const std::string name = absl::StrCat("distill_", i);
    std::string weight = "0", bias = "0", multiplier = "0", shift = "0";
    const auto array = [&](const char* type, const char* what,
                           const std::vector<int64_t>& values, int64_t size) {
      const std::string array_name = absl::StrCat(name, "_", what);
      code += CArray(type, array_name, values);
      bytes += size * static_cast<int64_t>(values.size());
      return array_name;
    };
    if (s.layer != kNone) {
      const QuantizedLayer& layer = *model.layers[s.layer];
      absl::StrAppend(&code, "/* ", model.graph.operations[s.layer].name,
                      " */\n");
      weight = array("int8_t ", "weight", WeightsOf(layer, s.pixels), 1);
      bias =
          array("int32_t ", "bias", {layer.bias.begin(), layer.bias.end()}, 4);
    }
    if (!s.rescaling.empty()) {
      std::vector<int64_t> multipliers, shifts;
      for (const FixedPoint& one : s.rescaling) {
        multipliers.push_back(one.multiplier);
        shifts.push_back(one.shift);
      }
      multiplier = array("int32_t ", "multiplier", multipliers, 4);
      shift = array("uint8_t ", "shift", shifts, 1);
    }
    table.push_back(absl::StrCat(
        "\n{",
        absl::StrJoin(std::vector<int64_t>{s.kind,
                                           planner.PlaceOf(s.in),
                                           planner.PlaceOf(s.other),
                                           planner.PlaceOf(s.out),
                                           s.from[0],
                                           s.from[1],
                                           s.from[2],
                                           s.to[0],
                                           s.to[1],
                                           s.to[2],
                                           s.kernel,
                                           s.stride,
                                           s.padding,
                                           s.of_one,
                                           s.pool,
                                           s.first,
                                           s.in_zero,
                                           s.other_zero,
                                           s.zero,
                                           s.out_zero,
                                           s.sum.times,
                                           s.sum.other_times,
                                           s.sum.shift},
                      ","),
        ",\n", weight, ",", bias, ",", multiplier, ",", shift, "}"));
  }
  code += CArray("distill_step ", "distill_steps", table) + kLogits;
  return CFile(model.info, options, kAbout, bytes, planner.scratch(), 1, code);
}

}  // namespace distill
