#include "tests/testing/npz.h"

#include <zlib.h>

#include <cstdlib>

namespace distill {
namespace testing {
namespace {

constexpr uint64_t kInZip64 = 0xffffffff;

// The lowest byte first.
std::string Number(uint64_t number, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i, number >>= 8) {
    bytes += static_cast<char>(number);
  }
  return bytes;
}

std::string Deflate(const std::string& content) {
  z_stream stream = {};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    std::abort();
  }
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

}  // namespace

std::string NpyFileOf(const std::string& header, const std::string& data,
                      int version) {
  return "\x93NUMPY" + Number(version, 2) +
         Number(header.size(), version == 1 ? 2 : 4) + header + data;
}

std::string NpyFile(const std::string& descr, const std::vector<int64_t>& shape,
                    const std::string& data, bool fortran_order) {
  std::string sizes;
  for (const int64_t size : shape) sizes += std::to_string(size) + ", ";
  // Python ends a tuple of one with a comma, others not.
  if (!sizes.empty()) sizes.resize(sizes.size() - (shape.size() == 1 ? 1 : 2));
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " +
                       (fortran_order ? "True" : "False") + ", 'shape': (" +
                       sizes + "), }";
  // The data begin at a multiple of 64.
  header.resize((header.size() + 11 + 63) / 64 * 64 - 11, ' ');
  return NpyFileOf(header + "\n", data);
}

std::string ZipArchive(const std::vector<ZipEntry>& entries,
                       const std::string& comment, bool zip64) {
  std::string file, directory;
  for (const ZipEntry& entry : entries) {
    const std::string packed =
        entry.deflated ? Deflate(entry.bytes) : entry.bytes;
    const std::string crc =
        Number(crc32_z(0, reinterpret_cast<const Bytef*>(entry.bytes.data()),
                       entry.bytes.size()),
               4);
    const std::string start = Number(entry.sizes_follow ? 8 : 0, 2) +
                              Number(entry.deflated ? 8 : 0, 2) + Number(0, 4);
    const auto sizes = [](uint64_t first, uint64_t second, int width) {
      return Number(first, width) + Number(second, width);
    };
    const std::string long_sizes = sizes(entry.bytes.size(), packed.size(), 8);
    const std::string short_sizes =
        entry.zip64 ? sizes(kInZip64, kInZip64, 4)
                    : sizes(packed.size(), entry.bytes.size(), 4);
    const auto extra = [&](const std::string& field) {
      return entry.zip64 ? Number(1, 2) + Number(field.size(), 2) + field : "";
    };
    const std::string local_extra = extra(long_sizes);
    const std::string extra_field = extra(long_sizes + Number(file.size(), 8));
    directory += "PK\1\2" + Number(45, 2) + Number(45, 2) + start + crc +
                 short_sizes + Number(entry.name.size(), 2) +
                 Number(extra_field.size(), 2) + Number(0, 10) +
                 Number(entry.zip64 ? kInZip64 : file.size(), 4) + entry.name +
                 extra_field;
    file += "PK\3\4" + Number(45, 2) + start +
            (entry.sizes_follow ? Number(0, 12) : crc + short_sizes) +
            Number(entry.name.size(), 2) + Number(local_extra.size(), 2) +
            entry.name + local_extra + packed;
    if (entry.sizes_follow) file += "PK\7\10" + crc + short_sizes;
  }
  const uint64_t directory_at = file.size(), count = entries.size();
  file += directory;
  if (zip64) {
    file += "PK\6\6" + Number(44, 8) + Number(45, 2) + Number(45, 2) +
            Number(0, 8) + Number(count, 8) + Number(count, 8) +
            Number(directory.size(), 8) + Number(directory_at, 8) + "PK\6\7" +
            Number(0, 4) + Number(directory_at + directory.size(), 8) +
            Number(1, 4);
  }
  return file + "PK\5\6" + Number(0, 4) + Number(zip64 ? 0xffff : count, 2) +
         Number(zip64 ? 0xffff : count, 2) +
         Number(zip64 ? kInZip64 : directory.size(), 4) +
         Number(zip64 ? kInZip64 : directory_at, 4) +
         Number(comment.size(), 2) + comment;
}

}  // namespace testing
}  // namespace distill
