// What CUDA is on this machine, to this program.
#ifndef DISTILL_TRAINING_CUDA_STATE_H_
#define DISTILL_TRAINING_CUDA_STATE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace distill {

struct CudaDevice {
  std::string name;          // "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;  // Compute capability.
  int64_t bytes = 0;         // Of memory.
};

struct CudaState {
  // Whether this is a CUDA build, and which CUDA the runtime library and the
  // driver are of: 13000 is 13.0; 0 is none.
  bool built = false;
  int runtime_version = 0;
  int driver_version = 0;
  // Compute capabilities that this program has machine code for, times ten and
  // rising: {80, 90}. Those of the last can also be compiled by the driver for
  // any later device.
  std::vector<int> architectures;

  std::vector<CudaDevice> devices;
  // Empty if there are devices; else the reason in words, with what to do.
  std::string why_not;
};

// Asks the driver, once.
const CudaState& QueryCuda();

// Whether a program with code for `architectures` runs on the device: machine
// code runs on its own and later minor versions of its major one.
bool HasCodeFor(const std::vector<int>& architectures,
                const CudaDevice& device);

// "8.0, 9.0".
std::string ArchitectureNames(const std::vector<int>& architectures);

// "13.0" for 13000.
std::string CudaVersionName(int version);

namespace internal {

// Whether an NVIDIA driver is installed, however it works.
bool HasNvidiaDriver();

// why_not for what cudaGetDeviceCount said: `error` is its text, empty for a
// count of 0.
std::string WhyNoDevice(const CudaState& state, bool too_old,
                        const std::string& error);

}  // namespace internal
}  // namespace distill

#endif  // DISTILL_TRAINING_CUDA_STATE_H_
