#include "data/jpeg.h"

#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <cstdint>
#include <cstdio>  // jpeglib.h wants it.
#include <utility>

#include "absl/strings/match.h"

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
  bool ReadPixels(GreyImage* image) {
    image->height = height();
    image->width = width();
    image->pixels.resize(static_cast<size_t>(height() * width()));
    to_ = image->pixels.data();
    return Try(&Decoder::PixelsStep);
  }

  int64_t height() const { return info_.image_height; }
  int64_t width() const { return info_.image_width; }
  bool has_luma() const {
    return info_.jpeg_color_space == JCS_GRAYSCALE ||
           info_.jpeg_color_space == JCS_YCbCr ||
           info_.jpeg_color_space == JCS_RGB;
  }
  int orientation() const {
    for (auto* marker = info_.marker_list; marker != nullptr;
         marker = marker->next) {
      const int found = internal::ExifOrientation(
          {reinterpret_cast<const char*>(marker->data), marker->data_length});
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
    info_.out_color_space = JCS_GRAYSCALE;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = to_ + int64_t{info_.output_scanline} * width();
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
  }

  absl::string_view bytes_;
  jpeg_decompress_struct info_ = {};
  jpeg_error_mgr errors_ = {};
  jpeg_progress_mgr progress_ = {};
  std::jmp_buf jump_;
  uint8_t* to_ = nullptr;
  char message_[JMSG_LENGTH_MAX] = "";
};

// The picture as it is to be seen, of one that was stored with `orientation`.
GreyImage Turn(GreyImage image, int orientation) {
  if (orientation == 1) return image;
  const bool swapped = orientation >= 5;
  const bool from_below = orientation == 3 || orientation == 4 ||
                          orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 ||
                          orientation == 7 || orientation == 8;
  GreyImage turned = image;
  if (swapped) std::swap(turned.height, turned.width);
  auto to = turned.pixels.begin();
  for (int64_t y = 0; y < turned.height; ++y) {
    for (int64_t x = 0; x < turned.width; ++x) {
      int64_t row = swapped ? x : y, column = swapped ? y : x;
      if (from_below) row = image.height - 1 - row;
      if (from_right) column = image.width - 1 - column;
      *to++ = image.pixels[static_cast<size_t>(row * image.width + column)];
    }
  }
  return turned;
}

// Reads numbers of a TIFF structure, in its byte order.
class Tiff {
 public:
  Tiff(absl::string_view bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  // The number of `size` bytes at `place`; 0 outside of the bytes.
  uint32_t Number(uint64_t place, int size) const {
    if (place + static_cast<uint64_t>(size) > bytes_.size()) return 0;
    uint32_t value = 0;
    for (int i = 0; i < size; ++i) {
      const uint64_t at = place + (big_endian_ ? i : size - 1 - i);
      value = value << 8 | static_cast<uint8_t>(bytes_[at]);
    }
    return value;
  }

 private:
  absl::string_view bytes_;
  bool big_endian_;
};

}  // namespace

namespace internal {

int ExifOrientation(absl::string_view app1) {
  constexpr absl::string_view kExif("Exif\0\0", 6);
  constexpr uint32_t kOrientationTag = 0x0112;
  if (!absl::StartsWith(app1, kExif)) return 1;
  const absl::string_view bytes = app1.substr(kExif.size());
  const Tiff tiff(bytes, absl::StartsWith(bytes, "MM"));
  const uint64_t directory = tiff.Number(4, 4);
  const uint32_t entries = tiff.Number(directory, 2);
  for (uint64_t i = 0; i < entries; ++i) {
    const uint64_t entry = directory + 2 + 12 * i;
    if (tiff.Number(entry, 2) != kOrientationTag) continue;
    const uint32_t value = tiff.Number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace internal

bool IsJpeg(absl::string_view bytes) {
  return absl::StartsWith(bytes, "\xFF\xD8\xFF");
}

absl::StatusOr<GreyImage> DecodeJpeg(absl::string_view bytes,
                                     const std::string& name) {
  Decoder decoder(bytes);
  if (!decoder.ReadHeader()) {
    return CorruptImage(name, "JPEG", decoder.message());
  }
  const absl::Status size =
      CheckImageSize(name, decoder.height(), decoder.width());
  if (!size.ok()) return size;
  if (!decoder.has_luma()) {
    return ImageError(absl::StatusCode::kInvalidArgument, name,
                      "a JPEG of printing inks (CMYK)", "a grey or RGB one",
                      "Save the image as RGB or as PNG.");
  }
  // libjpeg forgets the markers when it has read the pixels.
  const int orientation = decoder.orientation();
  GreyImage image;
  if (!decoder.ReadPixels(&image)) {
    return CorruptImage(name, "JPEG", decoder.message());
  }
  return Turn(std::move(image), orientation);
}

}  // namespace distill
