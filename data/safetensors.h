// Tensors in a file that Python and Rust read too, without running anything in
// it.
#ifndef DISTILL_DATA_SAFETENSORS_H_
#define DISTILL_DATA_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace distill {

struct SafeTensor {
  std::string name;
  std::string dtype;  // "F32", "BF16", "I64", ...: see DtypeSize.
  std::vector<int64_t> shape;
  std::string bytes;  // Row-major, little endian.
};

// What a file holds. The format (github.com/huggingface/safetensors): the
// length of the header as 8 bytes, little endian; the header, a JSON object of
// each tensor's dtype, shape and place, and of "__metadata__", texts by name;
// then the tensors' bytes without a gap.
struct SafeTensors {
  std::vector<SafeTensor> tensors;  // In the order of their bytes.
  std::map<std::string, std::string> metadata;

  // The tensor of that name; null if there is none.
  const SafeTensor* Find(absl::string_view name) const;
};

// Bytes of one number of that dtype; 0 for one that is not known.
int64_t DtypeSize(absl::string_view dtype);

// The file's bytes; the same for the same tensors and metadata. The tensors
// must be right: names that differ, known dtypes, as many bytes as the shape
// says (InvalidArgument names the first that is not).
absl::StatusOr<std::string> SerializeSafeTensors(const SafeTensors& file);

// The reverse. `name` is the file's, for messages. DataLoss, with what was
// found and what was expected, for anything but a whole file of this format: a
// header that is cut off, absurdly long or no such JSON, an unknown dtype, a
// shape that does not fit the bytes or whose product overflows, bytes that
// overlap, are missing, left over, or outside the file.
absl::StatusOr<SafeTensors> ParseSafeTensors(absl::string_view bytes,
                                             const std::string& name);

// The parsed contents of a file. Errors: those of ReadFile and
// ParseSafeTensors.
absl::StatusOr<SafeTensors> ReadSafeTensors(const std::string& path);

}  // namespace distill

#endif  // DISTILL_DATA_SAFETENSORS_H_
