// NumPy's .npz files for tests, and the zip archives that they are.
#ifndef DISTILL_TESTS_TESTING_NPZ_H_
#define DISTILL_TESTS_TESTING_NPZ_H_

#include <cstdint>
#include <string>
#include <vector>

namespace distill {
namespace testing {

// A file in the NPY format with any header and data. Version 1 has 2 bytes for
// the header's size, others have 4.
std::string NpyFileOf(const std::string& header, const std::string& data,
                      int version = 1);

// As numpy.save writes it. `descr` is NumPy's: "|u1", "<i8".
std::string NpyFile(const std::string& descr, const std::vector<int64_t>& shape,
                    const std::string& data, bool fortran_order = false);

struct ZipEntry {
  std::string name;  // "train_images.npy"
  std::string bytes;
  bool deflated = true;
  bool zip64 = false;         // Its sizes and its place are in extra fields.
  bool sizes_follow = false;  // Its sizes come after its data.
};

// A zip archive. With `zip64` its end is one for archives of any size.
std::string ZipArchive(const std::vector<ZipEntry>& entries,
                       const std::string& comment = "", bool zip64 = false);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_NPZ_H_
