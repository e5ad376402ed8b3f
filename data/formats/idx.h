// Files in the IDX format, the format of MNIST (Y. LeCun, C. Cortes, C. Burges,
// "The MNIST database of handwritten digits"): two zero bytes, a type code, the
// number of dimensions, each dimension as a 32-bit big-endian number, and then
// the values, the last dimension running fastest.
#ifndef DISTILL_DATA_FORMATS_IDX_H_
#define DISTILL_DATA_FORMATS_IDX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/formats/packed_file.h"

namespace distill {

// The type codes that are read.
enum class IdxType : uint8_t { kByte = 0x08, kInt32 = 0x0C };

struct IdxArray {
  IdxType type = IdxType::kByte;
  // 1 to 4 dimensions, each at least 1.
  std::vector<int64_t> dims;
  // Row-major; as many as the product of `dims`, or for integers four bytes
  // each, big-endian.
  std::vector<uint8_t> values;
  // CRC-32 (the one of gzip) of the whole unpacked file, header included.
  uint32_t crc32 = 0;
};

// The array in the file `path`: unsigned bytes (type code 0x08) or 32-bit
// integers (0x0C), any sizes.
//
// The file may be plain or gzip (RFC 1952, more than one member too); its first
// two bytes decide, not its name. Memory is never taken on the word of the
// header alone: a plain file must have the size that its header says, and for a
// gzip file memory grows as the bytes come. No gzip file is unpacked beyond
// the size that its header says.
//
// Errors, each with the absolute path, what was found, what was expected and
// what to do:
//   NotFound           no such file, or a link to none
//   PermissionDenied   the file may not be read
//   InvalidArgument    not a regular file, or not an IDX file of this kind: the
//                      first two bytes, type code, number of dimensions, or a
//                      dimension that is 0, or a product beyond 63 bits
//   DataLoss           empty, incomplete, too long, or corrupt (the CRC of .gz)
//   ResourceExhausted  not enough memory
//   Unavailable        the operating system could not read the file
absl::StatusOr<IdxArray> ReadIdx(const std::string& path);

// What the unpacked IDX file of that shape, 1 to 255 dimensions, begins with.
std::string IdxHeader(const std::vector<int64_t>& dims, IdxType type);

namespace internal {

// With another read(2).
absl::StatusOr<IdxArray> ReadIdx(const std::string& path, ReadFunction read);

}  // namespace internal
}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_IDX_H_
