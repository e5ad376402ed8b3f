#include "training/device.h"

#include <fstream>

#include "ATen/Parallel.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace distill {
namespace {

// The processor's name as Linux gives it, or "CPU".
std::string CpuName() {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "CPU";
}

bool CpuMultipliesBFloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

absl::StatusOr<at::Device> ParseDevice(const std::string& device) {
  const CudaState cuda = QueryCuda();
  if (device == "cpu") return at::Device(at::kCPU);
  if (device == "auto") {
    return cuda.devices > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  }
  int index = 0;
  absl::string_view rest = device;
  if (!absl::ConsumePrefix(&rest, "cuda") ||
      (!rest.empty() && (!absl::ConsumePrefix(&rest, ":") ||
                         !absl::SimpleAtoi(rest, &index) || index < 0))) {
    return absl::InvalidArgumentError(
        absl::StrCat("--device is \"", device,
                     "\"; it must be cpu, cuda, cuda:N (N from 0) or auto"));
  }
  if (cuda.devices == 0) {
    return absl::UnavailableError(
        absl::StrCat("CUDA is missing: ", cuda.why_not,
                     ". To run on the CPU instead, pass --device=cpu."));
  }
  if (index >= cuda.devices) {
    return absl::UnavailableError(absl::StrCat(
        "CUDA device ", index, " is missing: this machine has ", cuda.devices,
        ", numbered from 0. Pass --device=cuda:", cuda.devices - 1,
        " or lower, or --device=cpu."));
  }
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

}  // namespace

absl::StatusOr<Compute> ResolveCompute(const std::string& device,
                                       const std::string& precision,
                                       int threads) {
  if (precision != "auto" && precision != "f32" && precision != "bf16") {
    return absl::InvalidArgumentError(
        absl::StrCat("--precision is \"", precision,
                     "\"; it must be f32, bf16 or auto (bf16 where the device "
                     "multiplies it natively)"));
  }
  if (threads < 0 || threads > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("--threads is ", threads,
                     "; it must be from 1 to 1024, or 0 for all processors"));
  }
  const absl::StatusOr<at::Device> parsed = ParseDevice(device);
  if (!parsed.ok()) return parsed.status();

  Compute compute;
  compute.device = *parsed;
  compute.device_name = parsed->str();
  if (threads > 0) at::set_num_threads(threads);
  compute.threads = at::get_num_threads();
  const bool cpu = parsed->is_cpu();
  compute.description =
      cpu ? absl::StrCat(CpuName(), ", ", compute.threads,
                         compute.threads == 1 ? " thread" : " threads")
          : "";
  const bool bf16 = precision == "bf16" ||
                    (precision == "auto" && (!cpu || CpuMultipliesBFloat16()));
  compute.dtype = bf16 ? at::kBFloat16 : at::kFloat;
  compute.precision_name = bf16 ? "bf16" : "f32";
  return compute;
}

}  // namespace distill
