#include "data/jpeg.h"

#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdint>
#include <cstdio>  // jpeglib.h wants it.
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "data/orientation.h"

namespace distill {
namespace {

// A progressive file has about ten; thousands of empty ones keep a decoder busy
// for hours.
constexpr int kMaxScans = 100;
constexpr unsigned kMaxMarker = 0xFFFF;
constexpr int kExifMarker = JPEG_APP0 + 1;

// Of libjpeg's warnings, those after which pixels are as the camera had them.
bool IsHarmless(int warning) {
  return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_ADOBE_XFORM ||
         warning == JWRN_JFIF_MAJOR;
}

void InksToRgb(const uint8_t* inks, int64_t width, uint8_t* rgb) {
  for (int64_t x = 0; x < width; ++x, inks += 4) {
    for (int c = 0; c < 3; ++c) {
      *rgb++ = static_cast<uint8_t>((inks[c] * inks[3] + 127) / 255);
    }
  }
}

// libjpeg tells of an error by a call that must not return: see png.cc. The
// steps own nothing.
class Decoder {
 public:
  explicit Decoder(absl::string_view bytes) : bytes_(bytes) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = &Decoder::Error;
    errors_.emit_message = &Decoder::Emit;
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = &Decoder::Progress;
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Each returns false after an error, which message() then tells.
  bool ReadHeader() { return Try(&Decoder::HeaderStep); }
  // After ReadHeader, and CheckImageSize of what it found.
  bool ReadPixels(int64_t channels, Picture* picture) {
    const int64_t found = info_.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
    // libjpeg makes no RGB of inks.
    *picture = {
        has_inks() || channels == 0 ? found : channels, height(), width(), {}};
    picture->pixels.resize(picture->size());
    if (has_inks()) inks_.resize(static_cast<size_t>(4 * width()));
    picture_ = picture;
    return Try(&Decoder::PixelsStep);
  }

  int64_t height() const { return info_.image_height; }
  int64_t width() const { return info_.image_width; }
  int channels() const { return info_.num_components; }
  bool has_colors() const {
    return info_.jpeg_color_space == JCS_GRAYSCALE ||
           info_.jpeg_color_space == JCS_YCbCr ||
           info_.jpeg_color_space == JCS_RGB || has_inks();
  }
  bool has_inks() const {
    return info_.jpeg_color_space == JCS_CMYK ||
           info_.jpeg_color_space == JCS_YCCK;
  }
  int orientation() const {
    for (auto* marker = info_.marker_list; marker != nullptr;
         marker = marker->next) {
      absl::string_view exif(reinterpret_cast<const char*>(marker->data),
                             marker->data_length);
      if (!absl::ConsumePrefix(&exif, absl::string_view("Exif\0\0", 6))) {
        continue;
      }
      const int found = ExifOrientation(exif);
      if (found != 1) return found;
    }
    return 1;
  }
  const char* message() const { return message_; }

 private:
  static Decoder& Self(j_common_ptr info) {
    return *static_cast<Decoder*>(info->client_data);
  }
  static void Error(j_common_ptr info) {
    Decoder& self = Self(info);
    (*info->err->format_message)(info, self.message_);
    std::longjmp(self.jump_, 1);
  }
  static void Emit(j_common_ptr info, int level) {
    // Below 0 is a warning: something is damaged or missing.
    if (level < 0 && !IsHarmless(info->err->msg_code)) Error(info);
  }
  static void Progress(j_common_ptr info) {
    Decoder& self = Self(info);
    if (self.info_.input_scan_number <= kMaxScans) return;
    std::snprintf(self.message_, sizeof(self.message_), "more than %d scans",
                  kMaxScans);
    std::longjmp(self.jump_, 1);
  }

  bool Try(void (Decoder::*step)()) {
    if (setjmp(jump_) != 0) return false;
    (this->*step)();
    return true;
  }

  void HeaderStep() {
    // Clears the structure but for the error manager and client_data.
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_save_markers(&info_, kExifMarker, kMaxMarker);
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes_.data()),
                 bytes_.size());
    jpeg_read_header(&info_, TRUE);
  }
  void PixelsStep() {
    info_.out_color_space = has_inks()                ? JCS_CMYK
                            : picture_->channels == 1 ? JCS_GRAYSCALE
                                                      : JCS_RGB;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      uint8_t* const to = picture_->row(info_.output_scanline);
      JSAMPROW row = has_inks() ? inks_.data() : to;
      jpeg_read_scanlines(&info_, &row, 1);
      if (has_inks()) InksToRgb(row, width(), to);
    }
    jpeg_finish_decompress(&info_);
  }

  absl::string_view bytes_;
  jpeg_decompress_struct info_ = {};
  jpeg_error_mgr errors_ = {};
  jpeg_progress_mgr progress_ = {};
  std::jmp_buf jump_;
  Picture* picture_ = nullptr;
  std::vector<uint8_t> inks_;  // One row of inks.
  char message_[JMSG_LENGTH_MAX] = "";
};

}  // namespace

bool IsJpeg(absl::string_view bytes) {
  return absl::StartsWith(bytes, "\xFF\xD8\xFF");
}

absl::StatusOr<Picture> DecodeJpeg(absl::string_view bytes,
                                   const std::string& name, int64_t channels) {
  Decoder decoder(bytes);
  if (!decoder.ReadHeader()) {
    return CorruptImage(name, "JPEG", decoder.message());
  }
  RETURN_IF_ERROR(CheckImageSize(name, decoder.height(), decoder.width()));
  if (!decoder.has_colors()) {
    return Unexpected(absl::StatusCode::kInvalidArgument, name,
                      absl::StrCat("a JPEG of ", decoder.channels(),
                                   " channels without known colours"),
                      "grey, RGB or CMYK", "Save the image as RGB or as PNG.");
  }
  // libjpeg forgets the markers when it has read the pixels.
  const int orientation = decoder.orientation();
  Picture picture;
  if (!decoder.ReadPixels(channels, &picture)) {
    return CorruptImage(name, "JPEG", decoder.message());
  }
  return WithChannels(Turn(std::move(picture), orientation), channels);
}

}  // namespace distill
