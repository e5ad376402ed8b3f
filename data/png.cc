#include "data/png.h"

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include "base/status.h"
#include "data/orientation.h"

namespace distill {
namespace {

constexpr size_t kSignatureSize = 8;
// Texts and profiles in the file are not wanted; one that unpacks to more is
// refused.
constexpr png_alloc_size_t kMaxChunk = png_alloc_size_t{1} << 23;

uint8_t OverWhite(uint8_t value, uint8_t alpha) {
  return static_cast<uint8_t>((value * alpha + 255 * (255 - alpha) + 127) /
                              255);
}

// One row of `found` channels, 1 (grey), 2 (grey, alpha), 3 (colour) or 4
// (colour, alpha), as one of `channels`, 1 or 3. Grey of what is partly
// transparent is luma first, in whole numbers, and then laid over white.
void Convert(const uint8_t* row, int64_t width, int found, int64_t channels,
             uint8_t* to) {
  for (int64_t x = 0; x < width; ++x, row += found) {
    for (int64_t c = 0; c < channels; ++c) {
      uint8_t value = row[0];
      if (found >= 3) {
        value = channels == 1 ? Luma(row[0], row[1], row[2]) : row[c];
      }
      *to++ = found % 2 == 0 ? OverWhite(value, row[found - 1]) : value;
    }
  }
}

// libpng tells of an error by a call that must not return, so that we have to
// longjmp out of it. The steps below are what is jumped out of: they own
// nothing, and all memory belongs to this object.
class Decoder {
 public:
  explicit Decoder(absl::string_view bytes) : rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &Decoder::Error,
                                  &Decoder::Warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Each returns false after an error, which message() then tells.
  bool ReadHeader() { return Try(&Decoder::HeaderStep); }
  // After ReadHeader, and CheckImageSize of what it found.
  bool ReadPixels(int64_t channels, Picture* picture) {
    if (!Try(&Decoder::FormatStep)) return false;
    rows_.resize(png_get_rowbytes(png_, info_) *
                 (passes_ > 1 ? static_cast<size_t>(height()) : 1));
    const int64_t found = png_get_channels(png_, info_) >= 3 ? 3 : 1;
    *picture = {channels == 0 ? found : channels, height(), width(), {}};
    picture->pixels.resize(picture->size());
    picture_ = picture;
    return Try(&Decoder::PixelsStep);
  }

  // After ReadPixels: Exif's data may come after the pixels.
  int orientation() {
    png_uint_32 size = 0;
    png_bytep exif = nullptr;
    if (png_get_eXIf_1(png_, info_, &size, &exif) == 0) return 1;
    return ExifOrientation({reinterpret_cast<const char*>(exif), size});
  }

  int64_t height() const { return png_get_image_height(png_, info_); }
  int64_t width() const { return png_get_image_width(png_, info_); }
  const char* message() const { return message_; }

 private:
  static void Error(png_structp png, png_const_charp message) {
    auto* self = static_cast<Decoder*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof(self->message_), "%s", message);
    png_longjmp(png, 1);
  }
  static void Warning(png_structp, png_const_charp) {}
  static void Read(png_structp png, png_bytep to, size_t count) {
    auto* self = static_cast<Decoder*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) png_error(png, "it ends early");
    std::memcpy(to, self->rest_.data(), count);
    self->rest_.remove_prefix(count);
  }

  bool Try(void (Decoder::*step)()) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    (this->*step)();
    return true;
  }

  void HeaderStep() {
    png_set_read_fn(png_, this, &Decoder::Read);
    // The limit on the size is our own, so that the message has the size.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png_, kMaxChunk);
    // What is not wanted is not kept either.
    static const png_byte unwanted[] = "tEXt\0zTXt\0iTXt\0iCCP\0sPLT";
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, unwanted, 5);
    png_read_info(png_, info_);
  }
  void FormatStep() {
    png_set_expand(png_);  // Palettes to colours, 1, 2, 4 bits to 8, tRNS.
    png_set_scale_16(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }
  void PixelsStep() {
    const size_t row_bytes = png_get_rowbytes(png_, info_);
    const int channels = png_get_channels(png_, info_);
    for (int pass = 0; pass < passes_; ++pass) {
      for (int64_t y = 0; y < height(); ++y) {
        // A pass adds pixels to rows that the one before has left.
        uint8_t* row = rows_.data() +
                       (passes_ > 1 ? static_cast<size_t>(y) : 0) * row_bytes;
        png_read_row(png_, row, nullptr);
        if (pass + 1 == passes_) {
          Convert(row, width(), channels, picture_->channels, picture_->row(y));
        }
      }
    }
    png_read_end(png_, info_);
  }

  absl::string_view rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  std::vector<uint8_t> rows_;  // One, or all where rows come in passes.
  Picture* picture_ = nullptr;
  char message_[128] = "";
};

}  // namespace

bool IsPng(absl::string_view bytes) {
  return bytes.size() >= kSignatureSize &&
         png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0,
                     kSignatureSize) == 0;
}

absl::StatusOr<Picture> DecodePng(absl::string_view bytes,
                                  const std::string& name, int64_t channels) {
  Decoder decoder(bytes);
  if (!decoder.ReadHeader()) {
    return CorruptImage(name, "PNG", decoder.message());
  }
  RETURN_IF_ERROR(CheckImageSize(name, decoder.height(), decoder.width()));
  Picture picture;
  if (!decoder.ReadPixels(channels, &picture)) {
    return CorruptImage(name, "PNG", decoder.message());
  }
  return Turn(std::move(picture), decoder.orientation());
}

}  // namespace distill
