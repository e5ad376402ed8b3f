#include "training/device.h"

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "ATen/Context.h"
#include "ATen/Parallel.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "c10/core/Allocator.h"
#include "c10/core/CPUAllocator.h"
#include "c10/core/alignment.h"
#include "models/gpu_kernels.h"
#include "training/threads.h"

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

// LibTorch's memory by malloc. It takes posix_memalign, which before glibc 2.38
// cannot take a block that was just freed for another one of its size: it looks
// for one that is larger by the alignment.
class AlignedBlocks final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &Free, at::kCPU};
    // Where malloc's block begins is kept in front of what is aligned.
    void* const block =
        std::malloc(bytes + sizeof(void*) + c10::gAlignment - 1);
    TORCH_CHECK(block != nullptr, "there is no memory for ", bytes, " bytes");
    const uintptr_t least = reinterpret_cast<uintptr_t>(block) + sizeof(void*);
    void** const data = reinterpret_cast<void**>(
        (least + c10::gAlignment - 1) / c10::gAlignment * c10::gAlignment);
    data[-1] = block;
    return {data, data, &Free, at::kCPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

 private:
  static void Free(void* data) {
    if (data != nullptr) std::free(static_cast<void**>(data)[-1]);
  }
};

// A step frees what the next one allocates again. Left to itself, the allocator
// gives large blocks back to the system in between, and the system clears each
// page that it hands out: a tenth of a step's time, and more with large
// batches.
void KeepFreedMemory() {
  constexpr int kLargest = 1 << 30;  // Bytes.
  mallopt(M_MMAP_THRESHOLD, kLargest);
  mallopt(M_TRIM_THRESHOLD, kLargest);
  static AlignedBlocks blocks;
  c10::SetCPUAllocator(&blocks);
}

// LibTorch's switches and the allocator's, which are the process's.
void SetUp(const Compute& compute, bool tf32) {
  KeepFreedMemory();
  if (compute.device.is_cpu()) return;
  at::Context& context = at::globalContext();
  // Off unless asked for; LibTorch's own default is on for convolutions.
  context.setAllowTF32CuBLAS(tf32);
  context.setAllowTF32CuDNN(tf32);
  context.setDeterministicCuDNN(compute.deterministic);
  if (compute.deterministic) {
    // cuBLAS reads it when it first starts.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/1);
  }
}

}  // namespace

