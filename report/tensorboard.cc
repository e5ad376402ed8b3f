#include "report/tensorboard.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/protobuf_writer.h"
#include "report/metrics.h"
#include "report/png.h"

namespace distill {
namespace {

// Fields of the messages.
namespace field {
namespace event {
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5;
}
namespace summary {
constexpr int kValue = 1;
}
namespace value {
constexpr int kTag = 1, kSimpleValue = 2, kImage = 4;
}
namespace image {
constexpr int kHeight = 1, kWidth = 2, kColorspace = 3, kEncoded = 4;
}
}  // namespace field

constexpr int kGrey = 1;    // Image::colorspace.
constexpr int kSide = 240;  // Of an image, about, in pixels.

// CRC-32C (Castagnoli), bit by bit reversed as RFC 3720 has it, by a table.
uint32_t Crc32c(const std::string& bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> made = {};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) {
        crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
      }
      made[i] = crc;
    }
    return made;
  }();
  uint32_t crc = 0xffffffffu;
  for (const char c : bytes) {
    crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  }
  return ~crc;
}

// The lowest byte first.
template <typename T>
std::string Bytes(T number) {
  return std::string(reinterpret_cast<const char*>(&number), sizeof(T));
}

// A checksum as TFRecord stores it: turned, so that one of bytes that hold
// checksums is a good one too.
std::string MaskedCrc(const std::string& bytes) {
  const uint32_t crc = Crc32c(bytes);
  return Bytes((crc >> 15 | crc << 17) + 0xa282ead8u);
}

class Events {
 public:
  explicit Events(double wall_time) : wall_time_(wall_time) {
    ProtobufWriter first;
    first.Double(field::event::kWallTime, wall_time_);
    first.Bytes(field::event::kFileVersion, "brain.Event:2");
    Record(first.bytes());
  }

  void Scalar(const std::string& tag, int64_t step, double number) {
    if (!std::isfinite(number)) return;
    ProtobufWriter value;
    value.Bytes(field::value::kTag, tag);
    value.Float(field::value::kSimpleValue, static_cast<float>(number));
    Value(step, value);
  }

  // `pixels` [side, side], grey.
  void Image(const std::string& tag, int64_t step, int64_t side,
             const std::vector<uint8_t>& pixels) {
    ProtobufWriter image;
    image.Int(field::image::kHeight, side);
    image.Int(field::image::kWidth, side);
    image.Int(field::image::kColorspace, kGrey);
    image.Bytes(field::image::kEncoded, Png(pixels.data(), {1, side, side}));
    ProtobufWriter value;
    value.Bytes(field::value::kTag, tag);
    value.Message(field::value::kImage, image);
    Value(step, value);
  }

  const std::string& file() const { return file_; }

 private:
  void Value(int64_t step, const ProtobufWriter& value) {
    ProtobufWriter summary, event;
    summary.Message(field::summary::kValue, value);
    event.Double(field::event::kWallTime, wall_time_);
    event.Int(field::event::kStep, step);
    event.Message(field::event::kSummary, summary);
    Record(event.bytes());
  }

  void Record(const std::string& bytes) {
    const std::string length = Bytes(static_cast<uint64_t>(bytes.size()));
    absl::StrAppend(&file_, length, MaskedCrc(length), bytes, MaskedCrc(bytes));
  }

  const double wall_time_;
  std::string file_;
};

// Rows of labels, columns of predictions; black is all of a label's images.
void AddConfusion(const ModelMetrics& metrics, const std::string& tag,
                  int64_t step, Events* events) {
  const int64_t cell = std::max<int64_t>(1, kSide / metrics.classes);
  const int64_t side = cell * metrics.classes;
  std::vector<uint8_t> pixels;
  for (int64_t y = 0; y < side; ++y) {
    const int64_t images = metrics.label_samples[y / cell];
    for (int64_t x = 0; x < side; ++x) {
      const auto count =
          static_cast<double>(metrics.Confused(y / cell, x / cell));
      // The root shows the few that are wrong.
      const double share =
          count / static_cast<double>(std::max<int64_t>(images, 1));
      pixels.push_back(static_cast<uint8_t>(255 - 255 * std::sqrt(share)));
    }
  }
  events->Image(tag, step, side, pixels);
}

// A bar a bin, as high as its share of right predictions, and the diagonal
// where a calibrated model's bars end.
void AddCalibration(const ModelMetrics& metrics, const std::string& tag,
                    int64_t step, Events* events) {
  constexpr int64_t kBar = kSide / kCalibrationBins;
  constexpr int64_t kPlot = kBar * kCalibrationBins;
  std::vector<uint8_t> pixels(kPlot * kPlot, 255);
  for (int64_t x = 0; x < kPlot; ++x) {
    const CalibrationBin& bin = metrics.bins[x / kBar];
    const int64_t height =
        bin.samples == 0 || x % kBar == 0 ? 0 : kPlot * bin.hits / bin.samples;
    for (int64_t y = 0; y < height; ++y) {
      pixels[(kPlot - 1 - y) * kPlot + x] = 170;
    }
    pixels[(kPlot - 1 - x) * kPlot + x] = 0;
  }
  events->Image(tag, step, kPlot, pixels);
}

}  // namespace

std::string EventFile(const Analysis& analysis, double wall_time) {
  Events events(wall_time);
  const auto& stages = analysis.first().stages;
  for (size_t i = 0; i < stages.size(); ++i) {
    const StageResult& stage = *stages[i].stage;
    const std::string name = "/" + StageName(static_cast<int>(i));
    for (const CurvePoint& point : stage.training.curve) {
      events.Scalar("total loss" + name, point.step, point.losses.total);
      events.Scalar("soft term" + name, point.step, point.losses.soft);
      events.Scalar("hard term" + name, point.step, point.losses.hard);
    }
    for (const AccuracyPoint& point : AccuraciesOf(stage)) {
      events.Scalar("accuracy" + name, point.step, point.accuracy);
    }
    AddCalibration(stages[i].metrics, "calibration" + name,
                   stage.training.steps, &events);
    if (stages[i].metrics.classes <= kMostMatrixClasses) {
      AddConfusion(stages[i].metrics, "confusion" + name, stage.training.steps,
                   &events);
    }
  }
  return events.file();
}

}  // namespace distill
