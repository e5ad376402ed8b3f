#include "cli/doctor.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "ATen/Version.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/text.h"
#include "base/torch_status.h"
#include "base/uniform_tensor.h"
#include "cli/paths.h"
#include "data/load.h"
#include "models/conv_block.h"
#include "models/kernel_choice.h"
#include "torch/version.h"
#include "training/device.h"

namespace distill {
namespace {

using internal::Finding;

// The largest difference from the convolution in double that rounding explains,
// relative to the largest result: sums of 288 products, each rounded to 24 bits
// (float32), to 11 (tf32, which stays off here) or to 8 (bfloat16).
constexpr double kFloatTolerance = 1e-4;
constexpr double kBFloat16Tolerance = 3e-2;

class Report {
 public:
  explicit Report(std::ostream& out) : out_(out) {}

  void Add(const std::string& what, const Finding& finding) {
    out_ << absl::StrFormat("%-4s %-13s ", finding.good ? "ok" : "BAD",
                            what + ":")
         << finding.text << std::endl;
    if (finding.good) return;
    if (++problems_ == 1)
      first_problem_ = absl::StrCat(what, ": ", finding.text);
  }
  void Add(const std::string& what, const std::string& text) {
    Add(what, Finding{true, text});
  }
  int problems() const { return problems_; }
  const std::string& first_problem() const { return first_problem_; }

 private:
  std::ostream& out_;
  int problems_ = 0;
  std::string first_problem_;
};

// The shared objects of LibTorch, CUDA and OpenMP that this process has loaded,
// by their files' paths.
std::vector<std::string> LoadedLibraries() {
  std::set<std::string> found;
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    const size_t slash = line.find('/');
    if (slash == std::string::npos) continue;
    const std::string path = line.substr(slash);
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const char* start :
         {"libtorch", "libc10", "libcu", "libnv", "libnccl", "libgomp"}) {
      if (absl::StartsWith(name, start)) found.insert(path);
    }
  }
  return {found.begin(), found.end()};
}

// Where the compiler of a CUDA build is looked for, see third_party/cuda.
std::string Toolkit() {
  std::vector<std::string> places;
  const char* home = std::getenv("CUDA_HOME");
  if (home != nullptr) places.push_back(absl::StrCat(home, "/bin"));
  const char* path = std::getenv("PATH");
  for (absl::string_view folder :
       absl::StrSplit(path == nullptr ? "" : path, ':')) {
    places.push_back(std::string(folder));
  }
  places.push_back("/usr/local/cuda/bin");
  for (const std::string& place : places) {
    if (std::ifstream(place + "/nvcc").good()) return place + "/nvcc";
  }
  return "no nvcc (only a build with --config=cuda needs one)";
}

// One block of the teacher's size on `device`, against double on the CPU.
Finding TryConvolution(at::Device device, at::ScalarType dtype) {
  Finding finding;
  const absl::Status status = CatchTorchErrors("convolving", [&] {
    Random random(0, "doctor");
    const at::Tensor x = UniformTensor({16, 14, 14, 32}, 1, random);
    const at::Tensor weight = UniformTensor({64, 32, 3, 3}, 1, random);
    const at::Tensor bias = UniformTensor({64}, 1, random);
    const at::Tensor expected = ConvBlockComposed(
        x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble),
        at::kDouble, ConvBlockOutput::kChannelsFirst);
    const at::Tensor found =
        ConvBlock(x.to(device), weight.to(device), bias.to(device), dtype,
                  ConvBlockOutput::kChannelsFirst)
            .to(at::kCPU, at::kDouble);
    const double difference =
        ((found - expected).abs().max() / expected.abs().max()).item<double>();
    const double tolerance =
        dtype == at::kFloat ? kFloatTolerance : kBFloat16Tolerance;
    finding.good = difference <= tolerance;
    finding.text = absl::StrFormat(
        "%s in %s: %s (largest difference from float64: %.1e of the largest "
        "value; at most %.0e is rounding)",
        device.str(), dtype == at::kFloat ? "f32" : "bf16",
        finding.good ? "right" : "WRONG: do not train on this device",
        difference, tolerance);
    return absl::OkStatus();
  });
  if (!status.ok()) {
    finding.good = false;
    finding.text = absl::StrCat(device.str(), ": ", status.message());
  }
  return finding;
}

Finding TryData(const std::string& folder, Split split) {
  const auto dataset = LoadDataset(folder, split);
  if (!dataset.ok()) {
    return {false, std::string(dataset.status().message())};
  }
  return {true, absl::StrFormat("%s, %s images, in %s", dataset->name,
                                WithCommas(dataset->count), folder)};
}

// "1.5 MB in 2.5 ms".
std::string SumText(Ranks& ranks, int64_t numbers) {
  const double seconds = ranks.SecondsToSum(numbers);
  const double bytes = 4.0 * static_cast<double>(numbers);
  return absl::StrFormat("%s in %s",
                         bytes < 1e6 ? absl::StrFormat("%g B", bytes)
                                     : absl::StrFormat("%.3g MB", bytes / 1e6),
                         seconds < 1e-3
                             ? absl::StrFormat("%.0f us", seconds * 1e6)
                             : absl::StrFormat("%.1f ms", seconds * 1e3));
}

