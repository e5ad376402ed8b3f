// Where a run computes, and in which precision.
#ifndef DISTILL_TRAINING_DEVICE_H_
#define DISTILL_TRAINING_DEVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"
#include "training/cuda_state.h"
#include "training/ranks.h"

namespace distill {

struct Compute {
  at::Device device = at::kCPU;
  // "cpu" or "cuda:0".
  std::string device_name;
  // What it is, for people: "AMD EPYC, 2 threads".
  std::string description;
  // kFloat or kBFloat16: of the products in convolutions and hidden layers.
  // Weights, losses and the optimizer's state are float32 always.
  at::ScalarType dtype = at::kFloat;
  // "f32", "tf32" or "bf16".
  std::string precision_name;
  bool deterministic = true;
  int threads = 1;
  // The processes that compute together; never null.
  Ranks* ranks = &OneProcess();
  // Of these, how many make one of several runs together; 0: one.
  int64_t ranks_per_run = 0;
  // Runs that one process makes at the same time.
  int64_t runs_at_once = 1;
};

// The words of the command line.
struct ComputeOptions {
  // "cpu", "cuda" (the first), "cuda:N", or "auto" (CUDA if it works, else the
  // CPU). Nothing but "auto" ever falls back to another device.
  std::string device = "cuda";
  // "f32"; "tf32" (a GPU's products of float32 numbers rounded to 10 bits); or
  // "bf16"; or "auto": bf16 where the device multiplies it natively, else f32.
  std::string precision = "auto";
  // Of the CPU, 1 to 1024; 0 leaves the choice to LibTorch, which takes the
  // processors that this process may use, and takes no more than CpuLimit().
  int threads = 0;
  // On a GPU: only algorithms that give the same bits every time. The CPU
  // always has such.
  bool deterministic = false;
  // On a GPU: "own" or "libtorch" (models/gpu_kernels.h).
  std::string gpu_kernels = "libtorch";
  // Of several processes.
  int64_t ranks_per_run = 0;
  // Of one process with several runs, at least 1. The processors are shared
  // among them where `threads` is 0.
  int64_t runs_at_once = 1;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Where it computes");
    table
        .Add("device", &device,
             "cuda, cuda:N, cpu, or auto (CUDA if it works, else the CPU). "
             "Only auto ever falls back.")
        .Common("cpu, cuda, cuda:N or auto");
    table.Add("precision", &precision,
              "Of the products in convolutions and hidden layers: f32, tf32 "
              "(GPUs only), bf16, or auto (bf16 where the device multiplies it "
              "natively). Weights, losses and the optimizer's state are "
              "float32 always.");
    table.Add("threads", &threads,
              "Threads on the CPU; 0 takes the processors that the process may "
              "use. Another number gives other rounding, and so another run.");
    table.Add("deterministic", &deterministic,
              "On a GPU: only algorithms that give the same bits every time, "
              "which may be slower ones. The CPU's always do.");
    table.Add("gpu_kernels", &gpu_kernels,
              "Who computes cnn: and mlp: nets and Adam on a GPU: libtorch, or "
              "own, kernels that were proved on a CPU and never ran on a GPU "
              "yet.");
    table
        .Add("runs_at_once", &runs_at_once,
             "Of several runs: how many are made side by side, each with its "
             "share of the processors, or of one GPU. That is faster where a "
             "run alone cannot use them all.")
        .Within(1, 1024)
        .NotInConfiguration();
    table
        .Add("ranks_per_run", &ranks_per_run,
             "With several processes (mpirun) and several runs: how many "
             "processes make a run together, so that the others make others "
             "meanwhile; 0 is 1. A single run is made by all.")
        .AtLeast(0)
        .NotInConfiguration();
  }
};

// Turns the words into what a run needs, and sets the process's number of
// threads and LibTorch's precision and determinism.
//
// InvalidArgument for other words; Unavailable where CUDA is asked for and
// missing, or has no device that this program has code for, with the reason and
// what to do; ResourceExhausted where not so many threads can be started.
//
// Of several `ranks`, "cuda" is the device of the rank's number on its host:
// each has one of its own. FailedPrecondition if there are fewer devices.
absl::StatusOr<Compute> ResolveCompute(const ComputeOptions& options,
                                       Ranks& ranks = OneProcess());

// The device alone, on a machine whose CUDA is `cuda`.
absl::StatusOr<at::Device> ResolveDevice(const std::string& device,
                                         const CudaState& cuda);

}  // namespace distill

#endif  // DISTILL_TRAINING_DEVICE_H_
