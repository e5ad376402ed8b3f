// Where a run computes, and in which precision.
#ifndef DISTILL_TRAINING_DEVICE_H_
#define DISTILL_TRAINING_DEVICE_H_

#include <string>

#include "absl/status/statusor.h"
#include "c10/core/Device.h"
#include "c10/core/ScalarType.h"

namespace distill {

// Whether CUDA works in this program on this machine.
struct CudaState {
  int devices = 0;
  // Empty if devices > 0; else the reason in words, with what to do.
  std::string why_not;
};
CudaState QueryCuda();

struct Compute {
  at::Device device = at::kCPU;
  // "cpu" or "cuda:0".
  std::string device_name;
  // What it is, for people: "AMD EPYC, 2 threads".
  std::string description;
  // kFloat or kBFloat16: of the products in convolutions and hidden layers.
  // Weights, losses and the optimizer's state are float32 always.
  at::ScalarType dtype = at::kFloat;
  // "f32" or "bf16".
  std::string precision_name;
  int threads = 1;
};

// Turns the words of the command line into what a run needs, and sets the
// process's number of threads.
//
// device: "cpu", "cuda" (the first), "cuda:N", or "auto" (CUDA if it works,
// else the CPU). Nothing but "auto" ever falls back to another device.
// precision: "f32", "bf16", or "auto" (bf16 where the device multiplies it
// natively, else f32).
// threads: of the CPU, 1 to 1024; 0 leaves the choice to LibTorch, which takes
// the processors that this process may use.
//
// InvalidArgument for other words; Unavailable where CUDA is asked for and
// missing, with the reason and what to do.
absl::StatusOr<Compute> ResolveCompute(const std::string& device,
                                       const std::string& precision,
                                       int threads);

}  // namespace distill

#endif  // DISTILL_TRAINING_DEVICE_H_
