// NumPy's .npz files (numpy.org, "numpy.lib.format"): a zip archive whose
// members NAME.npy are arrays. numpy.savez and numpy.savez_compressed write
// them. Nothing in them is run: arrays of Python objects, which are pickles,
// are refused.
#ifndef DISTILL_DATA_FORMATS_NPZ_H_
#define DISTILL_DATA_FORMATS_NPZ_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "data/formats/zip.h"

namespace distill {

// What an array is, without its values.
struct NpyHeader {
  std::string name;  // "train_images"
  // 'b' (bool), 'i', 'u' (integers with a sign and without) or 'f' (floats),
  // and the bytes of an element: 1 for 'b', else 1 (not 'f'), 2, 4 or 8.
  char kind = 'u';
  int width = 1;
  // 0 to 4 dimensions, each at least 1; none for a single value. The bytes of
  // all elements are fewer than 2^62.
  std::vector<int64_t> shape;

  // By NumPy's name: "uint8".
  std::string dtype() const;
  // "uint8 [60000, 28, 28]"
  std::string Explain() const;
};

struct NpyArray : NpyHeader {
  // The elements, row-major (the last dimension runs fastest), the lowest byte
  // of each first, whatever the file's order.
  std::vector<uint8_t> bytes;
};

class NpzFile {
 public:
  // Opens a file and reads which arrays it has. The file stays open.
  //
  // Errors here and below have the absolute path, what was found, what was
  // expected and what to do:
  //   NotFound           no such file, or no such array
  //   PermissionDenied   the file may not be read
  //   InvalidArgument    not a regular file, not an .npz file, or an array of
  //                      another kind than those above
  //   DataLoss           empty, incomplete or corrupt
  //   ResourceExhausted  not enough memory
  //   Unavailable        the operating system could not read the file
  static absl::StatusOr<NpzFile> Open(const std::string& path);

  const std::string& path() const { return zip_.path(); }  // Absolute.
  // Sorted; without ".npy", as NumPy has them.
  std::vector<std::string> names() const;
  bool Has(const std::string& name) const;

  // Reads no more of the file than it takes. That there are as many bytes as
  // the header says is not known yet, but that the archive's directory agrees.
  absl::StatusOr<NpyHeader> Header(const std::string& name) const;

  // Memory grows as the bytes come, and never beyond what the header says.
  // Values in Fortran's order take twice their size for a while.
  absl::StatusOr<NpyArray> Read(const std::string& name) const;

  // The values of an array of integers or bool, row-major: labels.
  // InvalidArgument for floats, and for a value of 2^63 or more.
  absl::StatusOr<std::vector<int64_t>> Integers(const std::string& name) const;

 private:
  struct Layout;

  explicit NpzFile(ZipFile zip) : zip_(std::move(zip)) {}
  absl::StatusOr<std::unique_ptr<ZipReader>> Start(
      const std::string& name) const;
  absl::StatusOr<Layout> ReadLayout(const std::string& name,
                                    ZipReader& reader) const;

  ZipFile zip_;
};

}  // namespace distill

#endif  // DISTILL_DATA_FORMATS_NPZ_H_