absl::StatusOr<at::Device> ResolveDevice(const std::string& device,
                                         const CudaState& cuda) {
  if (device == "cpu") return at::Device(at::kCPU);
  if (device == "auto") {
    return !cuda.devices.empty() &&
                   HasCodeFor(cuda.architectures, cuda.devices[0])
               ? at::Device(at::kCUDA, 0)
               : at::Device(at::kCPU);
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
  const int count = static_cast<int>(cuda.devices.size());
  if (count == 0) {
    return absl::UnavailableError(
        absl::StrCat("CUDA is missing: ", cuda.why_not,
                     ". To run on the CPU instead, pass --device=cpu."));
  }
  if (index >= count) {
    return absl::UnavailableError(
        absl::StrCat("CUDA device ", index, " is missing: this machine has ",
                     count, ", numbered from 0. Pass --device=cuda:", count - 1,
                     " or lower, or --device=cpu."));
  }
  const CudaDevice& found = cuda.devices[index];
  if (!HasCodeFor(cuda.architectures, found)) {
    return absl::UnavailableError(absl::StrCat(
        "CUDA device ", index, " (", found.name, ") has compute capability ",
        found.major, ".", found.minor, ", and this program has code for ",
        ArchitectureNames(cuda.architectures),
        ". Add it in third_party/cuda/cuda_library.bzl and build again, or "
        "pass --device=cpu."));
  }
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
}

absl::StatusOr<Compute> ResolveCompute(const ComputeOptions& options,
                                       Ranks& ranks) {
  const std::string& precision = options.precision;
  if (precision != "auto" && precision != "f32" && precision != "tf32" &&
      precision != "bf16") {
    return absl::InvalidArgumentError(
        absl::StrCat("--precision is \"", precision,
                     "\"; it must be f32, tf32, bf16 or auto (bf16 where the "
                     "device multiplies it natively)"));
  }
  if (options.threads < 0 || options.threads > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("--threads is ", options.threads,
                     "; it must be from 1 to 1024, or 0 for all processors"));
  }
  const bool own = options.gpu_kernels == "own";
  if (!own && options.gpu_kernels != "libtorch") {
    return absl::InvalidArgumentError(
        absl::StrCat("--gpu_kernels is \"", options.gpu_kernels,
                     "\"; it must be libtorch or own"));
  }
  SetGpuKernels(own ? GpuKernels::kOwn : GpuKernels::kLibTorch);
  ASSIGN_OR_RETURN(at::Device device,
                   ResolveDevice(options.device, QueryCuda()));
  if (ranks.size() > 1 && device.is_cuda()) {
    if (absl::StrContains(options.device, ':')) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--device is ", options.device,
          ", and there are several processes, of which each needs a GPU of its "
          "own; pass --device=cuda"));
    }
    const auto gpus = static_cast<int64_t>(QueryCuda().devices.size());
    if (ranks.local_rank() >= gpus) {
      return absl::FailedPreconditionError(absl::StrCat(
          "found ", gpus, " GPUs, and that this process is number ",
          ranks.local_rank() + 1,
          " of its host; expected a GPU for each. Start fewer, or pass "
          "--device=cpu"));
    }
    ASSIGN_OR_RETURN(
        device,
        ResolveDevice(absl::StrCat("cuda:", ranks.local_rank()), QueryCuda()));
  }
  const bool cpu = device.is_cpu();
  if (cpu && precision == "tf32") {
    return absl::InvalidArgumentError(
        "--precision is \"tf32\", which a CPU does not have; with --device=cpu "
        "it must be f32, bf16 or auto");
  }

  Compute compute;
  compute.device = device;
  compute.device_name = device.str();
  const auto at_once = static_cast<int>(options.runs_at_once);
  if (at_once > 1 && ranks.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--runs_at_once is ", at_once, ", and there are ", ranks.size(),
        " processes, of which each makes runs of its own; leave it out"));
  }
  if (options.threads > 0) {
    RETURN_IF_ERROR(UseThreads(options.threads));
  } else {
    UseStartableThreads();  // A program has told of fewer already.
  }
  if (at_once > 1) {
    if (options.threads == 0) {
      at::set_num_threads(std::max(1, at::get_num_threads() / at_once));
    }
    const int wanted = at_once * at::get_num_threads();
    const int found = StartableThreads(wanted);
    if (found < wanted) {
      return absl::ResourceExhaustedError(
          absl::StrCat("--runs_at_once is ", at_once, ", which takes ", wanted,
                       " threads: found that no more than ", found,
                       " can be started; ask for fewer runs or --threads"));
    }
  }
  compute.threads = at::get_num_threads();
  compute.ranks = &ranks;
  compute.ranks_per_run = options.ranks_per_run;
  compute.runs_at_once = options.runs_at_once;
  if (cpu) {
    compute.description =
        absl::StrCat(CpuName(), ", ", compute.threads,
                     compute.threads == 1 ? " thread" : " threads");
  } else {
    const CudaDevice& found = QueryCuda().devices[device.index()];
    compute.description = absl::StrFormat(
        "%s, compute capability %d.%d, %.1f GiB", found.name, found.major,
        found.minor, static_cast<double>(found.bytes) / (1 << 30));
  }
  const bool bf16 = precision == "bf16" ||
                    (precision == "auto" && (!cpu || CpuMultipliesBFloat16()));
  compute.dtype = bf16 ? at::kBFloat16 : at::kFloat;
  compute.precision_name = bf16 ? "bf16" : precision == "tf32" ? "tf32" : "f32";
  compute.deterministic = cpu || options.deterministic;
  SetUp(compute, precision == "tf32");
  return compute;
}

}  // namespace distill
