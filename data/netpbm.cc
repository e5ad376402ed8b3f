#include "data/netpbm.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace distill {
namespace {

constexpr int64_t kLargestNumber = int64_t{1} << 31;
constexpr int64_t kLargestMaxval = 65535;

// Reads the file's numbers from the front.
class Reader {
 public:
  explicit Reader(absl::string_view bytes) : rest_(bytes) {}

  // The next number, after blanks and comments (from # to the end of the line);
  // -1 where there is none, or an absurd one.
  int64_t Number() {
    SkipBlanks();
    if (rest_.empty() || !absl::ascii_isdigit(rest_[0])) return -1;
    int64_t value = 0;
    while (!rest_.empty() && absl::ascii_isdigit(rest_[0])) {
      value = 10 * value + (rest_[0] - '0');
      if (value > kLargestNumber) return -1;
      rest_.remove_prefix(1);
    }
    return value;
  }
  absl::string_view rest() const { return rest_; }

 private:
  void SkipBlanks() {
    while (!rest_.empty()) {
      if (rest_[0] == '#') {
        const size_t end = rest_.find_first_of("\r\n");
        rest_.remove_prefix(end == rest_.npos ? rest_.size() : end);
      } else if (absl::ascii_isspace(rest_[0])) {
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }
  absl::string_view rest_;
};

// Fills the pixels with what `next` gives, scaled; -1 is the end. False if a
// value is out of range or missing.
template <typename Next>
bool Fill(int64_t maxval, const Next& next, Picture* picture) {
  picture->pixels.resize(picture->size());
  for (uint8_t& pixel : picture->pixels) {
    const int64_t value = next();
    if (value < 0 || value > maxval) return false;
    pixel = static_cast<uint8_t>((value * 255 + maxval / 2) / maxval);
  }
  return true;
}

}  // namespace

bool IsNetpbm(absl::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == 'P' &&
         absl::StrContains("2356", bytes.substr(1, 1));
}

absl::StatusOr<Picture> DecodeNetpbm(absl::string_view bytes,
                                     const std::string& name,
                                     int64_t channels) {
  const bool text = bytes[1] == '2' || bytes[1] == '3';
  const bool coloured = bytes[1] == '3' || bytes[1] == '6';
  const char* const kind = coloured ? "PPM" : "PGM";
  Reader reader(bytes.substr(2));
  Picture picture;
  picture.channels = coloured ? 3 : 1;
  picture.width = reader.Number();
  picture.height = reader.Number();
  const int64_t maxval = reader.Number();
  if (picture.width < 0 || picture.height < 0 || maxval < 1 ||
      maxval > kLargestMaxval) {
    return CorruptImage(name, kind,
                        "its header lacks a width, a height, or a maxval from "
                        "1 to 65535");
  }
  RETURN_IF_ERROR(CheckImageSize(name, picture.height, picture.width));
  const auto count = static_cast<int64_t>(picture.size());
  absl::string_view rest = reader.rest();
  const auto bytes_left = static_cast<int64_t>(rest.size());
  // As text, a digit and a blank before it each; else one blank before all.
  const int64_t each = text || maxval > 255 ? 2 : 1;
  if (bytes_left < count * each + (text ? 0 : 1)) {
    return CorruptImage(name, kind,
                        absl::StrCat(bytes_left, " bytes are too few for ",
                                     picture.width, " x ", picture.height));
  }
  size_t place = 1;
  const auto next = [&rest, &place, each] {
    int64_t value = static_cast<uint8_t>(rest[place++]);
    if (each == 2) value = value << 8 | static_cast<uint8_t>(rest[place++]);
    return value;
  };
  if (text) {
    if (!Fill(
            maxval, [&reader] { return reader.Number(); }, &picture)) {
      return CorruptImage(
          name, kind,
          absl::StrCat("fewer than ", count, " numbers from 0 to ", maxval));
    }
  } else if (!Fill(maxval, next, &picture)) {
    return CorruptImage(name, kind, absl::StrCat("a value above ", maxval));
  }
  return WithChannels(std::move(picture), channels);
}

}  // namespace distill
