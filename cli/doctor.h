// The program `doctor`, without its flags: what tests call.
#ifndef DISTILL_CLI_DOCTOR_H_
#define DISTILL_CLI_DOCTOR_H_

#include <ostream>
#include <string>
#include <vector>

#include "training/cuda_state.h"
#include "training/ranks.h"

namespace distill {

struct DoctorOptions {
  // A folder with the four IDX files, see FindDataset; empty: the default.
  std::string data_dir;
  // The program's path, which Bazel's files are found by; or none.
  std::string program;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table
        .Add("data_dir", &data_dir,
             "Folder with the four IDX files of MNIST, plain or .gz, or the "
             "one above MNIST/raw. Default: what Bazel fetched, else ./data.")
        .Path();
  }
};

// Says of LibTorch, CUDA, the processor, the data and a real convolution on
// each device what was found, one line each, with what to do about what is
// wrong; then how many things are. Returns the exit code: 0, or 1 if something
// is wrong. A CPU build on a machine without a GPU is not. Of several ranks all
// call it, and rank 0 says what is wrong on another, too.
int RunDoctor(const DoctorOptions& options, std::ostream& out,
              Ranks& ranks = OneProcess());

namespace internal {

struct Finding {
  bool good = true;
  std::string text;
};

// What a person should know of this build's CUDA on this machine.
std::vector<Finding> JudgeCuda(const CudaState& cuda, bool driver_installed);

}  // namespace internal
}  // namespace distill

#endif  // DISTILL_CLI_DOCTOR_H_
