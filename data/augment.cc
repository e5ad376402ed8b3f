#include "data/augment.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ATen/TensorOperators.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/where.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace distill {

namespace {

// Where in an image the pixels of its view come from.
struct Sources {
  at::Tensor rows, columns;  // int64, broadcast to [batch, height, width].
  at::Tensor inside;         // bool; where false, black.
  int64_t height, width;

  void KeepInside() {
    inside = inside.logical_and(rows.ge(0).logical_and(rows.lt(height)))
                 .logical_and(columns.ge(0).logical_and(columns.lt(width)));
  }
};

// Number `i` of each image's draws, [batch, 1, 1].
at::Tensor DrawAt(const at::Tensor& draws, int64_t i) {
  return draws.select(1, i).to(at::kLong).view({-1, 1, 1});
}

}  // namespace

struct AugmentKind {
  const char* name;
  // The range of its number; 0 and 0: it takes none.
  int64_t least, most;
  // Whether its number must be below the image's sides, so that a part of the
  // image is left.
  bool bounded;
  int64_t draws;
  void (*draw)(Random& random, int64_t amount, const ImageSpec& image,
               int16_t* to);
  // From one channel [height, width] to another place.
  void (*view)(const int16_t* draws, int64_t amount, const ImageSpec& image,
               const uint8_t* from, uint8_t* to);
  // From where in the view to where in what it is made from.
  void (*trace)(const at::Tensor& draws, int64_t amount, Sources& sources);
};

namespace {

int16_t Below(Random& random, int64_t n) {
  return static_cast<int16_t>(random.Below(static_cast<uint64_t>(n)));
}

void DrawShift(Random& random, int64_t amount, const ImageSpec& /*image*/,
               int16_t* to) {
  for (int i = 0; i < 2; ++i) {
    to[i] = static_cast<int16_t>(Below(random, 2 * amount + 1) - amount);
  }
}

void Shift(const int16_t* draws, int64_t /*amount*/, const ImageSpec& image,
           const uint8_t* from, uint8_t* to) {
  const int64_t down = draws[0], right = draws[1], width = image.width;
  std::fill(to, to + image.plane(), uint8_t{0});
  const int64_t first = std::clamp<int64_t>(right, 0, width);
  const int64_t end = std::clamp<int64_t>(width + right, 0, width);
  for (int64_t y = 0; y < image.height; ++y) {
    const int64_t source = y - down;
    if (source < 0 || source >= image.height || first >= end) continue;
    const uint8_t* row = from + source * width - right;
    std::copy(row + first, row + end, to + y * width + first);
  }
}

void TraceShift(const at::Tensor& draws, int64_t /*amount*/, Sources& sources) {
  sources.rows = sources.rows - DrawAt(draws, 0);
  sources.columns = sources.columns - DrawAt(draws, 1);
  sources.KeepInside();
}

void DrawFlip(Random& random, int64_t /*amount*/, const ImageSpec& /*image*/,
              int16_t* to) {
  to[0] = Below(random, 2);
}

void Flip(const int16_t* draws, int64_t /*amount*/, const ImageSpec& image,
          const uint8_t* from, uint8_t* to) {
  if (draws[0] == 0) {
    std::copy(from, from + image.plane(), to);
    return;
  }
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* row = from + y * image.width;
    std::reverse_copy(row, row + image.width, to + y * image.width);
  }
}

void TraceFlip(const at::Tensor& draws, int64_t /*amount*/, Sources& sources) {
  sources.columns =
      at::where(DrawAt(draws, 0).ne(0), sources.width - 1 - sources.columns,
                sources.columns);
}

void DrawCutout(Random& random, int64_t /*amount*/, const ImageSpec& image,
                int16_t* to) {
  to[0] = Below(random, image.height);
  to[1] = Below(random, image.width);
}

void Cutout(const int16_t* draws, int64_t amount, const ImageSpec& image,
            const uint8_t* from, uint8_t* to) {
  std::copy(from, from + image.plane(), to);
  const int64_t top = draws[0] - amount / 2, left = draws[1] - amount / 2;
  const int64_t first = std::max<int64_t>(left, 0);
  const int64_t end = std::min(left + amount, image.width);
  for (int64_t y = std::max<int64_t>(top, 0);
       y < std::min(top + amount, image.height); ++y) {
    std::fill(to + y * image.width + first, to + y * image.width + end,
              uint8_t{0});
  }
}

void TraceCutout(const at::Tensor& draws, int64_t amount, Sources& sources) {
  const at::Tensor down = sources.rows - (DrawAt(draws, 0) - amount / 2);
  const at::Tensor right = sources.columns - (DrawAt(draws, 1) - amount / 2);
  sources.inside = sources.inside.logical_and(
      down.ge(0)
          .logical_and(down.lt(amount))
          .logical_and(right.ge(0).logical_and(right.lt(amount)))
          .logical_not());
}

constexpr int64_t kMost = 1024;  // Pixels.

