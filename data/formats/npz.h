// NumPy's .npz files (numpy.org, "numpy.lib.format"): a zip archive whose
// members NAME.npy are arrays. numpy.savez and numpy.savez_compressed write
// them. A .npy file, which numpy.save writes, is one such member. Nothing in
// them is run: arrays of Python objects, which are pickles, are refused.
#ifndef DISTILL_DATA_FORMATS_NPZ_H_
#define DISTILL_DATA_FORMATS_NPZ_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/formats/regular_file.h"
#include "data/formats/zip.h"

namespace distill {

// What an array is, without its values.
struct NpyHeader {
  // 'b' (bool), 'i', 'u' (integers with a sign and without) or 'f' (floats),
  // and the bytes of an element: 1 for 'b', else 1 (not 'f'), 2, 4 or 8.
  char kind = 'u';
  int width = 1;
  // At least 1 in each dimension; none for a single value. The bytes of all
  // elements are at most 2^62.
  std::vector<int64_t> shape;

  // How the file has it: the highest byte of an element first, the first
  // dimension fastest, and from which byte of its member on.
  bool big_endian = false, fortran_order = false;
  size_t begin = 0;

  std::string Explain() const;  // "uint8 [60000, 28, 28]"
};

struct NpyArray : NpyHeader {
  // The elements, row-major (the last dimension runs fastest), the lowest byte
  // of each first, whatever the file's order.
  std::vector<uint8_t> bytes;
};

// Where memory does not do, it throws std::bad_alloc.
class NpzFile {
 public:
  // Errors here and below have the absolute path, what was found, what was
  // expected and what to do: those of RegularFile and of data/formats/zip.h;
  // NotFound for no such array; InvalidArgument for a file without arrays, or
  // an array of another kind than those above; DataLoss for a corrupt one.
  //
  // Of a .npy file the one array is called `bare_name`; with an empty one it
  // is no archive.
  static absl::StatusOr<NpzFile> Open(const std::string& path,
                                      const std::string& bare_name = "");

  const std::string& path() const { return file_->path(); }  // Absolute.
  // By name; without ".npy", as NumPy has them.
  const std::map<std::string, ZipMember>& arrays() const { return arrays_; }
  bool Has(const std::string& name) const { return arrays_.count(name) > 0; }

  // Reads the array's beginning alone: its values may still be corrupt.
  absl::StatusOr<NpyHeader> Header(const std::string& name) const;

  // Memory grows as the bytes come, and never beyond what the header says.
  // Values in Fortran's order take twice their size for a while.
  absl::StatusOr<NpyArray> Read(const std::string& name) const;

  // The values of an array of integers or bool, row-major: labels.
  // InvalidArgument for floats, and for a value of 2^63 or more.
  absl::StatusOr<std::vector<int64_t>> Integers(const std::string& name) const;

 private:
  std::unique_ptr<RegularFile> file_;
  // As ReadZipMember.
  absl::StatusOr<std::vector<uint8_t>> Bytes(const std::string& name,
                                             uint64_t most) const;

  std::map<std::string, ZipMember> arrays_;
  bool is_bare_ = false;
};

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_NPZ_H_