// Each of several processes, what is wrong there, and how fast their numbers
// are summed.
void AddRanks(Ranks& ranks, const std::string& processor, Report& report) {
  const std::string gpus =
      QueryCuda().devices.empty()
          ? ""
          : absl::StrCat(
                ", ",
                Count(static_cast<int64_t>(QueryCuda().devices.size()), "GPU"));
  const auto ranks_there =
      ranks.Gather(absl::StrCat(ranks.Name(), ": ", processor, gpus));
  const auto wrong_there = ranks.Gather(
      report.problems() == 0
          ? ""
          : absl::StrCat(ranks.Name(), ": ", report.first_problem()));
  for (size_t i = 0; i < ranks_there.size(); ++i) {
    report.Add("process", ranks_there[i]);
    if (i > 0 && !wrong_there[i].empty()) {
      report.Add("process", Finding{false, wrong_there[i]});
    }
  }
  report.Add("all-reduce",
             absl::StrCat(SumText(ranks, 1), ", ", SumText(ranks, 1 << 18),
                          ", ", SumText(ranks, 1 << 22)));
}

}  // namespace

namespace internal {

std::vector<Finding> JudgeCuda(const CudaState& cuda, bool driver_installed) {
  std::vector<Finding> findings;
  if (!cuda.built) {
    findings.push_back(
        {true, driver_installed
                   ? "this is a CPU build on a machine with an NVIDIA driver; "
                     "for the GPU build with --config=cuda"
                   : "this is a CPU build, and this machine has no NVIDIA "
                     "driver: nothing is missing"});
    return findings;
  }
  findings.push_back(
      {true,
       absl::StrCat("this is a CUDA ", CudaVersionName(cuda.runtime_version),
                    " build with code for compute capability ",
                    ArchitectureNames(cuda.architectures),
                    ", and for later ones through the driver")});
  if (cuda.driver_version > 0) {
    findings.push_back(
        {true, absl::StrCat("the driver knows CUDA ",
                            CudaVersionName(cuda.driver_version))});
  }
  if (cuda.devices.empty()) {
    findings.push_back(
        {false, absl::StrCat(cuda.why_not,
                             "; --device=cpu works without a GPU, and "
                             "--config=cpu builds without CUDA")});
  }
  for (size_t i = 0; i < cuda.devices.size(); ++i) {
    const CudaDevice& device = cuda.devices[i];
    const bool has_code = HasCodeFor(cuda.architectures, device);
    findings.push_back(
        {has_code,
         absl::StrFormat(
             "cuda:%d is %s, compute capability %d.%d, %.1f GiB%s", i,
             device.name, device.major, device.minor,
             static_cast<double>(device.bytes) / (1 << 30),
             has_code ? ""
                      : ": no kernel image. Add its capability in "
                        "third_party/cuda/cuda_library.bzl and build again")});
  }
  return findings;
}

}  // namespace internal

int RunDoctor(const DoctorOptions& options, std::ostream& out, Ranks& ranks) {
  Report report(out);
  const CudaState& cuda = QueryCuda();
  report.Add("LibTorch",
             absl::StrCat(TORCH_VERSION, ", ",
                          cuda.built ? "linked with CUDA" : "CPU only"));
  for (const Finding& finding :
       internal::JudgeCuda(cuda, internal::HasNvidiaDriver())) {
    report.Add("CUDA", finding);
  }
  if (cuda.built && at::globalContext().hasCUDA()) {
    report.Add("cuDNN",
               absl::StrCat(at::detail::getCUDAHooks().versionRuntimeCuDNN()));
  }
  report.Add("toolkit", Toolkit());
  for (const std::string& library : LoadedLibraries()) {
    report.Add("loaded", library);
  }

  ComputeOptions cpu;
  cpu.device = "cpu";
  const auto compute = ResolveCompute(cpu);
  if (compute.ok()) {
    report.Add(
        "processor",
        absl::StrFormat("%s; convolutions use %s, LibTorch uses %s",
                        compute->description, kernels::IsaName(ChosenIsa()),
                        at::get_cpu_capability()));
  } else {
    report.Add("processor",
               Finding{false, std::string(compute.status().message())});
  }

  std::vector<at::Device> devices = {at::kCPU};
  for (size_t i = 0; i < cuda.devices.size(); ++i) {
    devices.emplace_back(at::kCUDA, static_cast<at::DeviceIndex>(i));
  }
  at::globalContext().setAllowTF32CuDNN(false);
  for (const at::Device device : devices) {
    for (at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      report.Add("convolution", TryConvolution(device, dtype));
    }
  }
  const std::string folder = options.data_dir.empty()
                                 ? DefaultDataFolder(options.program)
                                 : options.data_dir;
  report.Add("training set", TryData(folder, Split::kTrain));
  report.Add("test set", TryData(folder, Split::kTest));

  if (ranks.size() > 1) {
    AddRanks(ranks, compute.ok() ? compute->description : "?", report);
  }

  out << (report.problems() == 0
              ? "All is well."
              : absl::StrCat(Count(report.problems(), "problem"),
                             ", marked BAD."))
      << std::endl;
  return report.problems() == 0 ? 0 : 1;
}

}  // namespace distill
