#include "training/cuda_state.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace distill {

bool HasCodeFor(const std::vector<int>& architectures,
                const CudaDevice& device) {
  const int capability = 10 * device.major + device.minor;
  for (int architecture : architectures) {
    if (architecture / 10 == device.major && architecture <= capability) {
      return true;
    }
  }
  return !architectures.empty() && capability > architectures.back();
}

std::string ArchitectureNames(const std::vector<int>& architectures) {
  return absl::StrJoin(
      architectures, ", ", [](std::string* out, int architecture) {
        absl::StrAppend(out, architecture / 10, ".", architecture % 10);
      });
}

std::string CudaVersionName(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

namespace internal {

bool HasNvidiaDriver() {
  // The second is the Windows Subsystem for Linux.
  for (const char* mark :
       {"/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1"}) {
    if (access(mark, F_OK) == 0) return true;
  }
  return false;
}

std::string WhyNoDevice(const CudaState& state, bool too_old,
                        const std::string& error) {
  if (state.driver_version == 0) {
    return HasNvidiaDriver()
               ? "this machine has an NVIDIA driver, but its library "
                 "libcuda.so.1"
                 " cannot be loaded; in a container, start it with the GPUs "
                 "(docker run --gpus all)"
               : "this machine has no NVIDIA driver (no "
                 "/proc/driver/nvidia/version)";
  }
  if (too_old) {
    return absl::StrCat(
        "the NVIDIA driver is too old: it knows CUDA ",
        CudaVersionName(state.driver_version), ", and this program needs ",
        CudaVersionName(state.runtime_version), "; install a newer driver");
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  const std::string hidden =
      visible == nullptr ? ""
                         : absl::StrCat(" (CUDA_VISIBLE_DEVICES is \"", visible,
                                        "\", which hides all others)");
  if (error.empty()) {
    return absl::StrCat("the NVIDIA driver sees no device", hidden);
  }
  return absl::StrCat("the NVIDIA driver says \"", error, "\"", hidden);
}

}  // namespace internal
}  // namespace distill