constexpr AugmentKind kKinds[] = {
    {"crop", 1, kMost, true, 2, &DrawShift, &Shift, &TraceShift},
    {"shift", 1, kMost, true, 2, &DrawShift, &Shift, &TraceShift},
    {"flip", 0, 0, false, 1, &DrawFlip, &Flip, &TraceFlip},
    {"cutout", 1, kMost, true, 2, &DrawCutout, &Cutout, &TraceCutout},
};

}  // namespace

std::string AugmentNames() {
  return absl::StrJoin(
      kKinds, ", ", [](std::string* to, const AugmentKind& kind) {
        absl::StrAppend(to, kind.name, kind.most > 0 ? ":N" : "");
      });
}

absl::StatusOr<Augment> Augment::Parse(const std::string& text) {
  Augment augment;
  if (text.empty() || text == "none") return augment;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    const std::vector<std::string> parts = absl::StrSplit(word, ':');
    const auto* kind = std::find_if(
        std::begin(kKinds), std::end(kKinds),
        [&](const AugmentKind& one) { return one.name == parts[0]; });
    if (kind == std::end(kKinds)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "found \"", word, "\"; expected ", AugmentNames(),
          ", with commas between them, or none. For example crop:4,flip."));
    }
    int64_t amount = 0;
    const bool takes = kind->most > 0;
    if (parts.size() != (takes ? 2 : 1) ||
        (takes && (!absl::SimpleAtoi(parts[1], &amount) ||
                   amount < kind->least || amount > kind->most))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "found \"", word, "\"; expected ", kind->name,
          takes ? absl::StrCat(" with a number of pixels from ", kind->least,
                               " to ", kind->most, ", like ", kind->name, ":4.")
                : ", which takes no number."));
    }
    augment.steps_.push_back({kind, amount});
  }
  return augment;
}

bool AbslParseFlag(absl::string_view text, Augment* augment,
                   std::string* error) {
  const auto parsed = Augment::Parse(std::string(text));
  if (parsed.ok()) {
    *augment = *parsed;
  } else {
    *error = std::string(parsed.status().message());
  }
  return parsed.ok();
}

std::string AbslUnparseFlag(const Augment& augment) {
  return augment.empty()
             ? "none"
             : absl::StrJoin(augment.steps_, ",",
                             [](std::string* to, const AugmentStep& step) {
                               absl::StrAppend(to, step.kind->name);
                               if (step.kind->most > 0) {
                                 absl::StrAppend(to, ":", step.amount);
                               }
                             });
}

int64_t Augment::draws() const {
  int64_t all = 0;
  for (const AugmentStep& step : steps_) all += step.kind->draws;
  return all;
}

absl::Status Augment::CheckFits(const ImageSpec& image) const {
  const int64_t side = std::min(image.height, image.width);
  for (const AugmentStep& step : steps_) {
    if (!step.kind->bounded || step.amount < side) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("found ", step.kind->name, ":", step.amount,
                     "; expected at most ", step.kind->name, ":", side - 1,
                     ", which leaves a part of each image "
                     "of ",
                     image.Describe(), ". Choose a smaller number."));
  }
  return absl::OkStatus();
}

std::vector<int16_t> Augment::Draw(Random& random, int64_t count,
                                   const ImageSpec& image) const {
  std::vector<int16_t> all(count * draws());
  int16_t* to = all.data();
  for (int64_t i = 0; i < count; ++i) {
    for (const AugmentStep& step : steps_) {
      step.kind->draw(random, step.amount, image, to);
      to += step.kind->draws;
    }
  }
  return all;
}

const uint8_t* Augment::View(const int16_t* draws, const ImageSpec& image,
                             const uint8_t* plane,
                             std::vector<uint8_t>& scratch) const {
  scratch.resize(2 * image.plane());
  uint8_t* to = scratch.data();
  uint8_t* other = to + image.plane();
  for (const AugmentStep& step : steps_) {
    step.kind->view(draws, step.amount, image, plane, to);
    draws += step.kind->draws;
    plane = to;
    std::swap(to, other);
  }
  return plane;
}

at::Tensor Augment::View(const at::Tensor& images, const at::Tensor& draws,
                         const at::Tensor& black) const {
  if (empty()) return images;
  const int64_t height = images.size(2), width = images.size(3);
  const auto numbers = draws.options().dtype(at::kLong);
  Sources sources = {at::arange(height, numbers).view({1, -1, 1}),
                     at::arange(width, numbers).view({1, 1, -1}),
                     at::ones({1, 1, 1}, numbers.dtype(at::kBool)), height,
                     width};
  // From the view back to the image: the last step first.
  int64_t end = this->draws();
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    end -= step->kind->draws;
    step->kind->trace(draws.narrow(1, end, step->kind->draws), step->amount,
                      sources);
  }
  const at::Tensor places = (sources.rows.clamp(0, height - 1) * width +
                             sources.columns.clamp(0, width - 1))
                                .expand({images.size(0), height, width})
                                .flatten(1)
                                .unsqueeze(1)
                                .expand({-1, images.size(1), -1});
  const at::Tensor moved = images.flatten(2).gather(2, places);
  return at::where(sources.inside.unsqueeze(1), moved.view(images.sizes()),
                   black.view({-1, 1, 1}));
}

}  // namespace distill
