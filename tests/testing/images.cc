#include "tests/testing/images.h"

#include <jpeglib.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <cstdio>  // jpeglib.h wants it.
#include <cstdlib>

namespace distill {
namespace testing {

std::string PngFile(int64_t height, int64_t width, const PngKind& kind,
                    const std::vector<uint8_t>& samples) {
  std::string file;
  png_structp png = png_create_write_struct(
      PNG_LIBPNG_VER_STRING, nullptr,
      [](png_structp, png_const_charp) { std::abort(); }, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp self, png_bytep bytes, size_t count) {
        static_cast<std::string*>(png_get_io_ptr(self))
            ->append(reinterpret_cast<const char*>(bytes), count);
      },
      [](png_structp) {});
  png_set_IHDR(png, info, static_cast<png_uint_32>(width),
               static_cast<png_uint_32>(height), kind.depth, kind.color_type,
               kind.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> colors;
  for (size_t i = 0; i + 2 < kind.palette.size(); i += 3) {
    colors.push_back(
        {kind.palette[i], kind.palette[i + 1], kind.palette[i + 2]});
  }
  if (!colors.empty()) {
    png_set_PLTE(png, info, colors.data(), static_cast<int>(colors.size()));
  }
  if (!kind.opacity.empty()) {
    png_set_tRNS(png, info, kind.opacity.data(),
                 static_cast<int>(kind.opacity.size()), nullptr);
  }
  std::vector<uint8_t> exif(kind.exif.begin(), kind.exif.end());
  if (!exif.empty()) {
    png_set_eXIf_1(png, info, static_cast<png_uint_32>(exif.size()),
                   exif.data());
  }
  png_write_info(png, info);
  const size_t row_bytes = samples.size() / static_cast<size_t>(height);
  std::vector<uint8_t> copy = samples;
  std::vector<png_bytep> rows;
  for (int64_t y = 0; y < height; ++y) {
    rows.push_back(copy.data() + static_cast<size_t>(y) * row_bytes);
  }
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

std::string PngFile(const Picture& image) {
  return PngFile(image.height, image.width, PngKind(), image.pixels);
}

std::string JpegFile(int64_t height, int64_t width, int samples_a_pixel,
                     const std::vector<uint8_t>& samples, int quality,
                     bool progressive, const std::string& app1) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr errors = {};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: as libjpeg has it.
  jpeg_mem_dest(&info, &bytes, &size);
  info.image_height = static_cast<JDIMENSION>(height);
  info.image_width = static_cast<JDIMENSION>(width);
  info.input_components = samples_a_pixel;
  info.in_color_space = samples_a_pixel == 1   ? JCS_GRAYSCALE
                        : samples_a_pixel == 3 ? JCS_RGB
                                               : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, quality, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  if (!app1.empty()) {
    jpeg_write_marker(&info, JPEG_APP0 + 1,
                      reinterpret_cast<const JOCTET*>(app1.data()),
                      static_cast<unsigned>(app1.size()));
  }
  std::vector<uint8_t> copy = samples;
  for (int64_t y = 0; y < height; ++y) {
    JSAMPROW row = copy.data() + y * width * samples_a_pixel;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string file(reinterpret_cast<const char*>(bytes), size);
  jpeg_destroy_compress(&info);
  std::free(bytes);
  return file;
}

std::string PgmFile(const Picture& image) {
  return "P5\n" + std::to_string(image.width) + " " +
         std::to_string(image.height) + "\n255\n" +
         std::string(image.pixels.begin(), image.pixels.end());
}

const std::vector<Stroke> kSeven = {{0.3, 0.2, 0.7, 0.2},
                                    {0.7, 0.2, 0.45, 0.8}};

Picture Draw(int64_t height, int64_t width,
               const std::vector<Stroke>& strokes, double thickness,
               uint8_t ink, uint8_t paper) {
  Picture image;
  image.height = height;
  image.width = width;
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      double nearest = h + w;
      for (const Stroke& s : strokes) {
        const double dx = (s.x1 - s.x0) * w, dy = (s.y1 - s.y0) * h;
        const double px = static_cast<double>(x) + 0.5 - s.x0 * w;
        const double py = static_cast<double>(y) + 0.5 - s.y0 * h;
        const double along = std::clamp(
            (px * dx + py * dy) / std::max(dx * dx + dy * dy, 1e-9), 0., 1.);
        nearest =
            std::min(nearest, std::hypot(px - along * dx, py - along * dy));
      }
      const double covered =
          std::clamp(thickness * std::min(h, w) / 2 - nearest + 0.5, 0., 1.);
      image.pixels.push_back(
          static_cast<uint8_t>(paper + (ink - paper) * covered));
    }
  }
  return image;
}

}  // namespace testing
}  // namespace distill
